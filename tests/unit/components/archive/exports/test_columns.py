"""No export goes by columns that somebody has changed for a moment."""

from __future__ import annotations

import asyncio
import sqlite3

import pytest

from tests.unit.components.archive.conftest import Place
from tests.unit.components.archive.exports.exporting import exported, filled
from xmppgov.errors import CheckFailed

LATER = 2 * 86_400_000  # ms


def move(place: Place, seq: int, by: int) -> None:
    """Change the time that the database has of a record."""
    with sqlite3.connect(place.section.database, timeout=10) as database:
        database.execute("UPDATE records SET t = t + ? WHERE seq = ?", (by, seq))
    database.close()


@pytest.mark.parametrize("form", ["csv", "ndjson"])
@pytest.mark.parametrize("seq", [5, 19])
def test_a_record_that_was_moved_stops_the_export(place: Place, form: str, seq: int) -> None:
    asyncio.run(filled(place))
    options = ("--format", form, "--purpose", "evidence")
    whole = exported(place, *options)
    move(place, seq, LATER)
    with pytest.raises((CheckFailed, FileNotFoundError)):
        exported(place, *options)
    move(place, seq, -LATER)
    assert len(exported(place, *options).splitlines()) == len(whole.splitlines())
