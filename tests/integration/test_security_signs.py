"""Signs that pass beside ciphertext, or alone, are no place for sentences."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest
import pytest_asyncio

from tests.messages import Mailbox, mailbox, text
from xmppgov.demo.prosody import Prosody

ALICE, BOB = "alice@gov.localhost", "bob@gov.localhost"
ACCOUNTS = [ALICE, BOB]
PROSODY_MODULES = "policy"
REACTIONS = "urn:xmpp:reactions:0"
ROOM_NAME = "grp-1@rooms.gov.localhost/Alice Durand"
pytestmark = pytest.mark.asyncio(loop_scope="module")
People = tuple[Mailbox, Mailbox]


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def people(prosody: Prosody) -> AsyncIterator[People]:
    """Alice and Bob, online during the whole module."""
    async with mailbox(prosody, ALICE) as alice, mailbox(prosody, BOB) as bob:
        yield alice, bob


async def reacted(people: People, *given: str) -> list[str]:
    """Return which of Alice's reactions reach Bob."""
    alice, bob = people
    inside = "".join(f"<reaction>{reaction}</reaction>" for reaction in given)
    sign = f'<reactions xmlns="{REACTIONS}" id="1">{inside}</reactions>'
    arrived = await bob.get(alice.send(BOB, sign))
    return [e.text or "" for e in arrived.iter(f"{{{REACTIONS}}}reaction")]


@pytest.mark.parametrize(
    "said", ["привет", "مرحبا", "你好", "été", "ok", "06 12 34", "12", " ", ""]
)
async def test_a_reaction_is_no_word(people: People, said: str) -> None:
    assert await reacted(people, said, "👍") == ["👍"]


@pytest.mark.parametrize("sign", ["👍🏽", "❤️", "1️⃣", "#️⃣", "🇫🇷", "👩‍👩‍👧", "🏴󠁧󠁢󠁳󠁣󠁴󠁿", "‼️", "™", "🫡"])
async def test_a_reaction_is_a_sign(people: People, sign: str) -> None:
    assert await reacted(people, sign) == [sign]


async def test_there_are_not_many_reactions(people: People) -> None:
    assert len(await reacted(people, *["👍"] * 100)) == 20


async def test_an_attribute_is_no_sentence(people: People) -> None:
    alice, bob = people
    marker = '<displayed xmlns="urn:xmpp:chat-markers:0" id="a whole sentence" note="and another"/>'
    assert "sentence" not in text(await bob.get(alice.send(BOB, marker)))
    reply = f'<reply xmlns="urn:xmpp:reply:0" to="{ROOM_NAME}" id="1"/>'
    arrived = await bob.get(alice.send(BOB, reply + marker))
    assert ROOM_NAME in text(arrived)
