"""Settings of the governance component; docs/protocol/rooms.md says what they lead to."""

from __future__ import annotations

from pydantic import Field

from xmppgov.archive.emitter.config import EmitterSection
from xmppgov.config import ConfigPath, LogSection, Section, Settings, XmppSection


class RoomsSection(Section):
    """`[rooms]`: what is followed, what is set, and how often one looks."""

    database: ConfigPath
    directory: str
    """The directory component's address."""
    muc: str
    """The MUC service's address; its module must name this component as its manager."""
    hosts: tuple[str, ...]
    """The domains that may say that somebody's keys changed."""
    operators: tuple[str, ...] = ()
    """The bare addresses that may ask for a comparison now."""
    hold: bool = False
    """Follow the directory and the keys, but change nothing on the server: `rooms sync --dry-run`
    then shows what would be done."""
    poll_seconds: float = Field(3.0, gt=0)
    recheck_seconds: float = Field(300.0, gt=0)
    """Everybody's keys are looked at again so often, in case a notice was lost."""
    concurrency: int = Field(8, ge=1, le=100)
    """How many people are asked for their keys, or given a bookmark, at the same time."""
    timeout_seconds: float = Field(8.0, gt=0)
    nudge_after_seconds: float = Field(3600.0, ge=0)
    """Somebody who waits for keys so long is written to, once, and again after a week at the
    earliest."""
    nudge_language: str = Field("fr", pattern="^(fr|en)$")


class RoomsSettings(Settings):
    """The configuration file of `xmppgov run rooms` and of `xmppgov rooms`."""

    xmpp: XmppSection
    rooms: RoomsSection
    emitter: EmitterSection | None = None
    operator: XmppSection | None = None
    """The account with which `xmppgov rooms sync` asks; one of `operators`."""
    log: LogSection = LogSection()
