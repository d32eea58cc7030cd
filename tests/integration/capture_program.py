"""A program of capture: steps that hypothesis draws, and what runs them on a ground.

People open a device as soon as they need it, and enter a room as soon as they speak there, so that
every list of steps is a program, and every part of it as well.
"""

from __future__ import annotations

import asyncio
import contextlib
import itertools
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from tests.integration.capture_ground import CAPTURE, GUESTS, HOST, KINDS, MUC, Ground, private_host
from tests.integration.capture_ledger import Account, Ledger, Message
from tests.integration.capture_people import Device
from tests.integration.capture_steps import (
    Again,
    Archive,
    Disk,
    End,
    Intrude,
    Kill,
    Leave,
    Reload,
    Restart,
    Say,
    Speak,
    Step,
    Whisper,
    payload,
    records,
)
from tests.streams import component_section, connected
from xmppgov.rooms.client import RoomsClient
from xmppgov.rooms.model import Member, Room
from xmppgov.xmpp.component import Component

PEOPLE = (("anna", HOST), ("bruno", HOST), ("gaston", GUESTS))
ABSENT, NOBODY = "dora", "nemo"
A_MOMENT = 0.3  # seconds that a kill waits for the state in which it is wanted
_programs = itertools.count(1)


@dataclass
class Run:
    """One program's people, rooms and messages; every name is new."""

    ground: Ground
    number: int = field(default_factory=lambda: next(_programs))
    ledger: Ledger = field(default_factory=Ledger)
    devices: dict[tuple[int, str], Device] = field(default_factory=dict)
    held: bool = False
    ended: bool = False
    """Whether a session has ended."""

    def bare(self, who: int) -> str:
        """Return somebody's address; behind the people come one who is absent and one unknown."""
        names = (*PEOPLE, (ABSENT, HOST), (NOBODY, HOST))
        name, host = names[who]
        return f"{name}{self.number}@{host}"

    def room(self, kind: str) -> str:
        """Return the address of the room of a class."""
        return f"{kind}-{self.number}@{MUC}"

    async def prepare(self, steps: Sequence[Step]) -> None:
        """Make the accounts, and the rooms in which something happens."""
        for who in range(len(PEOPLE) + 1):
            self.ground.server.add_account(self.bare(who), "secret")
        kinds = {step.room for step in steps if isinstance(step, Speak | Intrude | Leave)}
        stream = Component(
            component_section(self.ground.server, "governance", "rooms"),
            name="test",
            identity=("component", "x"),
        )
        members = tuple(Member(bare, bare.split("@")[0]) for bare in map(self.bare, range(3)))
        if kinds:
            async with connected(stream):
                for kind in kinds:
                    room = Room(self.room(kind).split("@")[0], kind, members, kind)
                    await RoomsClient(stream, MUC).set(room)

    # What people do

    async def device(self, who: int, name: str) -> Device:
        """Return a device that is online. What its last stream left unanswered is sent again."""
        bare = self.bare(who)
        if (who, name) not in self.devices:
            user, host = bare.split("@")
            new = Device(self.ground.server, user, host, name, self.ledger.receiver(bare))
            self.devices[who, name] = new
        device = self.devices[who, name]
        if not device.is_open:
            for oid in await device.open(available=name != "eye"):
                message = self.ledger.messages[oid]
                if not message.room and not message.to_oneself:
                    self._send(device, message)
        return device

    async def in_room(self, who: int, name: str, room: str) -> Device | None:
        """Return a device that is in a room, or None where it has to wait for the disk."""
        device = await self.device(who, name)
        if room not in device.rooms:
            if self.held and device.unsettled:
                return None
            await device.enter(room)
        return device

    def _send(self, device: Device, message: Message) -> None:
        message.sent += 1

        def handled() -> None:
            message.settled += 1

        device.say(message.xml, message.oid, handled)

    async def utter(self, device: Device, message: Message, settle: bool) -> None:
        """Send a new message."""
        self.ledger.messages[message.oid] = message
        self._send(device, message)
        await self.settle(device, settle)

    async def settle(self, device: Device, wanted: bool = True) -> None:
        """Wait until a device's messages are handled, unless they wait for the disk."""
        if wanted and not self.held and device.is_open:
            await device.settle()

    def message(
        self,
        author: Device,
        to: str,
        kind: str,
        what: str,
        level: str,
        closed: bool,
        **more: object,
    ) -> Message:
        """Return a new message with a payload of the sort `what`."""
        oid = f"p{self.number}-{len(self.ledger.messages)}"
        kind = "error" if what == "bounce" else kind
        inside = payload(what, f"{self.number}")
        xml = (
            f"<message to='{to}' type='{kind}' id='{oid}'>{inside}"
            f"<origin-id xmlns='urn:xmpp:sid:0' id='{oid}'/></message>"
        )
        level = level if records(what) else "none"
        message = Message(oid, author.bare, xml, level, closed, **more)  # type: ignore[arg-type]
        message.is_bounce = what == "bounce"
        return message

    # Steps

    async def do(self, step: Step) -> None:
        """Run one step."""
        act: Callable[..., object] = getattr(self, "_" + type(step).__name__.lower())
        await act(step)  # type: ignore[misc]

    async def _say(self, step: Say) -> None:
        device = await self.device(step.who, step.device)
        to = self.bare(step.to)
        closed = GUESTS in (device.host, to.split("@")[1])
        if step.full or step.what == "bounce":
            to += "/one"
        message = self.message(device, to, "chat", step.what, "full", closed)
        message.place = "" if step.to > len(PEOPLE) else self.bare(step.to)
        message.to_oneself = step.to == step.who
        await self.utter(device, message, step.settle)

    async def _speak(self, step: Speak) -> None:
        room, kind = self.room(step.room), KINDS[step.room]
        device = await self.in_room(step.who, step.device, room)
        if device is None:
            return
        message = self.message(
            device, room, "groupchat", step.what, kind.level, kind.closed, place=room, room=room
        )
        message.barred = step.what == "subject"
        await self.utter(device, message, step.settle)

    async def _whisper(self, step: Whisper) -> None:
        """Say something to somebody in a room, who is there."""
        room, kind = f"salon-{self.number}@{private_host(step.room)}", KINDS[step.room]
        device = await self.in_room(step.who, "one", room)
        other = (step.who + 1 + step.to) % len(PEOPLE)
        if device is None or await self.in_room(other, "one", room) is None:
            return
        nick = self.bare(other).split("@")[0]
        message = self.message(device, f"{room}/{nick}", "chat", step.what, kind.level, kind.closed)
        message.place, message.room = self.bare(other), room
        await self.utter(device, message, step.settle)

    async def _intrude(self, step: Intrude) -> None:
        """Speak in a room without having entered it."""
        room, kind = self.room(step.room), KINDS[step.room]
        device = await self.device(step.who, "outside")
        message = self.message(device, room, "groupchat", "body", "none", kind.closed, place=room)
        message.barred = True
        await self.utter(device, message, settle=True)

    async def _again(self, step: Again) -> None:
        """Send again what somebody has said, as a client does that knows of no acknowledgement."""
        known = [m for m in self.ledger.messages.values() if not m.to_oneself and not m.barred]
        if not known:
            return
        message = known[step.which % len(known)]
        who = next(n for n in range(len(PEOPLE)) if self.bare(n) == message.author)
        other = next((n for n in range(len(PEOPLE)) if self.bare(n) == message.place), None)
        device: Device | None
        if not message.room:
            device = await self.device(who, step.device)
        elif other is None:
            device = await self.in_room(who, step.device, message.room)
        else:
            device = await self.in_room(who, "one", message.room)
            if await self.in_room(other, "one", message.room) is None:
                return
        if device is not None:
            self._send(device, message)
            await self.settle(device, step.settle)

    async def _leave(self, step: Leave) -> None:
        device = self.devices.get((step.who, step.device))
        room = self.room(step.room)
        if device is None or not device.is_open or room not in device.rooms:
            return
        if not (self.held and device.unsettled):
            await device.leave(room)

    async def _end(self, step: End) -> None:
        device = self.devices.get((step.who, step.device))
        if device is None:
            return
        self.ended = True
        if step.how == "close" and not self.held:
            await device.close()
        else:
            await device.cut()
            if step.how == "resume":
                await device.resume()
        if not device.is_open:
            device.rooms.clear()

    async def _reload(self, step: Reload) -> None:
        if step.module == CAPTURE:
            self.held = False
            self.ground.disk.release()
        if not await self.ground.reload(step.module):
            await self._everybody_is_cut()

    async def _kill(self, step: Kill) -> None:
        if step.when != "now" and self.ledger.messages:
            message = list(self.ledger.messages.values())[-1]
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(A_MOMENT):
                    while not (
                        message.seen if step.when == "seen" else self.ground.is_written(message.oid)
                    ):
                        await asyncio.sleep(0.001)
        boot = f"boot-{self.number}-{len(self.ground.windows)}" if step.boot else ""
        self.held = False
        self.ground.kill(boot)
        await self._everybody_is_cut()

    async def _restart(self, _step: Restart) -> None:
        self.held = False
        self.ground.restart()
        await self._everybody_is_cut()

    async def _everybody_is_cut(self) -> None:
        self.ended = True
        for device in self.devices.values():
            await device.cut()
            device.rooms.clear()

    async def _archive(self, step: Archive) -> None:
        if step.up:
            self.ground.archive_up()
        else:
            self.ground.archive_down()

    async def _disk(self, step: Disk) -> None:
        self.held = step.state == "hold"
        self.ground.fault(step.state)

    # The end

    async def finish(self) -> Account:
        """Bring everything back, wait until all is told, and return the account of it."""
        self.ground.disk.release()
        self.ground.archive_up()
        self.held = False
        await self.ground.healthy()
        for device in self.devices.values():
            await self.settle(device)
        for device in self.devices.values():
            await device.close()
        await self._mark()
        await self._collect()
        for device in self.devices.values():
            await device.close()
        holdings = await self.ground.holdings()
        windows, self.ground.windows = self.ground.windows, []
        return Account(self.ledger, holdings, windows, self.ground.keyed, self.ended)

    async def _mark(self) -> None:
        """Say something that waits for the disk, behind everything else that does."""
        device = await self.device(0, "eye")
        while True:
            message = self.message(device, self.bare(2), "chat", "body", "full", True)
            message.place = self.bare(2)
            await self.utter(device, message, settle=True)
            if not message.refusals:
                return
            await asyncio.sleep(0.05)

    async def _collect(self) -> None:
        """Read the archives of everybody and of every room."""
        places = {message.place for message in self.ledger.messages.values()} - {""}
        for who in range(len(PEOPLE) + 1):
            if self.bare(who) in places:
                eye = await self.device(who, "eye")
                self.ledger.note_archive(self.bare(who), await eye.archived())
        eye = await self.device(0, "eye")
        for room in (place for place in places if place.endswith(MUC)):
            self.ledger.note_archive(room, await eye.archived(room))


async def run(ground: Ground, steps: Sequence[Step]) -> None:
    """Run a program and check every promise."""
    ground.whole()
    program = Run(ground)
    await program.prepare(steps)
    try:
        for step in steps:
            await program.do(step)
        account = await program.finish()
    finally:
        for device in program.devices.values():
            await device.cut()
    account.check()
