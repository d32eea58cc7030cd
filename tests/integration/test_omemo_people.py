"""Two people with the OMEMO plugin talk to each other through a real server."""

from pathlib import Path

from tests.people import person
from xmppgov.demo.prosody import Prosody

ALICE, BOB = "alice@gov.localhost", "bob@gov.localhost"
ACCOUNTS = [ALICE, BOB]
PROSODY_MODULES = ""


async def test_both_directions(prosody: Prosody, tmp_path: Path) -> None:
    async with person(prosody, ALICE, tmp_path) as alice, person(prosody, BOB, tmp_path) as bob:
        await alice.send(BOB, "un")
        assert (await bob.wait_for("un")).sender == ALICE
        await bob.send(ALICE, "deux")
        await alice.wait_for("deux")
        await alice.send(BOB, "trois")
        await bob.wait_for("trois")
        assert not bob.unreadable
        assert not alice.unreadable
