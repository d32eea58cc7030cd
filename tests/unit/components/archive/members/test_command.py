"""The command of members: who may run it, what it asks, how often, what it answers."""

from __future__ import annotations

import asyncio
import json

import pytest

from tests.unit.components.archive.conftest import Place
from tests.unit.components.archive.members.test_proofs import (
    ALICE,
    BOB,
    EVE,
    THE_DAY,
    closed,
    verified,
)
from xmppgov.adhoc.model import Command, Done, Form, Session
from xmppgov.archive.exports.member import MemberProof
from xmppgov.errors import BadRequest, NotAllowed, TooMany
from xmppgov_archive.__main__ import members
from xmppgov_archive.members.policy import QUESTIONS


@pytest.fixture
def full(place: Place) -> Place:
    return asyncio.run(closed(place))


def command(place: Place) -> Command:
    (only,) = members(place.section)
    return only


async def run(found: Command, person: str, day: str, id: str) -> Done:
    session = Session(f"{person}/phone", person, "fr")
    form = await found.stages[0](session, {})
    assert isinstance(form, Form)
    assert [field.name for field in form.fields] == ["day", "id"]
    done = await found.stages[1](session, {"day": (day,), "id": (id,)})
    assert isinstance(done, Done)
    return done


def proof_of(done: Done) -> MemberProof:
    assert done.form is not None
    (text,) = done.form.fields[0].value
    assert json.loads(str(text))["format"] == "xmppgov-member-proof/1"
    return MemberProof.parse(str(text).encode())


async def test_a_member_is_given_a_proof_that_verifies(full: Place) -> None:
    found = command(full)
    for person in (ALICE, BOB):
        done = await run(found, person, THE_DAY, "origin-3")
        assert verified(full, proof_of(done))
        assert "a été inscrit" in done.note.in_language("fr")
    done = await run(found, EVE, THE_DAY, "origin-99")
    assert not verified(full, proof_of(done))
    assert "aucun message" in done.note.in_language("fr")


async def test_others_messages_and_open_days_are_refused(full: Place) -> None:
    found = command(full)
    with pytest.raises(NotAllowed):
        await run(found, EVE, THE_DAY, "origin-3")
    for day, id in (
        ("yesterday", "origin-3"),
        (THE_DAY, "x" * 2000),
        *[("2025-12-24", "origin-3")] * (QUESTIONS + 1),  # what has no answer is not counted
    ):
        with pytest.raises(BadRequest):
            await run(found, ALICE, day, id)
    (full.section.tiles_dir / "cosigned").unlink()
    with pytest.raises(BadRequest):
        await run(found, ALICE, THE_DAY, "origin-3")


async def test_nobody_guesses_ids(full: Place) -> None:
    found = command(full)
    for n in range(QUESTIONS):
        await run(found, ALICE, THE_DAY, f"guess-{n}")
    with pytest.raises(TooMany):
        await run(found, ALICE, THE_DAY, "guess")
    await run(found, BOB, THE_DAY, "guess")


def test_only_people_of_our_domains_may_ask(full: Place) -> None:
    allowed = command(full).allowed
    assert allowed(ALICE)
    for stranger in ("gov.localhost", "alice@elsewhere.example", "alice@invites.gov.localhost"):
        assert not allowed(stranger), stranger
