"""The witness's configuration file."""

from __future__ import annotations

from typing import Annotated, Self

from pydantic import AfterValidator, Field, model_validator

from xmppgov.config import ConfigPath, ListenSection, LogSection, Section, Settings
from xmppgov.tlog.cosignature import Ed25519CosignerKey, parse_key
from xmppgov.tlog.errors import NoteInvalid
from xmppgov.tlog.note import VerifierKey


def _log_key(vkey: str) -> str:
    try:
        key = parse_key(vkey)
    except NoteInvalid as error:
        raise ValueError(str(error.text)) from error
    if isinstance(key, Ed25519CosignerKey):
        raise ValueError("it is a witness's key, not a log's")
    return vkey


class WitnessSection(Section):
    """`[witness]`: its name and keys, and the database that remembers what it has signed."""

    name: str = Field(pattern=r"^[^\s+]+$", max_length=255)
    database: ConfigPath
    key_file: ConfigPath
    mldsa_key_file: ConfigPath | None = None


class LogKeySection(Section):
    """`[[logs]]`: a log that this witness follows; two with one origin are two keys of one log."""

    origin: str = Field(min_length=1, max_length=255)
    vkey: Annotated[str, AfterValidator(_log_key)]


class Config(Settings):
    """The whole file: `[witness]`, `[http]`, `[[logs]]`, `[log]`."""

    witness: WitnessSection
    http: ListenSection
    logs: tuple[LogKeySection, ...] = ()
    log: LogSection = LogSection()

    @model_validator(mode="after")
    def _key_once(self) -> Self:
        if len({(log.origin, log.vkey) for log in self.logs}) < len(self.logs):
            raise ValueError("logs: the same origin and key stand there twice")
        return self

    def log_keys(self) -> dict[str, tuple[VerifierKey, ...]]:
        """Return the keys of each log by origin."""
        found: dict[str, tuple[VerifierKey, ...]] = {}
        for log in self.logs:
            found[log.origin] = (*found.get(log.origin, ()), parse_key(log.vkey))
        return found
