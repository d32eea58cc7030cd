"""What the governance component would do next, from what it has stored."""

from __future__ import annotations

from dataclasses import dataclass

from xmppgov.rooms.model import Difference, Standing, difference
from xmppgov.rooms.policy import standing
from xmppgov_rooms.model import Seat, planned, wishes
from xmppgov_rooms.store import RoomsStore


@dataclass(frozen=True, slots=True)
class RoomPlan:
    """One room: its people with their standing, and what setting it now would change."""

    id: str
    name: str
    people: tuple[tuple[Seat, Standing], ...]
    change: Difference


async def plan_room(store: RoomsStore, room: str) -> RoomPlan:
    """Return what would be done for `room`; people who are on their way out are not in it."""
    moved = wishes(await store.seats(room))
    body = await store.body(room)
    applied = await store.applied(room)
    wanted = planned(room, body, moved)
    people = tuple((seat, standing(stage)) for seat, stage in moved if seat.listed)
    return RoomPlan(
        room, body.name, people, difference(applied.members if applied else (), wanted.members)
    )


async def plan(store: RoomsStore) -> list[RoomPlan]:
    """Return the plan of every room."""
    return [await plan_room(store, room) for room in await store.rooms()]


async def state(store: RoomsStore) -> list[RoomPlan]:
    """Return every room as it stands, before anything is done."""
    rooms = []
    for id in await store.rooms():
        seats = await store.seats(id)
        people = tuple((seat, standing(seat.stage)) for seat in seats if seat.listed)
        body = await store.body(id)
        rooms.append(RoomPlan(id, body.name, people, Difference((), (), ())))
    return rooms
