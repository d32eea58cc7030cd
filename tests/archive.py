"""What an archive holds, opened as its own machine can: records, and pseudonyms of this month."""

from __future__ import annotations

import asyncio
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

from xmppgov.config import load
from xmppgov_archive.config import Config
from xmppgov_archive.inspection.service import inspected
from xmppgov_archive.records.pseudonyms import keyed

EVERY = 10**12


def records(config: Path) -> list[dict[str, Any]]:
    """Return every record of the archive with this configuration, in the log's order."""
    with ThreadPoolExecutor(1) as pool:  # the caller may be in a loop of its own
        return pool.submit(asyncio.run, _records(config)).result()


async def _records(config: Path) -> list[dict[str, Any]]:
    async with inspected(load(Config, config).archive) as archive:
        return [archive.opened(row).record for row in await archive.store.rows(0, EVERY)]


def pseudonyms(config: Path, sort: str, address: str) -> set[str]:
    """Return what an address ("person", "room" or "unit") is in the months whose keys are there."""
    keys = load(Config, config).archive.keys_dir.glob("month-*.key")
    return {keyed(key.read_bytes(), sort, address.encode()) for key in keys}


def references(config: Path, sort: str, id: str) -> set[str]:
    """Return what a message's id ("ref" or "oid") is on the days whose keys are there."""
    keys = load(Config, config).archive.keys_dir.glob("day-*.key")
    return {keyed(key.read_bytes(), sort, id.encode()) for key in keys}
