"""Search throughput through the server, against a raw component that answers a constant.

Both answer XEP-0055 searches with ten results over the same Prosody; the raw one parses nothing and
looks nothing up, so it is the limit of the route.
"""

from __future__ import annotations

import asyncio
import hashlib
import re
import time
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager

from bench.directory import directory
from bench.report import Row, compared, span
from bench.rounds import Contender, in_turn
from bench.servers import server
from bench.streams import RawClient, log_in
from xmppgov.config import read_secret
from xmppgov.demo.prosody import Prosody

WINDOW = 32
CLIENTS = 4
ROUNDS = 5
QUERIES = ("ma", "du", "le", "be", "mar", "dur", "ber", "mart", "dupo", "cha")
_IQ = re.compile(rb"<iq\b[^>]*?>")
_ID = re.compile(rb"\bid=['\"]([^'\"]+)")
_FROM = re.compile(rb"\bfrom=['\"]([^'\"]+)")


def _query(target: str, number: int) -> bytes:
    return (
        f"<iq type='set' to='{target}' id='q{number}'><query xmlns='jabber:iq:search'>"
        "<x xmlns='jabber:x:data' type='submit'><field var='FORM_TYPE' type='hidden'>"
        "<value>jabber:iq:search</value></field>"
        f"<field var='q'><value>{QUERIES[number % len(QUERIES)]}</value></field></x>"
        "<set xmlns='http://jabber.org/protocol/rsm'><max>10</max></set></query></iq>"
    ).encode()


async def _ask(client: RawClient, target: str, count: int) -> None:
    client.token = b"</iq>"
    counting = asyncio.create_task(client.count())
    start, sent = client.received, 0
    while client.received - start < count:
        allowed = min(count, client.received - start + WINDOW)
        if sent < allowed:
            client.send(b"".join(_query(target, n) for n in range(sent, allowed)))
            sent = allowed
        await asyncio.sleep(0.001)
    counting.cancel()


async def throughput(prosody: Prosody, target: str, count: int) -> float:
    """Return searches per second."""
    clients: Sequence[RawClient] = await asyncio.gather(
        *(log_in(prosody, f"user{n}") for n in range(CLIENTS))
    )
    began = time.perf_counter()
    await asyncio.gather(*(_ask(client, target, count // CLIENTS) for client in clients))
    elapsed = time.perf_counter() - began
    await asyncio.gather(*(client.close() for client in clients))
    return count // CLIENTS * CLIENTS / elapsed


async def one_answer(prosody: Prosody, target: str) -> bytes:
    """Return the payload of one real answer with ten results."""
    client = await log_in(prosody, "user0")
    client.send(_query(target, 0))
    answer = await asyncio.wait_for(client.reader.readuntil(b"</iq>"), 10)
    await client.close()
    payload = answer[answer.index(b"<query") : answer.index(b"</query>") + len(b"</query>")]
    if payload.count(b"<item>") != 10:
        raise RuntimeError(f"the directory answered {payload.count(b'<item>')} results, not 10")
    return payload


@asynccontextmanager
async def raw_component(prosody: Prosody, payload: bytes) -> AsyncIterator[None]:
    """Answer every IQ to the directory's address with `payload` while the block runs."""
    reader, writer = await asyncio.open_connection("127.0.0.1", prosody.ports.component)
    jid = f"directory.{prosody.domain}"
    writer.write(
        f"<stream:stream xmlns='jabber:component:accept' to='{jid}' "
        "xmlns:stream='http://etherx.jabber.org/streams'>".encode()
    )
    opening = await reader.readuntil(b">") + await reader.readuntil(b">")
    found = _ID.search(opening)
    stream_id = found.group(1).decode() if found else ""
    secret = read_secret(prosody.state / "secrets" / "directory")
    digest = hashlib.sha1(f"{stream_id}{secret}".encode(), usedforsecurity=False).hexdigest()
    writer.write(f"<handshake>{digest}</handshake>".encode())
    await reader.readuntil(b"<handshake/>")
    task = asyncio.create_task(_answer(reader, writer, jid.encode(), payload))
    try:
        yield
    finally:
        task.cancel()
        writer.close()


async def _answer(
    reader: asyncio.StreamReader, writer: asyncio.StreamWriter, jid: bytes, payload: bytes
) -> None:
    while True:
        stanza = await reader.readuntil(b"</iq>")
        opening = _IQ.search(stanza)
        if opening is None:
            continue
        identifier, sender = _ID.search(opening.group()), _FROM.search(opening.group())
        if identifier and sender:
            writer.write(
                b"<iq type='result' id='%s' from='%s' to='%s'>%s</iq>"
                % (identifier.group(1), jid, sender.group(1), payload)
            )


async def measure(count: int) -> list[Row]:
    """Measure `count` searches by the directory and by the raw component, in turn."""
    users, size = [f"user{n}" for n in range(CLIENTS)], count // ROUNDS
    with server("", users) as real, server("", users) as bare:
        target = f"directory.{real.domain}"
        async with directory(real), raw_component(bare, await one_answer(real, target)):
            contenders: dict[str, Contender] = {
                "constant": lambda: throughput(bare, target, size),
                "directory": lambda: throughput(real, target, size),
            }
            await in_turn(1, contenders)  # warms both up
            rounds = await in_turn(ROUNDS, contenders)
    constant = "searches/s, 10 results, constant"
    return [
        Row(constant, f"{rounds.figure('constant'):,.0f}", spread=span(rounds.figures["constant"])),
        compared(
            "searches/s, 10 results, directory",
            rounds,
            "directory",
            "constant",
            "constant",
            "≥ 0.5",
        ),
    ]
