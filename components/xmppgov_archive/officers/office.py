"""Wires what the officers have to do with an open archive, and runs it beside it."""

from __future__ import annotations

import secrets
import time
from collections.abc import AsyncIterator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from functools import partial
from typing import NamedTuple

from xmppgov.adhoc.model import Command
from xmppgov.errors import ConfigurationError
from xmppgov.i18n import Texts
from xmppgov.storage.files import write_file
from xmppgov_archive.config import ArchiveSection
from xmppgov_archive.inspection.store import InspectionStore
from xmppgov_archive.log.folder import LogFolder
from xmppgov_archive.officers.access import Accesses
from xmppgov_archive.officers.dialogue import Dialogue, Subject, access_subject
from xmppgov_archive.officers.execution import Executor
from xmppgov_archive.officers.months import MonthEnds
from xmppgov_archive.officers.roots import DayRoots
from xmppgov_archive.officers.service import Requests, Rules
from xmppgov_archive.officers.store import MonthStore, NameStore, RequestStore
from xmppgov_archive.officers.succession.service import Successions, succession_subject
from xmppgov_archive.parts import Parts
from xmppgov_archive.records.keys import load_generations, load_public_key

texts = Texts("xmppgov_archive")
HOUR, MINUTE = 3_600_000, 60_000  # ms


class Office(NamedTuple):
    """The ends of months, the requests, and the commands by which these are made and answered."""

    months: MonthEnds
    requests: Requests
    commands: Sequence[Command]


class Plugin(NamedTuple):
    """Another feature's kind of request: what is filled in for it, and who does it."""

    subject: Subject
    executor: Executor


@asynccontextmanager
async def office(
    section: ArchiveSection, parts: Parts, plugins: Sequence[Plugin] = ()
) -> AsyncIterator[Office]:
    """End months when their time has come, and take requests, during the block.

    Raises:
        ConfigurationError: there are officers' accounts, and no shares.
    """
    async with AsyncExitStack() as stack:
        reading = await InspectionStore.open(section.database)
        stack.push_async_callback(reading.close)
        months = await stack.enter_async_context(_months(section, parts))
        names = await NameStore.open(section.database)
        stack.push_async_callback(names.close)
        access = Plugin(
            access_subject(section.officers.purposes, section.officers.most_rows, parts.clock),
            _accesses(section, parts, reading, names),
        )
        every = (access, _succession(section, parts), *plugins)
        requests = await stack.enter_async_context(_requests(section, parts, every))
        dialogue = Dialogue(requests, parts.clock, time.monotonic)
        yield Office(months, requests, dialogue.commands([p.subject for p in every]))


def _months(section: ArchiveSection, parts: Parts) -> MonthEnds:
    return MonthEnds(
        archive=parts.archive,
        store=MonthStore(parts.store.database),
        keys=parts.keys,
        names=parts.names,
        resolving=load_public_key(section.resolving_key_file),
        rules=section.month_rules,
        clock=parts.clock,
        write=partial(write_file, mode=0o600),
    )


def _accesses(
    section: ArchiveSection, parts: Parts, records: InspectionStore, names: NameStore
) -> Accesses:
    bundle = LogFolder(section.tiles_dir).bundle
    return Accesses(
        archive=parts.archive,
        records=records,
        names=names,
        roots=DayRoots(names, bundle, lambda: parts.archive.signed_size),
        keys=parts.keys,
        rest=parts.rest,
        purposes=section.officers.purposes,
        most_rows=section.officers.most_rows,
        clock=parts.clock,
    )


def _succession(section: ArchiveSection, parts: Parts) -> Plugin:
    executor = Successions(
        archive=parts.archive,
        generations=load_generations(section.resolving_key_file),
        vkey=str(parts.signing_key.verifier),
        clock=parts.clock,
    )
    return Plugin(succession_subject(), executor)


def _requests(section: ArchiveSection, parts: Parts, plugins: Sequence[Plugin]) -> Requests:
    settings = section.officers
    generations = load_generations(section.resolving_key_file)
    if settings.roles and not generations[0].commitments:
        raise ConfigurationError(
            texts(
                "{path}: this key was made without officers' shares; make one with: "
                "xmppgov archive officers init",
                path=section.resolving_key_file,
            )
        )
    approval, answer = settings.approval_hours * HOUR, settings.answer_minutes * MINUTE
    return Requests(
        archive=parts.archive,
        store=RequestStore(parts.store.database),
        executors={plugin.subject.kind: plugin.executor for plugin in plugins},
        rules=Rules(settings.roles, int(approval), int(answer)),
        generations=generations,
        key=parts.signing_key,
        clock=parts.clock,
        uptime=time.monotonic,
        random=secrets.token_bytes,
    )
