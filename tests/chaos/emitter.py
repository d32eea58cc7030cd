"""An emitter that tests see through: what it counted, what it sent, what was acknowledged.

It does what docs/protocol/archive.md asks of every emitter: it counts without gaps, and sends
again what was not acknowledged, in other batches than before.
"""

from __future__ import annotations

import asyncio
import random
import time
import xml.etree.ElementTree as ET

from slixmpp.exceptions import IqError, IqTimeout
from slixmpp.xmlstream.xmlstream import NotConnectedError

from tests.omemo_nodes import condition
from xmppgov.archive.batch import Batch, WireRecord
from xmppgov.archive.stanza import parse_committed, write_batch
from xmppgov.xmpp.client import Account

AWAY = {
    "remote-server-timeout",
    "service-unavailable",
    "recipient-unavailable",
    "internal-server-error",
    "resource-constraint",
}
"""Answers after which the same is sent again."""
MOST = 40  # records in a batch
PATIENCE, PAUSE = 2.0, 0.05  # seconds


class Emitter:
    """The account `account` as an emitter of look-ups to the archive at `archive`."""

    def __init__(self, account: Account, archive: str, epoch: int, chance: random.Random) -> None:
        self.account, self.archive, self.epoch, self.chance = account, archive, epoch, chance
        self.made: list[WireRecord] = []
        self.acknowledged = 0
        self.refused: list[str] = []

    @property
    def address(self) -> str:
        """The bare address, by which the archive knows this emitter."""
        return str(self.account.boundjid.bare)

    def make(self, count: int) -> None:
        """Count `count` records more, which wait to be sent."""
        for seq in range(len(self.made) + 1, len(self.made) + count + 1):
            self.made.append(_look_up(seq, self.address, self.chance))

    async def emit(self) -> None:
        """Make records and send them, until cancelled or refused."""
        while not self.refused:
            if len(self.made) - self.acknowledged < MOST:
                self.make(self.chance.randint(1, 9))
            await self.send(self.chance.randint(1, MOST))
            await asyncio.sleep(PAUSE)

    async def send_all(self) -> None:
        """Send until everything is acknowledged, or something is refused."""
        while self.acknowledged < len(self.made) and not self.refused:
            await self.send(MOST)

    async def send(self, most: int) -> None:
        """Send at most `most` records behind the last acknowledged one, once."""
        items = tuple(self.made[self.acknowledged : self.acknowledged + most])
        batch = Batch(self.epoch, items[0].seq, items[-1].seq, items)
        try:
            answer = await self._ask(write_batch(batch))
        except IqError as error:
            if condition(error) not in AWAY:
                self.refused.append(f"{condition(error)} of {batch.first} to {batch.last}")
        except (IqTimeout, NotConnectedError):
            await asyncio.sleep(PAUSE)
        else:
            self.acknowledged = max(self.acknowledged, parse_committed(answer, self.epoch))

    async def _ask(self, child: str) -> ET.Element:
        if not self.account.session_bind_event.is_set():
            raise NotConnectedError
        iq = self.account.make_iq_set(ito=self.archive)
        iq.append(ET.fromstring(child))
        return (await iq.send(timeout=PATIENCE)).xml[0]


def _look_up(seq: int, sender: str, chance: random.Random) -> WireRecord:
    t = time.time_ns() // 1_000_000
    return WireRecord(
        seq=seq,
        id=f"{t >> 16:08x}-{t & 0xFFFF:04x}-7{chance.getrandbits(12):03x}-8000-{seq:012x}",
        t=t,
        kind="lookup",
        path="local",
        sender=sender,
        to=sender,
        room=None,
        n=None,
        size=None,
        enc=None,
        oid=None,
        sid=None,
        state="accepted",
    )
