"""`[emitter]` in the configuration of a service that tells the archive what it does."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field, model_validator

from xmppgov.config import Section
from xmppgov.i18n import Texts

texts = Texts("xmppgov")
Address = Annotated[str, Field(min_length=3, pattern=r"^[^@/\s]+$")]


class EmitterSection(Section):
    """`[emitter]`: the main archive's address, and those of other archives of the same server.

    Which of them gets what is the server's to say (`xmppgov_capture_archive`). Without the section,
    events wait.
    """

    archive: Address
    others: tuple[Address, ...] = ()

    @model_validator(mode="after")
    def _each_once(self) -> EmitterSection:
        every = (self.archive, *self.others)
        if len(set(every)) < len(every):
            raise ValueError(texts("An archive is named twice."))
        return self
