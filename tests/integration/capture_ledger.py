"""What was said in a program, what people saw of it, and what the archive must hold then."""

from __future__ import annotations

import xml.etree.ElementTree as ET
from collections import Counter
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field

from tests.integration.capture_ground import Holdings, Kept, Window
from tests.integration.capture_people import CLIENT

CARBONS = "{urn:xmpp:carbons:2}"
CONSTRAINT = "{urn:ietf:params:xml:ns:xmpp-stanzas}resource-constraint"
FORWARDED = f"{{urn:xmpp:forward:0}}forwarded/{CLIENT}message"


@dataclass
class Message:
    """One message, which its author may have sent several times, always with the same `oid`.

    `level` is what its place has in the policy, "none" also for what gives no record anywhere.
    """

    oid: str
    author: str
    xml: str
    level: str
    closed: bool
    place: str = ""
    """Whose archive (XEP-0313) has it if it was handed on: a person's or a room's; "": nobody's."""
    room: str = ""
    barred: bool = False
    """The room refuses it before anything else."""
    to_oneself: bool = False
    is_bounce: bool = False
    sent: int = 0
    settled: int = 0
    """How often it was sent, and how often the server is known to have handled it."""
    refusals: int = 0
    """How often it came back since it cannot be recorded, or since its room does not take it."""
    seen: set[str] = field(default_factory=set)
    copies: int = 0

    @property
    def delivered(self) -> int:
        """How often it was handed on, at least."""
        return max(self.copies, bool(self.seen))

    @property
    def due(self) -> int:
        """For how many of its sendings there has to be a record."""
        return max(self.delivered, self.settled - self.refusals)


@dataclass
class Ledger:
    """The messages of one program by their origin-id."""

    messages: dict[str, Message] = field(default_factory=dict)

    def receiver(self, bare: str) -> Callable[[ET.Element], None]:
        """Return what notes the messages that somebody's device gets."""

        def got(stanza: ET.Element) -> None:
            copy = stanza.find(f"{CARBONS}received/{FORWARDED}")
            stanza = stanza if copy is None else copy
            message = self.messages.get(stanza.get("id", ""))
            if message is None:
                return
            if stanza.get("type") == "error" and bare == message.author:
                unrecorded = stanza.find(f"{CLIENT}error/{CONSTRAINT}") is not None
                message.refusals += unrecorded or bool(message.room)
            else:
                message.seen.add(bare)

        return got

    def note_archive(self, place: str, archived: Iterable[ET.Element]) -> None:
        """Count the copies in a person's or a room's archive."""
        found = Counter((m.get("id", ""), m.get("type") == "error") for m in archived)
        for message in self.messages.values():
            if message.place == place:
                copies = found[message.oid, message.is_bounce]
                # The archive of whoever writes to themselves has it twice: as sent, as received.
                message.copies = copies // 2 if message.to_oneself else copies


@dataclass
class Account:
    """A program's messages beside what the archive holds of them."""

    ledger: Ledger
    holdings: Holdings
    windows: list[Window]
    """Numbers whose record may be unconfirmed."""
    keyed: Callable[[str, str, str], set[str]]
    bounces: bool
    """Whether the server may have made bounces, of which nobody knows how many."""
    records: dict[str, list[Kept]] = field(default_factory=dict)
    """By origin-id."""

    def check(self) -> None:
        """Check every promise."""
        self._every_number_is_there_once()
        self._every_record_is_of_a_message()
        for message in self.ledger.messages.values():
            self._refused_is_not_delivered(message)
            if message.level == "full":
                self._one_record_for_each(message)
            else:
                assert not self.records[message.oid], f"{message} has a record"
        self._counted_messages_have_numbers_only()
        self._what_passed_without_a_record_is_a_hole()
        self._only_a_crash_leaves_unconfirmed_ones()

    def _every_number_is_there_once(self) -> None:
        held = self.holdings
        assert not held.alarms, "a number came twice, with different content"
        numbers = [kept.seq for kept in held.records]
        numbers += [n for n in held.counted if n >= held.first]
        numbers += [n for hole in held.holes.values() for n in hole if n >= held.first]
        assert sorted(numbers) == list(range(held.first, held.last + 1))

    def _every_record_is_of_a_message(self) -> None:
        """Or of a bounce: of what a session had not acknowledged when it ended."""
        rows: dict[tuple[str, bool], list[Kept]] = {}
        for kept in self.holdings.records:
            rows.setdefault((kept.oid, kept.kind == "msg.bounce"), []).append(kept)
        for oid, message in self.ledger.messages.items():
            keys = self.keyed("day", "oid", oid)
            found = (rows.pop((key, message.is_bounce), []) for key in keys)
            self.records[oid] = [kept for some in found for kept in some]
        strange = [kept for (_, bounced), some in rows.items() for kept in some if not bounced]
        assert not strange, f"records of messages that nobody has sent: {strange}"

    @staticmethod
    def _refused_is_not_delivered(message: Message) -> None:
        assert message.delivered <= message.sent - message.refusals, (
            f"{message}: refused, delivered"
        )
        assert not (message.barred and message.delivered), message

    def _one_record_for_each(self, message: Message) -> None:
        found = self.records[message.oid]
        assert len(found) <= message.sent, f"{message} has {len(found)} records"
        if message.closed:
            assert len(found) >= message.due, f"{message} was delivered without a record: {found}"
        accepted = sum(kept.state == "accepted" for kept in found)
        if message.place:
            assert accepted <= message.delivered, f"{message}: {found}, not delivered"

    def _counted(self, room: str) -> int:
        return sum(self.holdings.sums.get(key, 0) for key in self.keyed("month", "room", room))

    def _counted_messages_have_numbers_only(self) -> None:
        told = [m for m in self.ledger.messages.values() if m.level == "counts"]
        total = 0
        for room in {message.room for message in told}:
            here = [message for message in told if message.room == room]
            counted, sent = self._counted(room), sum(message.sent for message in here)
            assert counted <= sent, f"{room}: {counted} counted, {sent} sent"
            if here[0].closed:
                assert counted >= sum(message.due for message in here), f"{room}: {counted} counted"
            total += counted
        assert total == len([n for n in self.holdings.counted if n >= self.holdings.first])

    def _what_passed_without_a_record_is_a_hole(self) -> None:
        """In open places; there are as many lost numbers, but for sendings of unknown fate.

        A power cut takes what was not synced; it is among the numbers reserved.
        """
        lost, reserved = self._missing("lost"), self._missing("boot")
        passed = unknown = 0
        for group in self._open_groups():
            due, sent = sum(m.due for m in group), sum(m.sent for m in group)
            if group[0].level == "counts":
                recorded = self._counted(group[0].room)
            else:
                recorded = len(self.records[group[0].oid])
            passed += max(0, due - recorded)
            unknown += sent - max(due, recorded)
        assert passed <= lost + reserved, f"{lost} numbers lost, {passed} passed"
        if not self.bounces:
            assert lost <= passed + unknown, f"{lost} numbers lost, {passed} and {unknown} passed"

    def _missing(self, reason: str) -> int:
        return sum(n >= self.holdings.first for n in self.holdings.holes.get(reason, []))

    def _open_groups(self) -> Iterable[list[Message]]:
        """Yield the messages in open places that are told apart: one, or all of a counted room."""
        rooms: dict[str, list[Message]] = {}
        for message in self.ledger.messages.values():
            if not message.closed and message.level == "full":
                yield [message]
            elif not message.closed and message.level == "counts":
                rooms.setdefault(message.room, []).append(message)
        yield from rooms.values()

    def _only_a_crash_leaves_unconfirmed_ones(self) -> None:
        for kept in self.holdings.records:
            around = [window for window in self.windows if window.first <= kept.seq <= window.last]
            if kept.state == "unconfirmed":
                assert around, f"{kept}, and there was no crash"
            else:
                assert not any(w.certain for w in around), f"{kept}, and it was not confirmed"
