"""Wires retention to the archive that it belongs to."""

from __future__ import annotations

import secrets
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import NamedTuple

from xmppgov_archive.config import ArchiveSection
from xmppgov_archive.log.folder import LogFolder
from xmppgov_archive.parts import Parts
from xmppgov_archive.records.keys import KeyRing
from xmppgov_archive.records.store import RecordStore
from xmppgov_archive.retention.decisions import Decisions
from xmppgov_archive.retention.erasing.choice import Choice
from xmppgov_archive.retention.erasing.promise import Promises
from xmppgov_archive.retention.erasing.service import Erasing
from xmppgov_archive.retention.erasing.store import ErasingStore
from xmppgov_archive.retention.folder import SlipFolder
from xmppgov_archive.retention.rounds import Rounds
from xmppgov_archive.retention.service import Class, Holds, Setting
from xmppgov_archive.retention.slip import Agencies
from xmppgov_archive.retention.store import RetentionStore


class Retention(NamedTuple):
    """Holds and erasures, and what carries them out; `reading` reads beside who commits."""

    setting: Setting
    reading: RetentionStore
    holds: Holds
    promises: Promises
    rounds: Rounds


@asynccontextmanager
async def retaining(section: ArchiveSection, parts: Parts) -> AsyncIterator[Retention]:
    """Holds and erasures of an open archive; what was promised before is carried out."""
    reader = await RecordStore.open_read_only(section.database)
    try:
        made = _made(section, parts, reader)
        async with made.rounds:
            yield made
    finally:
        await reader.close()


async def renew_keys(store: RecordStore, keys: KeyRing) -> None:
    """Let what arrives for months that were erased have keys of its own."""
    erased = await ErasingStore(store.database, store.database).generations()
    for part, generation in erased.items():
        keys.renew(part.month, part.class_, generation)


def _made(section: ArchiveSection, parts: Parts, reader: RecordStore) -> Retention:
    kept, folder, clock = setting(section), SlipFolder(section.slips), parts.clock
    reading = RetentionStore(reader.database)
    store = ErasingStore(parts.store.database, reader.database)
    bundle = LogFolder(section.tiles_dir).bundle
    holds = Holds(
        archive=parts.archive,
        store=RetentionStore(parts.store.database),
        reading=reading,
        decisions=Decisions(bundle, lambda: parts.archive.signed_size),
        clock=clock,
        random=secrets.token_bytes,
    )
    choice = Choice(reading, parts.rest)
    promises = Promises(
        archive=parts.archive,
        holds=holds,
        reading=reading,
        choice=choice,
        store=store,
        keys=parts.keys,
        setting=kept,
        folder=folder,
        clock=clock,
    )
    erasing = Erasing(
        archive=parts.archive,
        store=store,
        choice=choice,
        bundle=bundle,
        holds=holds,
        keys=parts.keys,
        rest=parts.rest,
        names=parts.names,
        periods=kept.periods,
        folder=folder,
        clock=clock,
    )
    rounds = Rounds(holds=holds, erasing=erasing, store=store)
    return Retention(kept, reading, holds, promises, rounds)


def setting(section: ArchiveSection) -> Setting:
    """Return what the configuration says of classes, and of whom slips name."""
    named = section.agencies
    originating = named.originating or section.origin
    archival = named.archival or originating
    classes = {
        name: Class(kept.period, tuple(kept.families), kept.basis)
        for name, kept in section.classes.items()
    }
    agencies = Agencies(originating, archival, named.control or archival)
    return Setting(classes, agencies, section.origin)
