"""`[emitter]` in the configuration of a service that tells the archive what it does."""

from __future__ import annotations

from pydantic import Field

from xmppgov.config import Section


class EmitterSection(Section):
    """`[emitter]`: the archive's address. Without the section, events wait in the spool."""

    archive: str = Field(min_length=3)
