"""What was refused, or stood beside ciphertext, is in no archive, carbon or offline store."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest

from tests.messages import CIPHERTEXT, Mailbox, body, mailbox, refusal, text
from tests.omemo_nodes import request
from tests.streams import logged_in, read
from xmppgov.demo.prosody import Prosody

ACCOUNTS = [f"{name}@gov.localhost" for name in ("alice", "bob", "absent", "clara", "dan")]
PROSODY_MODULES = "policy"
PROSODY_EXTRA = 'log = { debug = "*console" }\n'
ALICE, BOB, ABSENT, CLARA, DAN = ACCOUNTS
CANARY = "canary-55e0"
CARBONS = '<enable xmlns="urn:xmpp:carbons:2"/>'


@asynccontextmanager
async def second_device(prosody: Prosody, jid: str) -> AsyncIterator[Mailbox]:
    """Another device of an account, which wants carbons and takes no message of its own."""
    async with logged_in(prosody, jid) as account:
        account.send_presence(ppriority=-1)
        await request(account, "set", CARBONS)
        yield Mailbox(account)


async def archive(box: Mailbox) -> str:
    """Return an account's whole archive as text."""
    await request(box.stream, "set", '<query xmlns="urn:xmpp:mam:2"/>')
    return text([m for m in box.all if m.find("{urn:xmpp:mam:2}result") is not None])


async def test_a_refused_message_leaves_no_trace(prosody: Prosody) -> None:
    async with (
        mailbox(prosody, ALICE) as alice,
        mailbox(prosody, BOB) as bob,
        second_device(prosody, ALICE) as alices_other,
        second_device(prosody, BOB) as bobs_other,
    ):
        refused = alice.send(BOB, f"<body>{CANARY}</body>")
        assert refusal(await alice.get(refused)) == ("modify", "policy-violation")
        alice.send(ABSENT, f"<body>{CANARY}</body>")
        passed = alice.send(BOB, CIPHERTEXT + "<body>x</body>")
        await bob.get(passed)
        for other, direction in ((alices_other, "sent"), (bobs_other, "received")):
            await other.until(lambda message, way=direction: f"carbons:2}}{way}" in tags(message))
            assert CANARY not in text(other.all)
        for box in (alice, bob):
            kept = await archive(box)
            assert CANARY not in kept
            assert passed in kept
    assert CANARY.encode() not in read(prosody.state)


def tags(message: object) -> str:
    """Return the names of all elements of a message."""
    return " ".join(element.tag for element in message.iter())  # type: ignore[attr-defined]


async def test_only_the_fixed_sentence_is_kept_beside_ciphertext(prosody: Prosody) -> None:
    async with mailbox(prosody, CLARA) as clara, second_device(prosody, CLARA) as claras_other:
        identity = clara.send(DAN, f"<body>{CANARY}</body><subject>{CANARY}</subject>{CIPHERTEXT}")
        await claras_other.until(lambda message: identity in text(message))
        assert CANARY not in text(claras_other.all)
        assert identity in await archive(clara)
        assert CANARY not in text(clara.all)
    assert b"OMEMO" in read(prosody.state / "prosody")
    async with mailbox(prosody, DAN) as dan:
        assert "OMEMO" in body(await dan.get(identity))
        assert identity in await archive(dan)
        assert CANARY not in text(dan.all)
    assert CANARY.encode() not in read(prosody.state / "prosody")


@pytest.mark.parametrize("kind", ["error", "headline"])
async def test_a_body_in_an_error_is_not_kept(prosody: Prosody, kind: str) -> None:
    async with mailbox(prosody, ALICE) as alice, mailbox(prosody, BOB) as bob:
        alice.send(bob.stream.boundjid.full, f"<body>{CANARY}</body>", kind)
        await bob.get(alice.send(BOB, CIPHERTEXT))
        assert CANARY not in await archive(alice) + await archive(bob)
    assert CANARY.encode() not in read(prosody.state / "prosody")
