"""Whether the archive runs: it touches a file every few seconds, and removes it when it stops.

For people who look beside it. Nothing depends on the file; whoever is killed leaves an old one.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from pathlib import Path

from xmppgov.i18n import Text, Texts
from xmppgov_archive.inspection.spools import age

texts = Texts("xmppgov_archive")
PAUSE = 10.0  # seconds
PATIENCE = 60_000  # ms after which an archive that says nothing is stopped, or hangs


@asynccontextmanager
async def beating(path: Path, pause: float = PAUSE) -> AsyncIterator[None]:
    """Touch a file while the block runs, and as long as the process does get to do something."""
    beat = asyncio.create_task(_beat(path, pause))
    try:
        yield
    finally:
        beat.cancel()
        with suppress(OSError):
            path.unlink(missing_ok=True)


async def _beat(path: Path, pause: float) -> None:
    while True:
        with suppress(OSError):  # a full disk is said elsewhere
            path.touch(mode=0o600)
        await asyncio.sleep(pause)


def last_beat(path: Path) -> int | None:
    """Return when the archive last said that it runs, in ms UTC; None where it has stopped."""
    try:
        return path.stat().st_mtime_ns // 1_000_000
    except OSError:
        return None


def runs(beat: int | None, now: int) -> bool:
    """Tell whether the archive runs, by its last beat; both in ms UTC."""
    return beat is not None and now - beat <= PATIENCE


def absence(beat: int | None, now: int) -> Text | None:
    """Return what is to be said of an archive that does not run, None of one that does."""
    if runs(beat, now):
        return None
    if beat is None:
        return texts("ALARM: the archive does not run. {spools}", spools=_SPOOLS)
    return texts(
        "ALARM: the archive does not run, or hangs: nothing from it for {age}. {spools}",
        age=age(now - beat),
        spools=_SPOOLS,
    )


_SPOOLS = texts(
    "What waits at the emitters is shown as they last said it; on a server, prosodyctl shell "
    "'xmppgov_capture:status()' shows what waits now."
)
