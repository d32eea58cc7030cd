"""What a server publishes as the longest time is never shorter than what the archive keeps."""

from __future__ import annotations

import re
from datetime import date
from pathlib import Path

import pytest

from tests.conftest import require_program
from tests.unit.prosody.test_capture_libraries import lua
from xmppgov_archive.retention.config import CLASSES
from xmppgov_archive.retention.model import PRESETS, Period
from xmppgov_archive.retention.policy import due_day

ROOT = Path(__file__).parents[3]
GRACE = 31
SCRIPT = """
local retention = module:require "retention"
for n = 3, #arg do
    local months = retention.months(arg[n])
    print(months and ("%d %d"):format(months, retention.hours(arg[n], 31)) or "no")
end
"""


@pytest.fixture(autouse=True)
def _programs(request: pytest.FixtureRequest) -> None:
    for name in ("lua5.4", "prosody"):
        require_program(request.config, name)


def kept(period: Period) -> int:
    """The most hours from a month's first moment until the officers' time is over."""
    first = (date(year, month, 1) for year in range(2024, 2032) for month in range(1, 13))
    days = ((due_day(day.isoformat()[:7], period) or day) - day for day in first)
    return (max(days).days + GRACE) * 24


def test_hours_are_the_archive_s_own(tmp_path: Path) -> None:
    names = [*PRESETS, *(f"{months}m" for months in range(1, 61))]
    said = lua(tmp_path, SCRIPT, *names).splitlines()
    periods = [Period.parse(name) for name in names]
    assert said == [f"{period.months} {kept(period)}" for period in periods]


def test_only_periods_are_taken(tmp_path: Path) -> None:
    wrong = ["0m", "1201m", "12", "m", "-3m", "cnil", "1y", "2.5m", " 3m"]
    assert lua(tmp_path, SCRIPT, *wrong).split() == ["no"] * len(wrong)
    for name in wrong:
        with pytest.raises(ValueError, match="is no period"):
            Period.parse(name)


@pytest.mark.parametrize(
    ("server", "archive"),
    [("prosody.cfg.lua", "docs/archivist.md"), ("demo.cfg.lua", "xmppgov/demo/templates/archive.toml")],
)
def test_what_we_ship_publishes_the_longest_period(server: str, archive: str) -> None:
    """A class that the archive's file does not name has the default's period."""
    said = re.findall(
        r'^xmppgov_capture_retention = "(.*)"$', (ROOT / "prosody" / server).read_text(), re.MULTILINE
    )
    named = re.findall(r'^period = "(.*)"$', (ROOT / archive).read_text("utf-8"), re.MULTILINE)
    periods = [Period.parse(name) for name in named] or [one.period for one in CLASSES.values()]
    assert [Period.parse(name).months for name in said] == [max(p.months for p in periods)]
