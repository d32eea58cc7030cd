"""A guest's account can log in and ask its own server, and exchanges with nobody."""

from __future__ import annotations

import pytest
from slixmpp.exceptions import IqError

from tests.messages import CIPHERTEXT, Mailbox, mailbox, refusal
from tests.omemo_nodes import DEVICES, condition, publish, read, request
from xmppgov.demo.prosody import Prosody

ALICE = "alice@gov.localhost"
GUEST, OTHER = "guest@invites.gov.localhost", "other@invites.gov.localhost"
ACCOUNTS = [ALICE, GUEST, OTHER]
PROSODY_MODULES = "policy"
PING = '<ping xmlns="urn:xmpp:ping"/>'


@pytest.mark.parametrize(
    "to", [ALICE, OTHER, "salon@rooms.gov.localhost", "directory.gov.localhost"]
)
async def test_a_guest_writes_to_nobody(prosody: Prosody, to: str) -> None:
    async with mailbox(prosody, GUEST) as guest:
        answer = await guest.get(guest.send(to, CIPHERTEXT))
        assert refusal(answer) == ("cancel", "policy-violation")
        assert "invit" in str(answer.find(".//{*}text").text)  # type: ignore[union-attr]


async def test_nobody_writes_to_a_guest(prosody: Prosody) -> None:
    async with mailbox(prosody, GUEST) as guest, mailbox(prosody, ALICE) as alice:
        answer = await alice.get(alice.send(GUEST, CIPHERTEXT))
        assert refusal(answer) == ("cancel", "policy-violation")
        await request(guest.stream, "get", PING)
        assert not [m for m in guest.all if m.find("{*}encrypted") is not None]


@pytest.mark.parametrize("kind", ["subscribe", None])
async def test_no_presence_leaves(prosody: Prosody, kind: str | None) -> None:
    async with mailbox(prosody, GUEST) as guest, mailbox(prosody, ALICE) as alice:
        refused = guest.stream.wait_until("presence_error", 10)
        seen = watch(alice)
        guest.stream.send_presence(pto=ALICE, ptype=kind)
        assert "not-allowed" in str(await refused)
        await request(alice.stream, "get", PING)
        assert GUEST not in seen


async def test_no_subscription_enters(prosody: Prosody) -> None:
    async with mailbox(prosody, GUEST) as guest, mailbox(prosody, ALICE) as alice:
        refused = alice.stream.wait_until("presence_error", 10)
        seen = watch(guest)
        alice.stream.send_presence(pto=GUEST, ptype="subscribe")
        assert "not-allowed" in str(await refused)
        await request(guest.stream, "get", PING)
        assert ALICE not in seen


def watch(box: Mailbox) -> list[str]:
    """Return a list that fills with the bare addresses of presences."""
    seen: list[str] = []
    for event in ("presence_available", "presence_subscribe"):
        box.stream.add_event_handler(event, lambda presence: seen.append(presence["from"].bare))
    return seen


@pytest.mark.parametrize("to", [ALICE, OTHER, "gov.localhost", "directory.gov.localhost"])
async def test_a_guest_asks_nobody_else(prosody: Prosody, to: str) -> None:
    async with mailbox(prosody, GUEST) as guest:
        with pytest.raises(IqError) as caught:
            await request(guest.stream, "get", PING, to)
        assert condition(caught.value) == "not-allowed"


async def test_nobody_asks_a_guest(prosody: Prosody) -> None:
    async with mailbox(prosody, GUEST) as guest, mailbox(prosody, ALICE) as alice:
        with pytest.raises(IqError) as caught:
            await request(alice.stream, "get", PING, guest.stream.boundjid.full)
        assert condition(caught.value) == "not-allowed"


async def test_a_guests_own_affairs_work(prosody: Prosody) -> None:
    async with mailbox(prosody, GUEST) as guest, mailbox(prosody, GUEST) as second:
        await request(guest.stream, "get", PING, "invites.gov.localhost")
        await request(guest.stream, "get", '<query xmlns="jabber:iq:roster"/>')
        await publish(guest.stream, DEVICES)
        assert await read(second.stream, None, DEVICES) == ["current"]
        await second.get(guest.send(GUEST, CIPHERTEXT))
        answer = await guest.get(guest.send(GUEST, "<body>clear</body>"))
        assert refusal(answer) == ("modify", "policy-violation")
