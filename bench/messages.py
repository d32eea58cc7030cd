"""Throughput of 1:1 OMEMO-sized messages: with capture, open and closed; without; with SQL."""

from __future__ import annotations

import asyncio
import time
from contextlib import AbstractContextManager
from statistics import median

from bench.archive import Archive, Drain, archive
from bench.cpu import used
from bench.report import Row, compared, span
from bench.rounds import Contender, Rounds, in_turn
from bench.servers import server
from bench.streams import RawClient, log_in
from xmppgov.demo.prosody import Prosody

PAIRS = 4
ROUNDS = 5
WINDOW = 128  # messages on their way in each pair
NO_MAM = 'modules_disabled = { "mam" }\n'
CLOSED = NO_MAM + 'xmppgov_capture_fail = "closed"\n'
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


class Captured:
    """A server with capture and an archive that may trail, but not into the next round."""

    def __init__(self, prosody: Prosody) -> None:
        self.prosody = prosody
        self.archive: Archive | None = None
        self.recorded = 0
        self.drains: list[Drain] = []
        self.until_archived: list[float] = []

    async def round(self, count: int) -> float:
        """Return messages per second; the archive's lag and what it adds are kept."""
        assert self.archive is not None
        rate = await self.fill(count)
        drain = await self.archive.drained(self.recorded)
        self.drains.append(drain)
        self.until_archived.append(count / (count / rate + drain.seconds))
        return rate

    async def fill(self, count: int) -> float:
        """Send `count` messages."""
        rate = await throughput(self.prosody, count)
        self.recorded += count
        return rate

    async def drain(self, count: int) -> float:
        """Let `count` records pile up without an archive, start it, return records per second."""
        await self.fill(count)
        async with archive(self.prosody) as running:
            done = await running.drained(self.recorded)
        return done.lag / done.seconds


def _pid(prosody: Prosody) -> int:
    assert prosody.process is not None
    return prosody.process.pid


def _server(modules: str, extra: str) -> AbstractContextManager[Prosody]:
    return server(modules, [f"user{n}" for n in range(2 * PAIRS)], extra)


async def measure(count: int) -> list[Row]:
    """Measure the five servers in turn with `count` messages each, SQL with a tenth of them.

    The archive shares two cores with the server and the clients; the server whose archive is away
    shows what the capture costs by itself.
    """
    size = count // ROUNDS // PAIRS * PAIRS
    with (
        _server("", NO_MAM) as plain,
        _server("capture", NO_MAM) as recording,
        _server("capture", NO_MAM) as spooling,
        _server("capture", CLOSED) as waiting,
        _server("", SQL_MAM) as sql,
    ):
        captured, closed = Captured(recording), Captured(waiting)
        processes = [_pid(plain), _pid(recording)]
        async with archive(recording) as captured.archive, archive(waiting) as closed.archive:
            contenders: dict[str, Contender] = {
                "none": lambda: throughput(plain, size),
                "open": lambda: captured.round(size),
                "spool": lambda: throughput(spooling, size),
                "closed": lambda: closed.round(size),
                "sql": lambda: throughput(sql, size // 10),
            }
            await in_turn(1, contenders)  # warms everybody up
            processes.append(captured.archive.pid)
            captured.drains, captured.until_archived = [], []
            before = [used(pid) for pid in processes]
            rounds = await in_turn(ROUNDS, contenders)
            costs = [used(pid) - start for pid, start in zip(processes, before, strict=True)]
        rates = [await captured.drain(count // 2) for _ in range(3)]
    costs = [cost / (size * ROUNDS) * 1e6 for cost in costs]
    return _rows(rounds, captured, costs, rates)


def _rows(rounds: Rounds, captured: Captured, costs: list[float], rates: list[float]) -> list[Row]:
    lags = [drain.lag for drain in captured.drains]
    plain, recording, archiving = costs
    none, capture = "messages/s, no archive", "messages/s, capture open"
    return [
        Row(none, f"{rounds.figure('none'):,.0f}", spread=span(rounds.figures["none"])),
        compared(capture, rounds, "open", "none", "no archive", "≥ 0.85"),
        compared("messages/s, open, archive away", rounds, "spool", "none", "no archive"),
        compared("messages/s, capture closed", rounds, "closed", "none", "no archive"),
        compared("messages/s, mod_mam on SQL", rounds, "sql", "none", "no archive"),
        compared(capture, rounds, "open", "sql", "mod_mam on SQL", "≥ 8"),
        Row("archive's lag after a round, records", f"{median(lags):,.0f}", spread=span(lags)),
        Row(
            "messages/s, until all are archived",
            f"{median(captured.until_archived):,.0f}",
            spread=span(captured.until_archived),
        ),
        Row(
            "spool drained, records/s", f"{median(rates):,.0f}", "5,000",
            median(rates) / 5000, span([rate / 5000 for rate in rates], ".2f"), "≥ 1",
        ),
        Row("processor a message, server, no archive", f"{plain:,.0f} µs"),
        Row(
            "processor a message, server, capture", f"{recording:,.0f} µs", "no archive",
            plain / recording,
        ),
        Row("processor a record, archive", f"{archiving:,.0f} µs"),
    ]  # fmt: skip
