"""The whole way: a message through the server's capture module into the archive's signed log."""

from __future__ import annotations

from pathlib import Path

from tests.archive import pseudonyms, records
from tests.integration.test_archive_process import Running, signed
from tests.streams import logged_in, read
from xmppgov.demo.prosody import Prosody

PROSODY_MODULES = "capture"
ACCOUNTS = ["alice@gov.localhost", "bob@gov.localhost"]


async def test_messages_are_captured_committed_and_verified(
    prosody: Prosody, tmp_path: Path
) -> None:
    archive = Running(prosody, tmp_path)
    text = archive.config.read_text()
    archive.config.write_text(text.replace("governance.gov.localhost", "gov.localhost"))
    archive.start()
    try:
        async with (
            logged_in(prosody, "alice@gov.localhost") as alice,
            logged_in(prosody, "bob@gov.localhost"),
        ):
            for n in range(10):
                alice.send_message("bob@gov.localhost", f"CANARY {n}", msubject="CANARY")
            state = await signed(archive, 11)
        assert (state["records"], state["emitters"][0]["server"]) == (10, "gov.localhost")
        report = archive.json("verify")
        assert report["ok"], report["findings"]
        found = records(archive.config)
        (bob,) = pseudonyms(archive.config, "person", "bob@gov.localhost")
        assert [record["to"] for record in found] == [bob] * 10
        assert {record["kind"] for record in found} == {"msg.direct"}
    finally:
        assert archive.kill(15) == 0
    assert b"CANARY" not in read(tmp_path)
