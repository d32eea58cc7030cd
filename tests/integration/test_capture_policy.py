"""What the policy refuses leaves no record; what it lets pass leaves one, without its words."""

from __future__ import annotations

from tests.integration.archive_sink import Sink
from tests.messages import CIPHERTEXT
from tests.omemo_nodes import request
from tests.streams import connected, logged_in, read
from xmppgov.demo.prosody import Prosody

PROSODY_MODULES = "capture policy keys contacts"
ALICE, BOB, GUEST = "alice@gov.localhost", "bob@gov.localhost", "eve@invites.gov.localhost"
ACCOUNTS = [ALICE, BOB, GUEST]
WORDS = "canari-2b9e"
REFUSED = (
    f"<message to='{BOB}' type='chat'><body>{WORDS}</body></message>",
    f"<message to='{BOB}' type='normal'><subject>{WORDS}</subject></message>",
    f"<message to='{GUEST}' type='chat'>{CIPHERTEXT}</message>",
    f"<message to='stranger@elsewhere.example' type='chat'><body>{WORDS}</body></message>",
    f"<message to='directory.gov.localhost' type='chat'><body>{WORDS}</body></message>",
)


def _passing(origin_id: str) -> str:
    return (
        f"<message to='{BOB}' type='chat'>{CIPHERTEXT}<body>{WORDS}</body>"
        f"<origin-id xmlns='urn:xmpp:sid:0' id='{origin_id}'/></message>"
    )


async def test_a_refused_message_has_no_record(prosody: Prosody) -> None:
    sink = Sink()
    async with (
        connected(sink.component(prosody)),
        logged_in(prosody, ALICE) as alice,
        logged_in(prosody, BOB),
        logged_in(prosody, GUEST) as guest,
    ):
        for stanza in REFUSED:
            alice.send_raw(stanza)
        guest.send_raw(f"<message to='{ALICE}' type='chat'>{CIPHERTEXT}</message>")
        await request(guest, "get", "<ping xmlns='urn:xmpp:ping'/>", GUEST)
        alice.send_raw(_passing("last"))
        await sink.wait(lambda: sink.find(oid="last"))
        assert [r.get("oid") for r in sink.all()] == ["last"]
    prosody.stop()
    assert WORDS.encode() not in read(prosody.state)
    prosody.start()
