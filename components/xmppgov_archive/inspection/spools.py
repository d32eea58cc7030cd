"""What each emitter last said of its spool, and who says too little or keeps too much."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from typing import NamedTuple

from xmppgov.i18n import Text, Texts
from xmppgov_archive.inspection.store import EpochState
from xmppgov_archive.records.store import Spool

texts = Texts("xmppgov_archive")
PATIENCE = 300_000  # ms that records may wait, or that an emitter may be silent


class SpoolRow(NamedTuple):
    """A spool as `status` shows it; times in ms UTC, `last` of the emitter's newest epoch.

    Who is `expected` says something each minute, also where nothing happens.
    """

    server: str
    last: int
    waiting: int
    oldest: int | None
    heard: int
    expected: bool


def spool_rows(
    epochs: Sequence[EpochState], spools: Sequence[Spool], expected: Collection[str]
) -> list[SpoolRow]:
    """Return a row for each emitter that ever spoke of its spool; `epochs` in their order.

    `expected` are the emitters that are still there.
    """
    last = {epoch.server: epoch.last for epoch in epochs}
    return [
        SpoolRow(
            s.server,
            last.get(s.server, 0),
            s.waiting,
            s.oldest if s.waiting else None,
            s.heard,
            s.server in expected,
        )
        for s in spools
    ]


def is_late(row: SpoolRow, now: int) -> bool:
    """Tell whether records have waited too long, or nothing was heard of who should speak."""
    if not row.waiting:
        return row.expected and now - row.heard > PATIENCE
    since = row.heard if row.oldest is None else min(row.heard, row.oldest)
    return now - since > PATIENCE


def lateness(rows: Sequence[SpoolRow], now: int) -> Iterator[Text]:
    """Yield a sentence for each spool that needs somebody to look."""
    for row in rows:
        if not is_late(row, now):
            continue
        silent = now - row.heard > PATIENCE
        since = row.heard if silent or row.oldest is None else row.oldest
        values = {"server": row.server, "count": row.waiting, "age": age(now - since)}
        if not row.waiting:
            yield texts("ALARM: {server}: nothing was heard for {age}.", **values)
        elif silent:
            yield texts(
                "ALARM: {server}: {count} records wait, and nothing was heard for {age}.", **values
            )
        else:
            yield texts("ALARM: {server}: {count} records wait, the oldest for {age}.", **values)


def age(milliseconds: int) -> Text:
    """Return a time that has passed in the unit that tells most."""
    seconds = max(milliseconds, 0) // 1000
    if seconds < 120:
        return texts("{n} s", n=seconds)
    if seconds < 7200:
        return texts("{n} min", n=seconds // 60)
    if seconds < 172_800:
        return texts("{n} h", n=seconds // 3600)
    return texts("{n} d", n=seconds // 86_400)
