"""Wires what the officers have to do with an open archive, and runs it beside it."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from functools import partial

from xmppgov.storage.files import write_file
from xmppgov_archive.config import ArchiveSection
from xmppgov_archive.officers.months import MonthEnds
from xmppgov_archive.officers.store import MonthStore
from xmppgov_archive.parts import Parts
from xmppgov_archive.records.keys import load_public_key


@asynccontextmanager
async def office(section: ArchiveSection, parts: Parts) -> AsyncIterator[MonthEnds]:
    """End months when their time has come, during the block."""
    async with AsyncExitStack() as stack:
        months = MonthEnds(
            archive=parts.archive,
            store=MonthStore(parts.store.database),
            keys=parts.keys,
            names=parts.names,
            resolving=load_public_key(section.resolving_key_file),
            rules=section.month_rules,
            clock=parts.clock,
            write=partial(write_file, mode=0o600),
        )
        yield await stack.enter_async_context(months)
