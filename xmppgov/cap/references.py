"""References to earlier alerts: `sender,identifier,sent`, several separated by spaces (§3.2.1)."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Annotated

from xmppgov.cap.errors import Flaw
from xmppgov.cap.values import (
    Written,
    exact_moment,
    format_moment,
    parse_moment,
    single_name,
)
from xmppgov.i18n import Texts

texts = Texts(__package__)


@dataclass(frozen=True, slots=True)
class Reference:
    """What names one alert for everybody. Equal moments are equal, whatever their offsets."""

    sender: str
    identifier: str
    sent: datetime

    def __post_init__(self) -> None:
        single_name(self.sender)
        single_name(self.identifier)
        exact_moment(self.sent)

    def __str__(self) -> str:
        return f"{self.sender},{self.identifier},{format_moment(self.sent)}"

    @classmethod
    def parse(cls, text: str) -> Reference:
        """Read one reference.

        Raises:
            Flaw: it is none.
        """
        parts = text.split(",")
        if len(parts) != 3:
            raise _not_a_reference()
        try:
            return cls(parts[0], parts[1], parse_moment(parts[2]))
        except Flaw:
            raise _not_a_reference() from None


def parse_references(text: str) -> tuple[Reference, ...]:
    """Read the references that stand in one element."""
    return tuple(Reference.parse(part) for part in text.split())


def format_references(references: tuple[Reference, ...]) -> str:
    """Write references with spaces between them."""
    return " ".join(str(reference) for reference in references)


def _not_a_reference() -> Flaw:
    return Flaw(
        "references",
        texts(
            "it has to be SENDER,IDENTIFIER,SENT of an earlier alert, several separated by spaces."
        ),
    )


References = Annotated[
    tuple[Reference, ...], Written(parse_references, format_references, blank=True)
]
