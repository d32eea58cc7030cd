"""A seat and what follows from all seats of a room: its next setting, who came and who went."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

from xmppgov.archive.emitter.model import Event
from xmppgov.rooms.model import Listed, Member, Readiness, Room, difference, nicknames
from xmppgov.rooms.policy import IN_ROOM, Stage, advance, wish

MEMBERS = frozenset({"member", "admin", "owner"})
"""Affiliations (XEP-0045) whose holder is in the room's list."""


@dataclass(frozen=True, slots=True)
class Seat:
    """One person in one room, with what is known of their keys; `jid` may be empty."""

    room: str
    room_name: str
    person: str
    jid: str
    name: str
    role: str
    listed: bool
    stage: Stage
    readiness: Readiness

    @property
    def wished(self) -> Stage:
        """The stage that the directory and the keys lead to from here."""
        return advance(self.stage, wish(self.listed, self.readiness.keys))


@dataclass(frozen=True, slots=True)
class Body:
    """What a room has of its body: its name and its kind (group, committee, …), or empty."""

    name: str
    kind: str = ""


def planned(id: str, body: Body, seats: Iterable[tuple[Seat, Stage]]) -> Room:
    """Return the room as it is to be set, with its seats in the given stages.

    An address that sits in two seats (a person who came back with it) is named once.
    """
    inside = {seat.jid: seat for seat, stage in seats if stage in IN_ROOM}
    names = nicknames([(jid, seat.name) for jid, seat in inside.items()])
    members = (Member(jid, names[jid], seat.role) for jid, seat in inside.items())
    return Room(id, body.name, tuple(sorted(members, key=lambda m: m.jid)), body.kind)


def came_and_went(before: Room | None, after: Room, address: str) -> list[Event]:
    """Return an event for each address that became a member of the room, or is none any more.

    `address` is the room's bare address, `before` what the server had confirmed before.
    """
    change = difference(before.members if before else (), after.members)
    left = [Event("left", jid, room=address) for jid in change.removed]
    return left + [Event("joined", jid, room=address) for jid in change.added]


def as_found(room: Room, listed: Iterable[Listed]) -> Room:
    """Return a room with the members that the server really has; of those known, as known."""
    known = {member.jid: member for member in room.members}
    found = (
        known.get(row.jid, Member(row.jid, row.nick, row.role))
        for row in listed
        if row.affiliation in MEMBERS
    )
    return replace(room, members=tuple(sorted(found, key=lambda m: m.jid)))


def wishes(seats: Sequence[Seat]) -> list[tuple[Seat, Stage]]:
    """Return each seat with the stage that it goes to now."""
    return [(seat, seat.wished) for seat in seats]
