"""The governance component's database: what the directory lists, what keys allow, how far each seat
has come, and what the server was last told.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from xmppgov.archive.emitter.model import Event
from xmppgov.archive.emitter.store import SCHEMA as EMITTER
from xmppgov.archive.emitter.verdicts.store import Undecided
from xmppgov.errors import StorageError
from xmppgov.i18n import Texts
from xmppgov.rooms.model import UNASKED, Keys, Member, Person, Readiness, Reason, Room
from xmppgov.rooms.policy import VACANT, Stage
from xmppgov.storage.database import Database
from xmppgov.storage.migrations import Schema
from xmppgov_rooms.model import Body, Seat

texts = Texts("xmppgov_rooms")
SCHEMA = Schema(
    "rooms",
    (
        """
    CREATE TABLE rooms (
        id TEXT PRIMARY KEY,
        name TEXT NOT NULL,
        listed INTEGER NOT NULL,
        applied TEXT  -- the room as the server last confirmed it, as JSON (version 1)
    ) STRICT;
    CREATE TABLE people (
        jid TEXT PRIMARY KEY,
        keys TEXT NOT NULL,
        reason TEXT NOT NULL,
        since REAL NOT NULL,  -- when `keys` took this value, seconds since 1970
        nudged REAL
    ) STRICT;
    CREATE TABLE seats (
        room TEXT NOT NULL REFERENCES rooms (id),
        person TEXT NOT NULL,
        jid TEXT NOT NULL,  -- empty where the directory knows no address
        name TEXT NOT NULL,
        role TEXT NOT NULL,
        listed INTEGER NOT NULL,
        stage TEXT NOT NULL,
        PRIMARY KEY (room, person, jid)
    ) STRICT;
    CREATE INDEX seats_by_jid ON seats (jid);
    """,
        "ALTER TABLE rooms ADD COLUMN kind TEXT NOT NULL DEFAULT '';  -- the directory's word",
    ),
)
_SEATS = """
    SELECT s.room, s.person, s.jid, s.name, s.role, s.listed, s.stage,
           p.keys, p.reason, r.name AS room_name
    FROM seats s JOIN rooms r ON r.id = s.room LEFT JOIN people p ON p.jid = s.jid
"""


class RoomsStore:
    """Every statement on the governance database.

    `events` takes what an archive may be told; a store that only reads has none.
    """

    def __init__(self, database: Database, events: Undecided | None = None) -> None:
        self._database = database
        self.events = events

    @classmethod
    async def open(cls, path: Path) -> RoomsStore:
        """Open the database for its component. Raises `StorageError`."""
        database = await Database.open(path, SCHEMA, EMITTER)
        return cls(database, Undecided(database))

    @classmethod
    async def open_read_only(cls, path: Path) -> RoomsStore:
        """Open the database beside its component. Raises `StorageError`."""
        database = await Database.open_read_only(path)
        if not await database.is_current(SCHEMA):
            await database.close()
            raise StorageError(
                texts("{path}: not this program's database yet; start the component.", path=path)
            )
        return cls(database)

    async def close(self) -> None:
        """Close the database."""
        await self._database.close()

    async def replace_listing(
        self, rooms: Mapping[str, Body], people: Mapping[str, Iterable[Person]]
    ) -> None:
        """Take over what the directory lists: the body of each room and its people, by room.

        A seat that is no longer listed stays until the service has undone it.
        """
        async with self._database.transaction() as db:
            await db.execute("UPDATE rooms SET listed = 0")
            await db.execute("UPDATE seats SET listed = 0")
            await db.execute_many(
                "INSERT INTO rooms (id, name, kind, listed) VALUES (?, ?, ?, 1) ON CONFLICT (id)"
                " DO UPDATE SET name = excluded.name, kind = excluded.kind, listed = 1",
                ((id, body.name, body.kind) for id, body in rooms.items()),
            )
            await db.execute_many(
                "INSERT INTO seats (room, person, jid, name, role, listed, stage)"
                " VALUES (?, ?, ?, ?, ?, 1, ?) ON CONFLICT (room, person, jid) DO UPDATE"
                " SET name = excluded.name, role = excluded.role, listed = 1",
                (
                    (room, p.id, p.jid or "", p.name, p.role, _first_stage(p))
                    for room in rooms
                    for p in people[room]
                ),
            )

    async def rooms(self) -> list[str]:
        """Return the ids of every room that is or was listed."""
        rows = await self._database.fetch_all("SELECT id FROM rooms ORDER BY id")
        return [row["id"] for row in rows]

    async def seats(self, room: str) -> list[Seat]:
        """Return every seat of a room, listed or not yet undone."""
        rows = await self._database.fetch_all(
            _SEATS + "WHERE s.room = ? ORDER BY s.name, s.person", (room,)
        )
        return [_seat(row) for row in rows]

    async def seats_in(self, stages: Iterable[Stage]) -> list[Seat]:
        """Return every seat in one of `stages`."""
        wanted = [str(stage) for stage in stages]
        marks = ", ".join("?" for _ in wanted)
        rows = await self._database.fetch_all(_SEATS + f"WHERE s.stage IN ({marks})", wanted)
        return [_seat(row) for row in rows]

    async def seat(self, seat: Seat) -> Seat | None:
        """Return the seat as it is now, or None if it is gone."""
        row = await self._database.fetch_one(
            _SEATS + "WHERE s.room = ? AND s.person = ? AND s.jid = ?",
            (seat.room, seat.person, seat.jid),
        )
        return _seat(row) if row else None

    async def move(self, moves: Iterable[tuple[Seat, Stage]]) -> None:
        """Bring each seat to a stage, unless it has left the stage that it was read in."""
        rows = [
            (str(stage), s.room, s.person, s.jid, str(s.stage))
            for s, stage in moves
            if stage is not s.stage
        ]
        if rows:
            async with self._database.transaction() as db:
                await self._move(db, rows)

    async def save_applied(
        self, room: Room, moves: Iterable[tuple[Seat, Stage]], events: Sequence[Event] = ()
    ) -> None:
        """Keep what the server has confirmed for a room, the seats' stages, and who came or went.

        All of it is one transaction: no membership without its event, and no event without it.
        """
        rows = [(str(stage), s.room, s.person, s.jid, str(s.stage)) for s, stage in moves]
        async with self._database.transaction() as db:
            await db.execute("UPDATE rooms SET applied = ? WHERE id = ?", (_written(room), room.id))
            await self._move(db, rows)
            if self.events is not None:
                await self.events.append(db, events)

    @staticmethod
    async def _move(db: Database, rows: Sequence[tuple[str, ...]]) -> None:
        await db.execute_many(
            "UPDATE seats SET stage = ? WHERE room = ? AND person = ? AND jid = ? AND stage = ?",
            rows,
        )

    async def applied(self, room: str) -> Room | None:
        """Return the room as the server last confirmed it, or None."""
        row = await self._database.fetch_one("SELECT applied FROM rooms WHERE id = ?", (room,))
        return _read(row["applied"]) if row and row["applied"] else None

    async def body(self, room: str) -> Body:
        """Return what a room has of its body."""
        row = await self._database.fetch_one("SELECT name, kind FROM rooms WHERE id = ?", (room,))
        return Body(row["name"], row["kind"]) if row else Body(room)

    async def forget_vacant(self, room: str) -> None:
        """Remove the seats that are not listed and have left no trace on the server."""
        marks = ", ".join("?" for _ in VACANT)
        async with self._database.transaction() as db:
            await db.execute(
                f"DELETE FROM seats WHERE room = ? AND NOT listed AND stage IN ({marks})",  # noqa: S608 (marks only)
                (room, *(str(stage) for stage in VACANT)),
            )

    async def addresses(self, *, unasked_only: bool = False) -> list[str]:
        """Return the addresses in any seat; with `unasked_only`, those whose keys are unknown."""
        rows = await self._database.fetch_all(
            "SELECT DISTINCT s.jid FROM seats s LEFT JOIN people p ON p.jid = s.jid"
            " WHERE s.jid <> '' AND (NOT ?1 OR coalesce(p.keys, ?2) = ?2) ORDER BY s.jid",
            (unasked_only, str(Keys.UNKNOWN)),
        )
        return [row["jid"] for row in rows]

    async def usable(self, jids: Iterable[str]) -> list[str]:
        """Return those of `jids` whose keys are known as usable."""
        wanted = set(jids)
        if not wanted:
            return []
        rows = await self._database.fetch_all(
            "SELECT jid FROM people WHERE keys = ?", (str(Keys.USABLE),)
        )
        return [row["jid"] for row in rows if row["jid"] in wanted]

    async def rooms_of(self, jid: str) -> list[str]:
        """Return the rooms in which an address has a seat."""
        rows = await self._database.fetch_all("SELECT room FROM seats WHERE jid = ?", (jid,))
        return [row["room"] for row in rows]

    async def save_readiness(self, found: Mapping[str, Readiness], now: float) -> list[str]:
        """Keep what was found of people's keys; return for whom `keys` is another than before.

        No answer leaves what was known.
        """
        if not found:
            return []
        async with self._database.transaction() as db:
            return [
                jid
                for jid, readiness in found.items()
                if await self._save_one(db, jid, readiness, now)
            ]

    @staticmethod
    async def _save_one(db: Database, jid: str, found: Readiness, now: float) -> bool:
        row = await db.fetch_one("SELECT keys, reason FROM people WHERE jid = ?", (jid,))
        known = Keys(row["keys"]) if row else None
        if found.keys is Keys.UNKNOWN and known not in (None, Keys.UNKNOWN):
            return False
        if row and (row["keys"], row["reason"]) == (found.keys, found.reason):
            return False
        await db.execute(
            "INSERT INTO people (jid, keys, reason, since) VALUES (?1, ?2, ?3, ?4)"
            " ON CONFLICT (jid) DO UPDATE SET reason = ?3, keys = ?2,"
            " since = CASE WHEN keys = ?2 THEN since ELSE ?4 END",
            (jid, str(found.keys), str(found.reason), now),
        )
        return known is not found.keys

    async def take_nudge(self, now: float, *, after: float, every: float) -> str | None:
        """Return somebody to write to, and keep that it was done; None if there is nobody.

        It is kept before it is sent: a crash between the two costs one notice, never a second one.
        """
        async with self._database.transaction() as db:
            row = await db.fetch_one(
                "SELECT p.jid FROM people p WHERE p.keys = ? AND p.since <= ?"
                " AND (p.nudged IS NULL OR p.nudged <= ?)"
                " AND EXISTS (SELECT 1 FROM seats s WHERE s.jid = p.jid AND s.listed)"
                " ORDER BY p.since LIMIT 1",
                (str(Keys.MISSING), now - after, now - every),
            )
            if row is None:
                return None
            await db.execute("UPDATE people SET nudged = ? WHERE jid = ?", (now, row["jid"]))
            return str(row["jid"])


def _first_stage(person: Person) -> str:
    return str(Stage.WAITING if person.jid else Stage.NO_ACCOUNT)


def _seat(row: Any) -> Seat:
    readiness = UNASKED
    if not row["jid"]:
        readiness = Readiness(Keys.NO_ACCOUNT, Reason.NO_ACCOUNT)
    elif row["keys"]:
        readiness = Readiness(Keys(row["keys"]), Reason(row["reason"]))
    return Seat(
        room=row["room"],
        room_name=row["room_name"],
        person=row["person"],
        jid=row["jid"],
        name=row["name"],
        role=row["role"],
        listed=bool(row["listed"]),
        stage=Stage(row["stage"]),
        readiness=readiness,
    )


def _written(room: Room) -> str:
    return json.dumps({"version": 1, **asdict(room)}, ensure_ascii=False, sort_keys=True)


def _read(text: str) -> Room:
    value = json.loads(text)
    members = tuple(Member(**m) for m in value["members"])
    return Room(value["id"], value["name"], members, value.get("kind", ""))
