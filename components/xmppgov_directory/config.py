"""The directory's configuration file (docs/operator.md)."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Self

from pydantic import Field, model_validator

from xmppgov.archive.emitter.config import EmitterSection
from xmppgov.config import ConfigPath, LogSection, Section, Settings, XmppSection
from xmppgov.directory.model import MOST_RESULTS


class DirectorySection(Section):
    """`[directory]`: the database, who may ask, and how much."""

    database: ConfigPath
    domains: Annotated[frozenset[str], Field(min_length=1)]
    """The organisation's domains: their people may search, and nobody else."""
    machines: frozenset[str] = frozenset()
    """Bare addresses, of components and bots, that may ask by `urn:xmppgov:directory:0`."""
    services: frozenset[str] = frozenset()
    """Of these, those that ask about everybody for their work; their questions are no look-ups."""
    max_results: int = Field(MOST_RESULTS, ge=1, le=MOST_RESULTS)
    searches_per_minute: int = Field(30, ge=1)

    @model_validator(mode="after")
    def _known(self) -> Self:
        """Refuse a service that may not ask at all."""
        if unknown := self.services - self.machines:
            raise ValueError(f"{min(unknown)} is in services and not in machines")
        return self

    @property
    def lookups_database(self) -> Path:
        """Where look-ups wait for the archive: apart, so that neither an import nor a search waits
        for the other."""
        return self.database.with_name(f"{self.database.stem}-lookups{self.database.suffix}")


class DirectorySettings(Settings):
    """The whole file."""

    xmpp: XmppSection
    directory: DirectorySection
    bots: dict[str, str] = Field(default_factory=dict)
    """The official accounts: name = bare address. They publish their device, people look it up."""
    emitter: EmitterSection | None = None
    log: LogSection = LogSection()
