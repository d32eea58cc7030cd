"""A request for a subscription says who asks, and nothing that the server would keep in clear."""

from __future__ import annotations

from tests.messages import mailbox
from tests.omemo_nodes import request
from tests.streams import read
from xmppgov.demo.prosody import Prosody

ALICE, BOB = "alice@gov.localhost", "bob@gov.localhost"
ACCOUNTS = [ALICE, BOB]
PROSODY_MODULES = "policy"
CANARY = "canary-91bc"
PING = '<ping xmlns="urn:xmpp:ping"/>'


async def test_a_request_is_kept_without_words(prosody: Prosody) -> None:
    async with mailbox(prosody, ALICE) as alice:
        alice.stream.send_raw(
            f'<presence type="subscribe" to="{BOB}" xml:lang="in {CANARY}" says="{CANARY}" '
            f'id="{CANARY} {CANARY}"><status>{CANARY}</status>'
            f'<nick xmlns="http://jabber.org/protocol/nick">{CANARY}</nick>'
            f'<x xmlns="urn:example:x">{CANARY}<y>{CANARY}</y></x>'
            f'<x xmlns="urn:{CANARY}"/><{CANARY}/><c id="{CANARY}"/>{CANARY}</presence>'
        )
        await request(alice.stream, "get", PING)
    kept = read(prosody.state / "prosody")
    assert b"subscribe" in kept
    assert ALICE.encode() in kept
    assert CANARY.encode() not in kept
