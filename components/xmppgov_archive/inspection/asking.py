"""Asks witnesses what they have cosigned of this log last, before the log is looked at.

In this order an honest log has always at least what they have.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterable

import aiohttp

from xmppgov.errors import Unreachable
from xmppgov.tlog.policy import Policy
from xmppgov_archive.inspection.answers import Answer
from xmppgov_archive.log.client import WitnessClient


async def ask_witnesses(origin: str, policy: Policy, urls: Iterable[str]) -> list[Answer]:
    """Return the answers of the witnesses at `urls`, all asked at once."""
    known = {(w.url or "").rstrip("/"): w for w in policy.witnesses}
    async with aiohttp.ClientSession() as session:

        async def ask(url: str) -> Answer:
            witness = known.get(url.rstrip("/"))
            name, key = (witness.name, witness.key) if witness else (url, None)
            try:
                return Answer(name, key, await WitnessClient(session, url).latest(origin))
            except Unreachable:
                return Answer(name, key, None)

        return list(await asyncio.gather(*map(ask, urls)))
