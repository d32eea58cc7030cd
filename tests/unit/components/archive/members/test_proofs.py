"""A member's proofs from a real archive: presence, absence, whose it is, what cannot be proved."""

from __future__ import annotations

import asyncio
import json
import sqlite3
from collections.abc import Callable

import pytest
from typer.testing import CliRunner, Result

import xmppgov_verify
from tests.unit.archive.batches import START, batch, record
from tests.unit.components.archive.conftest import EPOCH, Place
from xmppgov.archive.day import DAY
from xmppgov.archive.exports.member import MemberProof
from xmppgov.errors import CheckFailed, ConfigurationError, NotAllowed, NotFound
from xmppgov.tlog.policy import Policy
from xmppgov_archive.commands import app
from xmppgov_archive.members.policy import HOUR, MOST_ASKING, Allowance
from xmppgov_archive.members.service import proving

THE_DAY, NEXT = "2025-11-23", "2025-11-24"
ALICE, BOB, EVE = "alice@gov.localhost", "bob@gov.localhost", "eve@gov.localhost"
LATE = START + 3 * DAY


async def closed(place: Place) -> Place:
    """The day has ended; one of its messages came late, the next day is quiet."""
    await place.fill(
        batch(EPOCH, *(record(n) for n in range(1, 6)), record(6, in_room=True), record(7))
    )
    place.now += DAY
    await place.fill()
    await place.fill(batch(EPOCH, record(8, t=START + 8)))
    place.now += 2 * DAY
    await place.fill()
    return place


@pytest.fixture
def full(place: Place) -> Place:
    return asyncio.run(closed(place))


def prove(place: Place, id: str, person: str | None = None, day: str = THE_DAY) -> MemberProof:
    async def found() -> MemberProof:
        async with proving(place.section) as proofs:
            return await proofs.prove(day, id, person)

    return asyncio.run(found())


def verified(place: Place, proof: MemberProof) -> bool:
    """Whether the message was logged, as both verifiers say."""
    rules = (place.section.tiles_dir.parent / "policy").read_bytes()
    audit = xmppgov_verify.Audit(xmppgov_verify.Policy(rules))
    file = place.folder / "proof"
    file.write_bytes(proof.encode())
    words = ("--policy", "x", "--tiles", str(place.section.tiles_dir), "--proof", str(file))
    audit.run(xmppgov_verify.arguments(words))
    assert not audit.findings
    present = MemberProof.parse(proof.encode()).verify(Policy.parse(rules).open)
    assert audit.facts[-1][proof.day] == ("present" if present else "absent")
    assert proof.present is present
    return present


def test_a_message_is_proved_by_either_of_its_ids(full: Place) -> None:
    for id in ("origin-3", "stanza-3", "origin-8", "stanza-6"):
        proof = prove(full, id)
        assert verified(full, proof), id
        assert [line.disclosure.value("kind") for line in proof.records] != []
        assert len(proof.parts) == 2
        shown = proof.records[0].disclosure.fields()
        assert set(shown) == {"v", "em", "es", "t", "kind", "ref", "oid"}


def test_what_was_not_logged_is_shown_by_its_neighbours(full: Place) -> None:
    for id in ("origin-9", "nothing", "un identifiant étrange", "x" * 200):
        proof = prove(full, id)
        assert not verified(full, proof), id
        assert proof.records == ()
    assert not verified(full, prove(full, "origin-3", day=NEXT))
    assert prove(full, "origin-3", day=NEXT).parts[0].places == {"ref": (), "oid": ()}


def test_presence_is_for_whom_it_concerns(full: Place) -> None:
    for person in (ALICE, BOB):
        assert verified(full, prove(full, "origin-3", person))
    with pytest.raises(NotAllowed):
        prove(full, "origin-3", EVE)
    assert verified(full, prove(full, "origin-6", ALICE))
    with pytest.raises(NotAllowed):
        prove(full, "origin-6", BOB)  # in a room only the sender
    assert not verified(full, prove(full, "origin-99", EVE))


def test_an_open_day_has_no_proof(full: Place) -> None:
    for day in ("2025-11-26", "2024-01-01"):
        with pytest.raises(NotFound):
            prove(full, "origin-3", day=day)
    with pytest.raises(ConfigurationError):
        prove(full, "origin-3", day="../../month-2025-11")


def test_a_day_before_the_log_is_said_to_be(full: Place) -> None:
    with pytest.raises(NotFound, match=THE_DAY):
        prove(full, "origin-3", day="2024-01-01")
    with pytest.raises(NotFound, match="not closed yet"):
        prove(full, "origin-3", day="2025-11-26")


def test_what_is_gone_cannot_be_proved(full: Place) -> None:
    with sqlite3.connect(full.section.database) as database:
        database.execute("DELETE FROM records WHERE idx = 3")
    proof = prove(full, "origin-3")
    assert verified(full, proof)
    assert proof.records == ()
    with pytest.raises(NotAllowed):
        prove(full, "origin-3", ALICE)
    (full.section.keys_dir / "month-2025-11.key").unlink()
    with pytest.raises(NotAllowed, match="ask the archivist"):
        prove(full, "origin-4", ALICE)
    (full.section.keys_dir / f"day-{THE_DAY}.key").unlink()
    with pytest.raises(NotFound):
        prove(full, "origin-4")


@pytest.mark.parametrize(
    "statement",
    [
        "DELETE FROM refs WHERE rowid = (SELECT min(rowid) FROM refs)",
        "UPDATE refs SET ref = zeroblob(16) WHERE rowid = (SELECT min(rowid) FROM refs)",
        "UPDATE days SET idx = 0",
    ],
)
def test_references_that_are_not_those_signed_prove_nothing(full: Place, statement: str) -> None:
    with sqlite3.connect(full.section.database) as database:
        assert database.execute(statement).rowcount > 0
    with pytest.raises(CheckFailed):
        prove(full, "origin-99")


def test_it_waits_for_no_witness(full: Place) -> None:
    (full.section.tiles_dir / "cosigned").unlink()
    with pytest.raises(CheckFailed):
        prove(full, "origin-3")


def run(place: Place, *words: str) -> Result:
    return CliRunner().invoke(app, ["prove", *words, "--config", str(place.config())])


def test_the_command_writes_the_proof_and_says_what_it_shows(
    full: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("LANG", "en_US.UTF-8")
    out = full.folder / "proof.json"
    done = run(full, "--message", "origin-3", "--day", THE_DAY, "--out", str(out))
    assert done.exit_code == 0
    assert "the message was logged" in done.stderr
    assert verified(full, MemberProof.parse(out.read_bytes()))
    assert out.stat().st_mode & 0o077 == 0  # it has the day's key
    done = run(full, "--message", "origin-9", "--day", THE_DAY)
    assert MemberProof.parse(done.stdout.encode()).present is False
    assert "no message" in done.stderr
    document = json.loads(run(full, "--message", "origin-3", "--day", THE_DAY, "--json").stdout)
    assert document["logged"] is True
    for words in (
        ("--message", "x"),
        ("--day", THE_DAY),
        ("3", "--message", "x", "--day", THE_DAY),
    ):
        assert isinstance(run(full, *words).exception, ConfigurationError)


def test_nobody_asks_more_often_than_allowed() -> None:
    now = [0.0]
    clock: Callable[[], float] = lambda: now[0]  # noqa: E731
    allowance = Allowance(2, clock)
    assert [allowance.take(ALICE) for _ in range(3)] == [True, True, False]
    assert allowance.take(BOB)
    now[0] += HOUR + 1
    assert allowance.take(ALICE)
    for n in range(MOST_ASKING + 5):
        allowance.take(str(n))
    assert len(allowance._asked) == MOST_ASKING
