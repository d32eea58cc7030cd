"""What is due is done: at its time, once after an absence, never twice, and whatever others do."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from xmppgov.bot import Bot, Context
from xmppgov.bot.jobs.model import Cron, Every
from xmppgov.bot.testing import talking

BOB = "bob@gov.example"


def utc(*parts: int) -> datetime:
    """Return a moment in UTC."""
    return datetime(*parts, tzinfo=UTC)  # type: ignore[misc,arg-type]


def times(cron: Cron, start: datetime, count: int) -> list[datetime]:
    """Return the next times after a moment, each asked for anew, as after a restart."""
    found = []
    for _ in range(count):
        start = cron.after(start)
        found.append(start)
    return found


def test_working_days_in_paris() -> None:
    monday = Cron("0 7 * * 1-5")
    assert times(monday, utc(2027, 1, 15, 12), 2) == [utc(2027, 1, 18, 6), utc(2027, 1, 19, 6)]
    assert monday.after(utc(2027, 7, 1)) == utc(2027, 7, 1, 5)
    assert Cron("0 7 * * *", zone="UTC").after(utc(2027, 7, 1)) == utc(2027, 7, 1, 7)


def test_a_time_that_the_clocks_leave_out_is_right_after() -> None:
    assert times(Cron("30 2 * * *"), utc(2027, 3, 27, 0), 3) == [
        utc(2027, 3, 27, 1, 30),
        utc(2027, 3, 28, 1, 0),  # 03:00 in Paris, one minute after 01:59
        utc(2027, 3, 29, 0, 30),
    ]


def test_a_time_that_the_clocks_give_twice_is_once() -> None:
    assert times(Cron("30 2 * * *"), utc(2027, 10, 30, 12), 2) == [
        utc(2027, 10, 31, 0, 30),  # summer's 02:30
        utc(2027, 11, 1, 1, 30),
    ]
    assert Cron("30 2 * * *").after(utc(2027, 10, 31, 1, 10)) == utc(2027, 11, 1, 1, 30)


def test_each_quarter_is_each_quarter_when_clocks_change() -> None:
    for begin in (utc(2027, 3, 27, 22), utc(2027, 10, 30, 22)):
        found = times(Cron("*/15 * * * *"), begin, 24)
        assert found == [begin + timedelta(minutes=15 * n) for n in range(1, 25)]


@given(
    st.sampled_from(["30 2 * * *", "0 */3 * * *", "*/7 1-3 * * *", "0 0 1 * *", "59 23 * * 0"]),
    st.datetimes(datetime(2026, 1, 1), datetime(2030, 1, 1), timezones=st.just(UTC)),
    st.sampled_from(["Europe/Paris", "Pacific/Noumea", "America/Cayenne", "Africa/Casablanca"]),
)
def test_time_only_goes_on(line: str, moment: datetime, zone: str) -> None:
    first, second = times(Cron(line, zone), moment, 2)
    assert moment < first < second


@pytest.mark.parametrize(
    ("line", "zone", "wrong"),
    [
        ("0 25 * * *", "Europe/Paris", "no line of a crontab"),
        ("hourly", "Europe/Paris", "no line of a crontab"),
        ("0 0 30 2 *", "Europe/Paris", "no line of a crontab"),
        ("0 7 * * *", "Europe/Lutece", "no time zone"),
    ],
)
def test_what_is_no_schedule(line: str, zone: str, wrong: str) -> None:
    with pytest.raises(ValueError, match=wrong):
        Cron(line, zone)
    with pytest.raises(ValueError, match="second or longer"):
        Every(timedelta())


def clockwork() -> tuple[Bot, list[str]]:
    """A bot with a job each morning and one each hour, and what they did."""
    bot, done = Bot("horloge", introduction="Je sonne."), []

    @bot.cron("0 7 * * *")
    async def morning(context: Context) -> None:
        done.append(f"matin {context.due:%d %H:%M}")

    @bot.every(timedelta(hours=4))
    async def often(context: Context) -> None:
        done.append(f"souvent {context.now:%d %H:%M}")

    return bot, done


async def test_both_kinds_are_done_in_order() -> None:
    bot, done = clockwork()
    async with talking(bot, at=utc(2027, 1, 20, 3, 30)) as chat:
        await chat.pass_time(hours=9)
    assert done == ["matin 20 06:00", "souvent 20 07:30", "souvent 20 11:30"]


async def test_what_was_missed_is_done_once_after_the_start(tmp_path: Path) -> None:
    bot, done = clockwork()
    async with talking(bot, at=utc(2027, 1, 20, 5, 30), folder=tmp_path) as chat:
        await chat.pass_time(hours=1)
    assert done == ["matin 20 06:00"]
    done.clear()
    async with talking(bot, at=utc(2027, 1, 24, 12, 0), folder=tmp_path) as chat:
        assert sorted(done) == ["matin 21 06:00", "souvent 24 12:00"]
        await chat.pass_time(hours=3)
        assert len(done) == 2
    done.clear()
    async with talking(bot, at=utc(2027, 1, 24, 15, 1), folder=tmp_path) as chat:
        await chat.pass_time(minutes=30)
    assert done == []


async def test_a_start_does_not_put_off_what_is_due(tmp_path: Path) -> None:
    bot, done = clockwork()
    for hour in (8, 10, 12):
        async with talking(bot, at=utc(2027, 1, 20, hour, 0), folder=tmp_path):
            pass
    assert done == ["souvent 20 12:00"]


async def test_a_job_is_not_done_again_after_a_crash_in_the_middle(tmp_path: Path) -> None:
    bot, begun = Bot("horloge", introduction="Je sonne."), []

    @bot.every(timedelta(hours=1))
    async def interrupted(context: Context) -> None:
        begun.append(context.due)
        await asyncio.Event().wait()

    async with talking(bot, at=utc(2027, 1, 20), folder=tmp_path) as chat:
        await chat.pass_time(minutes=61)
    async with talking(bot, at=utc(2027, 1, 20, 1, 2), folder=tmp_path) as chat:
        await chat.pass_time(minutes=30)
        assert begun == [utc(2027, 1, 20, 1)]
        await chat.pass_time(minutes=30)
        assert len(begun) == 2


async def test_one_that_hangs_or_fails_stops_no_other_and_the_owner_hears_of_it() -> None:
    bot, done = clockwork()

    @bot.every(timedelta(hours=1))
    async def hangs(context: Context) -> None:
        await asyncio.Event().wait()

    @bot.every(timedelta(minutes=90))
    async def fails(context: Context) -> None:
        raise KeyError("secret")

    settings = {"bot": {"owner": BOB}}
    async with talking(bot, at=utc(2027, 1, 20, 3, 30), settings=settings) as chat:
        await chat.pass_time(hours=5)
        told = [sent.text for sent in chat.sent]
    assert done == ["matin 20 06:00", "souvent 20 07:30"]
    assert {sent.to for sent in chat.sent} == {BOB}
    assert sum("hangs" in text for text in told) == 4
    assert sum("fails" in text for text in told) == 3
    assert not any("secret" in text for text in told)


def test_two_jobs_of_one_name_are_one_too_many() -> None:
    bot, _ = clockwork()
    with pytest.raises(ValueError, match="morning"):

        @bot.every(timedelta(hours=1))
        async def morning(context: Context) -> None:
            """Never done."""
