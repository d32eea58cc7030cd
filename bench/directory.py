"""The directory component with the synthetic country, for the search benchmark."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from bench.services import run_command, service, settings
from xmppgov.demo.country import write_country
from xmppgov.demo.prosody import Prosody


@asynccontextmanager
async def directory(prosody: Prosody) -> AsyncIterator[None]:
    """Run the directory with 6,000 people and no rate limit worth the name."""
    config = settings(
        prosody, "directory", {"[directory]\n": "[directory]\nsearches_per_minute = 100000000\n"}
    )
    country = prosody.state / "country"
    write_country(country)
    tables = [str(country / f"{name}.csv") for name in ("people", "bodies", "posts")]
    await run_command(prosody, "directory", "import", "--config", str(config), *tables)
    async with service(prosody, "directory", config, f"directory.{prosody.domain}"):
        yield
