"""Wires the archive from its configuration and runs it."""

from __future__ import annotations

import asyncio
import os
import resource
import secrets
import sys
import time
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path

from xmppgov.adhoc.component import Commands
from xmppgov.adhoc.model import Command
from xmppgov.archive.exports.member import MemberProof
from xmppgov.archive.stanza import NS
from xmppgov.config import load
from xmppgov.logs import configure_logging
from xmppgov.process import run
from xmppgov.storage.files import sync_everything
from xmppgov.xmpp.component import Component
from xmppgov_archive.component import ArchiveComponent, unit_from_directory
from xmppgov_archive.config import ArchiveSection, Config
from xmppgov_archive.inspection.pulse import beating
from xmppgov_archive.log.service import opened_log, shared
from xmppgov_archive.log.store import WitnessStore
from xmppgov_archive.members.component import MemberCommands
from xmppgov_archive.members.policy import QUESTIONS, Allowance
from xmppgov_archive.members.service import proving
from xmppgov_archive.metrics.service import measured
from xmppgov_archive.officers.months import close_months
from xmppgov_archive.officers.office import office
from xmppgov_archive.officers.store import SCHEMA, MonthStore
from xmppgov_archive.parts import Parts
from xmppgov_archive.records.keys import KeyRing, load_public_key
from xmppgov_archive.records.policy import Label, Labels
from xmppgov_archive.records.pseudonyms import Pseudonyms
from xmppgov_archive.records.rest import AtRest
from xmppgov_archive.records.service import Archive
from xmppgov_archive.records.store import RecordStore
from xmppgov_archive.records.units import Ask, Units
from xmppgov_archive.retention import store as retention
from xmppgov_archive.retention.offers import commands, plugins
from xmppgov_archive.retention.wiring import renew_keys, retaining

Clock = Callable[[], int]


def _now() -> int:
    return time.time_ns() // 1_000_000


@asynccontextmanager
async def build(config: Config) -> AsyncIterator[ArchiveComponent]:
    """Open the stores, integrate what a crash left, connect; close all of it at the end."""
    section = config.archive
    stream = Component(
        config.xmpp, name="Archive", identity=("component", "archive"), features=[NS]
    )
    ask = unit_from_directory(stream, section.directory) if section.directory else _nobody
    async with (
        opened(section, ask) as parts,
        retaining(section, parts) as kept,
        office(section, parts, plugins(parts, kept)) as desk,
    ):
        component = ArchiveComponent(stream=stream, archive=parts.archive, emitters=section.allowed)
        offered = [*members(section), *desk.commands, *commands(section, kept)]
        Commands(stream, offered, clock=_now, random=secrets.token_bytes)
        stream.start()
        try:
            yield component
        finally:
            await stream.stop()


def members(section: ArchiveSection) -> list[Command]:
    """Return the commands of members. The archive is opened anew for each question.

    So nothing of it, and no key, stays in memory longer than an answer takes.
    """

    async def prove(day: str, id: str, person: str) -> MemberProof:
        async with proving(section) as proofs:
            return await proofs.prove(day, id, person)

    allowance = Allowance(QUESTIONS, time.monotonic)
    return MemberCommands(prove=prove, domains=section.servers, allowance=allowance).commands()


@asynccontextmanager
async def opened(section: ArchiveSection, ask: Ask, clock: Clock = _now) -> AsyncIterator[Parts]:
    """The archive without its stream; `ask` finds a person's unit, `clock` returns ms UTC."""
    await asyncio.to_thread(sync_everything)
    resolving = load_public_key(section.resolving_key_file)
    async with AsyncExitStack() as stack:
        store = await RecordStore.open(section.database, SCHEMA, retention.SCHEMA)
        stack.push_async_callback(store.close)
        # The integrator must not see what a transaction has not committed yet.
        committed = await RecordStore.open_read_only(section.database)
        stack.push_async_callback(committed.close)
        log = await stack.enter_async_context(opened_log(section, committed, clock))
        keys = KeyRing(section.keys_dir, secrets.token_bytes)
        close_months(await MonthStore(store.database).months(), keys)
        await renew_keys(store, keys)
        names, rest = Pseudonyms(keys, resolving), AtRest(keys)
        archive = Archive(
            store=store,
            integrator=log.integrator,
            names=names,
            rest=rest,
            units=Units(ask, section.servers, time.monotonic),
            labels=labels(section),
            clock=clock,
            random=secrets.token_bytes,
        )
        await stack.enter_async_context(archive)
        witnesses = await WitnessStore.open(section.lock_database)
        stack.push_async_callback(witnesses.close)
        await stack.enter_async_context(shared(section, log, witnesses))
        await stack.enter_async_context(measured(section, log, witnesses, clock))
        await stack.enter_async_context(beating(section.pulse_file))
        yield Parts(archive, store, keys, names, rest, log.key, clock)


def labels(section: ArchiveSection) -> Labels:
    """Return the label of each family of kinds."""
    return {
        family: Label(name, kept.basis)
        for name, kept in section.classes.items()
        for family in kept.families
    }


async def _nobody(_address: str) -> str | None:
    return None


def main(config_path: Path) -> None:
    """Run the archive until SIGINT or SIGTERM."""
    config = load(Config, config_path)
    configure_logging(config.log)
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))  # keys are in memory
    os.nice(config.archive.niceness)  # people's messages win where both want the processor
    run(build(config))


if __name__ == "__main__":
    main(Path(sys.argv[1]))
