"""The embedded Prosody starts, speaks TLS and SCRAM, and answers."""

import asyncio

from tests.streams import logged_in
from xmppgov.demo.prosody import Prosody

ACCOUNTS = ["alice@gov.localhost"]
PROSODY_MODULES = ""


async def test_an_account_logs_in_over_tls(prosody: Prosody) -> None:
    async with logged_in(prosody, "alice@gov.localhost", "xep_0199") as alice:
        assert alice.plugin["feature_mechanisms"].mech.name.startswith("SCRAM-")
        assert await alice.plugin["xep_0199"].ping("gov.localhost", timeout=5) >= 0


async def test_a_stopped_account_leaves_no_task_behind(prosody: Prosody) -> None:
    before = asyncio.all_tasks()
    async with logged_in(prosody, "alice@gov.localhost"):
        assert [t for t in asyncio.all_tasks() - before if "run_filters" in str(t.get_coro())]
    assert not [t for t in asyncio.all_tasks() - before if "run_filters" in str(t.get_coro())]
