"""What retention offers officers: kinds of requests with their forms, and the preview."""

from __future__ import annotations

from collections.abc import Sequence

from xmppgov.adhoc.model import Command
from xmppgov.archive.leaf import ROLES
from xmppgov_archive.config import ArchiveSection
from xmppgov_archive.officers.office import Plugin
from xmppgov_archive.parts import Parts
from xmppgov_archive.retention import policy
from xmppgov_archive.retention.dialogue import (
    erase_subject,
    hold_subject,
    preview_command,
    release_subject,
)
from xmppgov_archive.retention.model import Part
from xmppgov_archive.retention.requests import EraseRequests, HoldRequests, ReleaseRequests
from xmppgov_archive.retention.service import Preview, preview
from xmppgov_archive.retention.wiring import Retention


def plugins(parts: Parts, kept: Retention) -> Sequence[Plugin]:
    """Return the kinds of requests: hold, release, erase."""
    classes = kept.setting.classes
    holding = HoldRequests(holds=kept.holds, keys=parts.keys, classes=classes, clock=parts.clock)
    releasing = ReleaseRequests(holds=kept.holds)
    erasing = EraseRequests(promises=kept.promises, rounds=kept.rounds)

    def due() -> Sequence[Part]:
        there = [Part(*part) for part in parts.keys.parts()]
        return policy.due(there, kept.setting.periods, kept.holds.today)

    return (
        Plugin(hold_subject(holding.purposes), holding),
        Plugin(release_subject(releasing.purposes), releasing),
        Plugin(erase_subject(erasing.purposes, due), erasing),
    )


def commands(section: ArchiveSection, kept: Retention) -> Sequence[Command]:
    """Return what officers may read at any time."""

    async def found() -> Preview:
        holds = await kept.holds.lasting()
        counted = [hold for hold in holds if not hold.extent.names_somebody]
        due = await preview(kept.reading, kept.setting, kept.holds.today, counted)
        return due._replace(holds=holds)

    def is_officer(address: str) -> bool:
        return section.officers.roles.get(address) in ROLES

    return (preview_command(found, is_officer),)
