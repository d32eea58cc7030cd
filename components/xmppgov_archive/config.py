"""The archive's configuration file."""

from __future__ import annotations

from pathlib import Path
from typing import Self

from pydantic import Field, model_validator

from xmppgov.archive.model import Label
from xmppgov.config import ConfigPath, LogSection, Section, Settings, XmppSection


class ArchiveSection(Section):
    """`[archive]`: where records, keys and the log lie, and whom the archive obeys."""

    database: ConfigPath
    lock_database: ConfigPath
    keys_dir: ConfigPath
    tiles_dir: ConfigPath
    signing_key_file: ConfigPath
    origin: str = Field(pattern=r"^[^\s+]+$", max_length=255)
    servers: tuple[str, ...] = Field(min_length=1)
    directory: str | None = None
    retention_class: Label = "messages"
    basis: Label = "public-task"
    checkpoint_interval: float = Field(0.5, ge=0.05, le=1.0)
    niceness: int = Field(10, ge=0, le=19)

    @model_validator(mode="after")
    def _apart(self) -> Self:
        """Keep what one backup must not hold together apart from the first day."""
        if self.keys_dir.is_relative_to(self.database.parent):
            raise ValueError("keys_dir lies in the database's folder; name a folder outside it")
        if self.lock_database == self.database:
            raise ValueError("lock_database is the database; name another file")
        return self

    @property
    def verifier_file(self) -> Path:
        """The file with the log's public key (a vkey), beside the tiles' folder."""
        return self.tiles_dir.parent / "verifier.vkey"


class Config(Settings):
    """The whole file: `[xmpp]`, `[archive]`, `[log]`."""

    xmpp: XmppSection
    archive: ArchiveSection
    log: LogSection = LogSection()
