"""The National Assembly's groups, from public data, as rooms: who would sit in each of them."""

from __future__ import annotations

import asyncio
import json
from collections import Counter
from datetime import date
from pathlib import Path

from tests.governance import governance
from tests.integration.test_rooms_follow import xmppgov
from tests.rooms import until
from xmppgov.config import load
from xmppgov.demo.prosody import Prosody
from xmppgov_directory import __file__ as directory_package
from xmppgov_directory.importer import Files, import_files
from xmppgov_directory.mapping import Mapping
from xmppgov_directory.store import Store

PROSODY_MODULES = "rooms keys"
SIZES = [170, 89, 75, 62, 51, 31, 30, 23, 22, 20]


async def import_deputies(data: Path, database: Path) -> None:
    """Import the deputies, bodies and memberships by the directory's own mapping."""
    mapping = Path(directory_package).parent / "mappings" / "assemblee.toml"
    names = ("deputies.csv", "bodies.csv", "memberships.csv")
    files = Files(*(next(data.rglob(name)) for name in names))
    store = await Store.open(database)
    try:
        await import_files(
            store, files, mapping=load(Mapping, mapping), today=date.today(), max_removals=1.0
        )
    finally:
        await store.close()


async def test_the_ten_groups(prosody: Prosody, tmp_path: Path, shared_data: Path) -> None:
    await import_deputies(shared_data, tmp_path / "directory.sqlite")
    config = str(tmp_path / "rooms.toml")
    with governance(prosody, tmp_path, "hold = true\n") as world:

        async def read() -> bool:
            return "directory read" in world.rooms.log.read_text("utf-8")

        await until(read, 30)
        shown = await asyncio.to_thread(
            xmppgov, "rooms", "sync", "--dry-run", "--json", "--config", config
        )
    rooms = json.loads(shown)["rooms"]
    assert sorted((len(r["people"]) for r in rooms), reverse=True) == SIZES
    states = Counter(p["state"] for r in rooms for p in r["people"])
    assert states == {"no account": sum(SIZES)}
    assert all(len({p["person"] for p in r["people"]}) == len(r["people"]) for r in rooms)
    assert not any(r["add"] or r["remove"] for r in rooms)
