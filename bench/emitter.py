"""An emitter with next to no cost of its own: a raw component that sends batches made before."""

from __future__ import annotations

import asyncio
import hashlib
import re
import time
from collections.abc import Sequence
from dataclasses import dataclass, field

from xmppgov.archive.batch import Batch, WireRecord
from xmppgov.archive.stanza import write_batch
from xmppgov.config import read_secret
from xmppgov.demo.prosody import Prosody

PEOPLE, ROOMS, DAY = 2000, 40, 86_400_000
_DONE = re.compile(rb"<iq\b[^>]*\bid=['\"]b(\d+)['\"][^>]*>(?:<committed)?")


def wire(seq: int, t: int) -> WireRecord:
    """Return a record as a server sends it: one of many people, to another or into a room."""
    in_room = seq % 3 == 0
    return WireRecord(
        seq=seq,
        id=f"{t >> 16:08x}-{t & 0xFFFF:04x}-7c55-8f0e-{seq:012x}",
        t=t,
        kind="groupchat" if in_room else "chat",
        path="c2s",
        sender=f"person{seq * 7919 % PEOPLE}@gov.localhost",
        to=None if in_room else f"person{seq * 104729 % PEOPLE}@gov.localhost",
        room=f"room{seq % ROOMS}@rooms.gov.localhost" if in_room else None,
        n=57 if in_room else None,
        size=900 + seq % 4000,
        enc="omemo:siacs",
        oid=f"origin-{seq:x}",
        sid=f"stanza-{seq:x}",
        state="accepted",
    )


def batch(epoch: int, first: int, count: int, t: int, step: int = 1) -> Batch:
    """Return `count` records from number `first` on, the first at `t`, each `step` ms later."""
    items = tuple(wire(first + n, t + n * step) for n in range(count))
    return Batch(epoch, first, first + count - 1, items)


@dataclass
class Emitter:
    """A host of `prosody` that the archive obeys."""

    prosody: Prosody
    name: str = "governance"
    secret: str = "rooms"
    latencies: list[float] = field(default_factory=list)

    async def send(self, batches: Sequence[Batch], window: int, pace: float = 0.0) -> float:
        """Send batches, at most `window` unanswered; return the seconds until the last answer.

        With a `pace` a batch is due every so many seconds, and its latency counts from then.
        """
        host = f"{self.name}.{self.prosody.domain}"
        reader, writer = await asyncio.open_connection("127.0.0.1", self.prosody.ports.component)
        await self._handshake(reader, writer, host)
        stanzas = [
            f"<iq type='set' id='b{n}' from='{host}' to='archive.{self.prosody.domain}'>"
            f"{write_batch(batch)}</iq>".encode()
            for n, batch in enumerate(batches)
        ]
        began = time.perf_counter()
        await self._exchange(reader, writer, stanzas, window, pace)
        elapsed = time.perf_counter() - began
        writer.close()
        return elapsed

    async def _exchange(
        self,
        reader: asyncio.StreamReader,
        writer: asyncio.StreamWriter,
        stanzas: Sequence[bytes],
        window: int,
        pace: float,
    ) -> None:
        due: list[float] = []
        places = asyncio.Semaphore(window)

        async def write() -> None:
            began = time.perf_counter()
            for number, stanza in enumerate(stanzas):
                await places.acquire()
                await asyncio.sleep(began + number * pace - time.perf_counter() if pace else 0)
                due.append(began + number * pace if pace else time.perf_counter())
                writer.write(stanza)

        writing = asyncio.create_task(write())
        answered, buffer = 0, b""
        while answered < len(stanzas):
            data = await asyncio.wait_for(reader.read(1 << 16), 60)
            buffer += data
            if not data or b"type='error'" in buffer:
                raise RuntimeError(buffer[-500:])
            found = list(_DONE.finditer(buffer))
            now = time.perf_counter()
            self.latencies += [now - due[int(match[1])] for match in found]
            answered += len(found)
            buffer = buffer[found[-1].end() :] if found else buffer
            for _ in found:
                places.release()
        await writing

    async def _handshake(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, host: str
    ) -> None:
        writer.write(
            f"<stream:stream xmlns='jabber:component:accept' to='{host}' "
            "xmlns:stream='http://etherx.jabber.org/streams'>".encode()
        )
        opening = await reader.readuntil(b">")
        while b"stream:stream" not in opening:
            opening = await reader.readuntil(b">")
        match = re.search(rb"\bid=['\"]([^'\"]+)", opening)
        assert match is not None
        secret = read_secret(self.prosody.state / "secrets" / self.secret)
        token = hashlib.sha1(match[1] + secret.encode()).hexdigest()
        writer.write(f"<handshake>{token}</handshake>".encode())
        await reader.readuntil(b"<handshake/>")
