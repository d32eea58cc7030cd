"""Officers hold, erase and release from any client; what is due is shown and then gone."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tests.officers import ACCOUNTS as PEOPLE
from tests.officers import HOST, World, words, world
from tests.streams import logged_in
from tests.unit.archive.batches import record
from tests.unit.components.archive.retention.world import short
from xmppgov.adhoc.client import CommandClient
from xmppgov.adhoc.stanza import Reply
from xmppgov.demo.prosody import Prosody
from xmppgov.errors import BadRequest, NotAllowed
from xmppgov_archive.officers.model import NODES

PROSODY_MODULES = ""
ACCOUNTS = PEOPLE
ERASE = words(
    {},
    months="2025-11",
    visa="AD75/2026/114",
    purpose="retention",
    case="2026/31",
    **{"class": "messages"},
)
HOLD = words(
    {},
    hold="affaire-7",
    until="2999-12-31",
    first="2025-11-01",
    purpose="judicial",
    case="2026/17",
)
END = words({}, hold="affaire-7", purpose="hold-ended", case="2026/17")


@pytest.fixture
async def archive(prosody: Prosody, tmp_path: Path) -> AsyncIterator[World]:
    """An archive on a real server with records of November 2025, kept for a month."""
    one = world(prosody, tmp_path)
    section = one.config.archive.model_copy(update={"classes": short(one.place).section.classes})
    one.config = one.config.model_copy(update={"archive": section})
    async with one.running(*(record(n) for n in range(1, 6))):
        yield one


async def approved(archive: World, made: Reply, *officers: tuple[str, str]) -> str:
    """Let officers approve a request; return its hash."""
    text = "".join(made.fields["text"])
    hash = (await archive.run(officers[0][0], "approve")).fields["request"][0]
    for name, role in officers:
        code = archive.code(text, role)
        await archive.run(name, "approve", {"request": [hash]}, {"code": code})
    return hash


async def test_what_is_due_is_held_released_and_erased(archive: World) -> None:
    shown = await archive.run("dpd", "preview")
    assert [(row["month"], row["records"], row["held"]) for row in shown.rows] == [
        ("2025-11", "5", "0")
    ]
    held = await archive.run("dpd", "hold", HOLD)
    assert "affaire-7" in held.note
    assert "5" in held.note
    with pytest.raises(BadRequest, match="held"):
        await archive.run("archives", "erase", ERASE)
    made = await archive.run("dpd", "release", END)
    await approved(archive, made, ("archives", "archivist"), ("rssi", "security"))
    made = await archive.run("archives", "erase", ERASE)
    hash = await approved(archive, made, ("dpd", "dpo"), ("rssi", "security"))
    answer = await archive.run("archives", "answer", {"request": [hash]})
    assert [row["records"] for row in answer.rows] == ["5"]
    (slip,) = archive.place.section.slips.glob("*.csv")
    assert slip.stem in answer.note
    while not slip.with_suffix(".xml").exists():  # the notice is the last thing
        await asyncio.sleep(0.05)
    assert (await archive.run("dpd", "preview")).rows == []
    report = await archive.place.verify()
    assert (report.total, report.records, report.erased) == (0, 0, 5), report.findings


async def test_only_officers_see_and_run_these_commands(archive: World) -> None:
    wanted = {"hold", "release", "erase", "preview"}
    async with logged_in(archive.server, "dpd@gov.localhost") as officer:
        names = await CommandClient(officer, HOST).names()
    assert wanted <= {node.removeprefix(NODES) for node in names}
    async with logged_in(archive.server, "juge@gov.localhost") as judge:
        client = CommandClient(judge, HOST)
        assert not wanted & {node.removeprefix(NODES) for node in await client.names()}
        for node in sorted(wanted):
            with pytest.raises(NotAllowed, match=r"\[archive\.officers\]"):
                await client.run(NODES + node)


async def test_the_same_from_the_command_line(archive: World) -> None:
    async def run(who: str, *words: str) -> tuple[int, str, str]:
        account = ("--account", str(archive.account(who)))
        done = await asyncio.to_thread(archive.cli, "retention", *words, *account)
        return done.returncode, done.stdout, done.stderr

    status, out, err = await run("dpd", "due")
    assert (status, "2025-11" in out, "5" in err) == (0, True, True), err
    reach = ("--until", "2999-12-31", "--from", "2025-11-23", "--to", "2025-11-23")
    status, out, err = await run("dpd", "hold", "affaire-8", *reach, "--case", "2026/18")
    assert (status, out, "affaire-8" in err) == (0, "", True), err
    month = ("--month", "2025-11", "--visa", "AD75/2026/114", "--case", "2026/31")
    status, _, err = await run("archives", "erase", *month)
    assert (status, "held" in err) == (1, True), err
    status, out, err = await run("dpd", "release", "affaire-8", "--case", "2026/18")
    assert (status, "affaire-8" in out, "xmppgov-request:" in out) == (0, True, False), err
    status, _, err = await run("juge", "due")
    assert status == 1, err
