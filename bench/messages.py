"""Message throughput: 1:1 OMEMO-sized messages with capture, without, and with mod_mam on SQL."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from bench.archive import Drain, archive
from bench.report import Row
from bench.servers import server
from bench.streams import RawClient, log_in
from xmppgov.demo.prosody import Prosody

PAIRS = 4
WINDOW = 128  # messages on their way in each pair
NO_MAM = 'modules_disabled = { "mam" }\n'
SQL_MAM = 'storage = { archive = "sql" }\nsql = { driver = "SQLite3", database = "bench.sqlite" }\n'
HEADER = (
    "<header sid='1234567'><key rid='7654321'>"
    + "A" * 220
    + "</key><iv>"
    + "B" * 16
    + "</iv></header>"
)
PAYLOAD = "<payload>" + "C" * 600 + "</payload>"


def _message(to: str, number: int) -> bytes:
    return (
        f"<message to='{to}' type='chat' id='m{number}'>"
        f"<encrypted xmlns='eu.siacs.conversations.axolotl'>{HEADER}{PAYLOAD}</encrypted>"
        f"<origin-id xmlns='urn:xmpp:sid:0' id='m{number}'/>"
        "<encryption xmlns='urn:xmpp:eme:0' namespace='eu.siacs.conversations.axolotl'/>"
        "<store xmlns='urn:xmpp:hints'/></message>"
    ).encode()


async def _exchange(sender: RawClient, receiver: RawClient, count: int) -> None:
    target = receiver.jid.split("/")[0]
    counting = asyncio.create_task(receiver.count())
    sent = 0
    while receiver.received < count:
        allowed = min(count, receiver.received + WINDOW)
        if sent < allowed:
            sender.send(b"".join(_message(target, n) for n in range(sent, allowed)))
            sent = allowed
            await sender.writer.drain()
        await asyncio.sleep(0.001)
    counting.cancel()


async def throughput(prosody: Prosody, count: int) -> float:
    """Return messages per second, from the first sent to the last received."""
    clients = await asyncio.gather(*(log_in(prosody, f"user{n}") for n in range(2 * PAIRS)))
    began = time.perf_counter()
    await asyncio.gather(
        *(_exchange(clients[2 * n], clients[2 * n + 1], count // PAIRS) for n in range(PAIRS))
    )
    elapsed = time.perf_counter() - began
    await asyncio.gather(*(client.close() for client in clients))
    return count // PAIRS * PAIRS / elapsed


@asynccontextmanager
async def _running(modules: str, extra: str) -> AsyncIterator[Prosody]:
    with server(modules, [f"user{n}" for n in range(2 * PAIRS)], extra) as prosody:
        yield prosody


async def _drain(count: int) -> Drain:
    """Let `count` records pile up in the spool, start the archive, and see it take them."""
    async with _running("capture", NO_MAM) as prosody:
        await throughput(prosody, count)
        async with archive(prosody) as running:
            return await running.drained(count // PAIRS * PAIRS)


async def measure(count: int) -> list[Row]:
    """Measure the three servers with `count` messages, and the archive's lag behind capture."""
    async with _running("", NO_MAM) as plain:
        await throughput(plain, count // 10)
        none = await throughput(plain, count)
    async with _running("capture", NO_MAM) as captured, archive(captured) as running:
        warm_up = count // 10 // PAIRS * PAIRS
        await throughput(captured, warm_up)
        await running.drained(warm_up)
        with_capture = await throughput(captured, count)
        total = warm_up + count // PAIRS * PAIRS
        lag = total - running.committed()
        await running.drained(total)
    drain = await _drain(count)
    async with _running("", SQL_MAM) as sql:
        with_sql = await throughput(sql, max(count // 10, 500))
    return [
        Row("messages/s, no archive", f"{none:,.0f}"),
        Row(
            "messages/s, capture",
            f"{with_capture:,.0f}",
            "no archive",
            with_capture / none,
            "≥ 0.75",
        ),
        Row("messages/s, mod_mam on SQL", f"{with_sql:,.0f}", "no archive", with_sql / none),
        Row(
            "capture against mod_mam",
            f"{with_capture:,.0f}",
            "mod_mam SQL",
            with_capture / with_sql,
            "≥ 8",
        ),
        Row("archive's lag at the end", f"{lag:,} records"),
        Row(
            f"spool of {drain.lag:,} drained, records/s",
            f"{drain.rate:,.0f}",
            "5,000/s",
            drain.rate / 5000,
            "≥ 1",
        ),  # fmt: skip
    ]
