"""Every write at a month's end fails once, in every way; then its key is sealed, and only there."""

from __future__ import annotations

import asyncio
import shutil
from functools import partial
from pathlib import Path

import pytest

from tests.faults.disk import Disk
from tests.faults.life import Emitter, Life
from tests.faults.sqlite import LIBRARY
from tests.unit.archive.batches import record
from tests.unit.components.archive.conftest import EPOCH, Place
from tests.unit.components.archive.test_faults import faults, life_in, prepared
from xmppgov.archive.day import month_start
from xmppgov.archive.sealing import PrivateKey
from xmppgov.storage.files import write_file
from xmppgov_archive.officers.model import MonthRules
from xmppgov_archive.officers.months import MonthEnds, open_month
from xmppgov_archive.officers.store import MonthStore
from xmppgov_archive.records.service import Archive

pytestmark = pytest.mark.skipif(LIBRARY is None, reason="Python's SQLite is not the system's")
OFFICERS = PrivateKey(bytes(range(32)))
END = month_start("2025-12") + 86_400_000


async def end_month(archive: Archive) -> None:
    """End what is due, as the archive does beside its batches."""
    months = MonthEnds(
        archive=archive,
        store=MonthStore(archive._store.database),
        keys=archive._names._keys,
        names=archive._names,
        resolving=OFFICERS.public,
        rules=MonthRules("sealed", 0),
        clock=lambda: END,
        write=partial(write_file, mode=0o600),
    )
    async with months:
        pass


def life(folder: Path) -> Life:
    """November is over: its key goes, and a late message of it arrives."""
    place = prepared(folder, 1, 2)
    place.now = END
    return Life(place, Emitter(EPOCH, [record(3)]), end_month)


def check(place: Place, key: bytes) -> None:
    """November's key is in its sealed form, and nowhere else."""
    folder = place.section.keys_dir
    assert not (folder / "month-2025-11.key").exists()
    sealed = (folder / "month-2025-11.sealed").read_bytes()
    assert open_month(sealed, "2025-11", OFFICERS) == key
    assert not any(key in path.read_bytes() for path in folder.iterdir() if path.is_file())


def test_every_write_of_a_month_s_end_can_fail(tmp_path: Path) -> None:
    begun = life(tmp_path / "base")
    key = (begun.place.section.keys_dir / "month-2025-11.key").read_bytes()
    whole = Disk(tmp_path / "whole")
    shutil.copytree(tmp_path / "base", tmp_path / "whole")
    one = life_in(begun, tmp_path / "whole")
    asyncio.run(one.under(whole))
    check(one.place, key)
    assert any("month-2025-11.sealed" in step for step in whole.steps)
    assert any("month-2025-11.key" in step for step in whole.steps)
    for fault in faults(whole.steps):
        folder = tmp_path / "again"
        shutil.copytree(tmp_path / "base", folder)
        one = life_in(begun, folder)
        disk = Disk(folder, fault)
        try:
            asyncio.run(one.under(disk))
            asyncio.run(one.check(asyncio.run(one.after(disk))))
            check(one.place, key)
        except BaseException as error:
            error.add_note(f"{fault} of {whole.steps[fault.at]}")
            raise
        shutil.rmtree(folder)
