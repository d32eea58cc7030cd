"""`[archive.classes]` and `[archive.agencies]`: what is kept how long, and whom slips name."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, Field, PlainSerializer, model_validator

from xmppgov.archive.model import Label
from xmppgov.config import Section
from xmppgov_archive.retention.model import Period

Family = Literal["msg", "file", "room", "alert", "dir"]
Kept = Annotated[
    Period,
    BeforeValidator(lambda said: Period.parse(said) if isinstance(said, str) else said),
    PlainSerializer(str),
]


class ClassSection(Section):
    """`[archive.classes.NAME]`: records of some families, kept as long and for the same reason.

    How long is said by `period`, a preset or whole months ("18m"), or by `months = 18`.
    """

    families: tuple[Family, ...] = Field(min_length=1)
    period: Kept = Period.parse("cnil-1y")
    basis: Label = "public-task"

    @model_validator(mode="before")
    @classmethod
    def _months(cls, said: Any) -> Any:
        """Take `months = 18` for `period = "18m"`."""
        if not isinstance(said, dict) or "months" not in said:
            return said
        if "period" in said:
            raise ValueError("it has a period and months; keep one of them")
        rest = {name: value for name, value in said.items() if name != "months"}
        return rest | {"period": f"{said['months']}m"}


CLASSES = {
    "messages": ClassSection(families=("msg", "file")),
    "governance": ClassSection(families=("room", "alert", "dir")),
}


class AgenciesSection(Section):
    """`[archive.agencies]`: whom elimination slips name, by the identifiers the archives know.

    Who is not named is the one before; the first is the log.
    """

    originating: str = ""
    archival: str = ""
    control: str = ""
