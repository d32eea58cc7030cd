"""A decision is of a day that has come: both verifiers hold its time against the days' ends."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from tests.unit.archive.exported import DAY, NOW, SmallLog
from tests.unit.auditor.both import Case, agree
from tests.unit.auditor.test_attacks import WEEK, hold, release
from xmppgov.archive.day import day_text

DAY_MS = 86_400_000
FIRST_DAY = NOW // DAY_MS  # whose turn it is at first


def erase_at(log: SmallLog, t: int) -> int:
    return log.erase("1", 1, t=t, month=day_text(t // DAY_MS)[:7])


@pytest.mark.parametrize(
    "decide",
    [
        lambda log, t: hold(log, "b", 0, "2030-12-31", t),
        lambda log, t: release(log, "a", "nobody", t),
        lambda log, t: release(log, "a", t=t),
        erase_at,
    ],
)
@pytest.mark.parametrize("closed", [0, 60])
def test_nothing_is_decided_long_before_the_days_have_come(
    tmp_path: Path, decide: Callable[[SmallLog, int], object], closed: int
) -> None:
    """An archive that was off ends the days that are over first, and is right then."""
    last = (FIRST_DAY + closed + 3) * DAY_MS
    for t, codes in ((last, set()), (last + 1, {"time-wrong"}), (last + WEEK, {"time-wrong"})):
        log = SmallLog()
        log.start()
        log.record(1)
        hold(log, "a", 0, DAY)
        for number in range(FIRST_DAY, FIRST_DAY + closed):
            log.day([], day=day_text(number), t=(FIRST_DAY + closed) * DAY_MS)
        decide(log, t)
        log.say("key", t, name="x", fate="created", public="")
        assert agree(Case(tmp_path, log)) == codes


def test_a_hold_of_a_year_is_not_over_the_same_day(tmp_path: Path) -> None:
    """The release is of a day that has not come; then the days go by as if they had."""
    log = SmallLog()
    log.start()
    for seq in range(1, 6):
        log.record(seq)
    far = NOW + 391 * DAY_MS
    hold(log, "a", 5, day_text(FIRST_DAY + 390))
    release(log, "a", "nobody", far)
    log.erase("1-5", 5, t=far)
    for number in range(FIRST_DAY, FIRST_DAY + 3):
        log.day([], day=day_text(number), t=far)
    assert agree(Case(tmp_path, log)) == {"time-wrong"}
