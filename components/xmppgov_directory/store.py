"""All SQL of the register: what is imported, what machines ask, and the index's day.

`person`, `body` and `post` are the files as imported; `listing` (`xmppgov_directory.index`) shows
only the posts of `meta.day`. Every change is one transaction: a crash leaves the former state.
"""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterable, Sequence
from datetime import date
from pathlib import Path

from xmppgov.directory.model import (
    CHAIR,
    UNIT_SIZE,
    Device,
    Entry,
    Member,
    Post,
    Room,
)
from xmppgov.errors import Conflict
from xmppgov.i18n import Texts
from xmppgov.storage.database import Database
from xmppgov.storage.migrations import Schema
from xmppgov_directory.diff import Diff
from xmppgov_directory.index import INDEX_SCHEMA, Index
from xmppgov_directory.model import BodyRow, PersonRow, PostRow, Register, Status

texts = Texts("xmppgov_directory")
TABLES = """
CREATE TABLE meta (data INTEGER NOT NULL, day TEXT);
INSERT INTO meta VALUES (0, NULL);
CREATE TABLE person (
    number INTEGER PRIMARY KEY, id TEXT NOT NULL UNIQUE, title TEXT NOT NULL,
    given TEXT NOT NULL, family TEXT NOT NULL, jid TEXT UNIQUE, lang TEXT NOT NULL);
CREATE TABLE body (
    id TEXT PRIMARY KEY, kind TEXT NOT NULL, name TEXT NOT NULL, short TEXT NOT NULL,
    parent TEXT, room INTEGER NOT NULL, start TEXT NOT NULL, end TEXT NOT NULL) WITHOUT ROWID;
CREATE INDEX body_parent ON body (parent);
CREATE TABLE post (
    person TEXT NOT NULL, body TEXT NOT NULL, title TEXT NOT NULL, start TEXT NOT NULL,
    end TEXT NOT NULL, role TEXT NOT NULL, position INTEGER NOT NULL,
    PRIMARY KEY (person, body, title, start)) WITHOUT ROWID;
CREATE INDEX post_body ON post (body);
CREATE INDEX post_start ON post (start);
CREATE INDEX post_end ON post (end);
"""
PROTECTED = """
ALTER TABLE person ADD COLUMN protected INTEGER NOT NULL DEFAULT 0;
ALTER TABLE listing ADD COLUMN protected INTEGER NOT NULL DEFAULT 0;
CREATE INDEX person_protected ON person (id) WHERE protected;
"""
DEVICES = """
CREATE TABLE device (
    jid TEXT PRIMARY KEY, id INTEGER NOT NULL, fingerprint TEXT NOT NULL) WITHOUT ROWID;
"""
SCHEMA = Schema("directory", (TABLES + INDEX_SCHEMA, PROTECTED, DEVICES))
OPEN_END = "9999-12-31"
_TODAY = """post.start <= :day AND :day <= post.end AND body.start <= :day AND :day <= body.end"""
_BELOW = """WITH RECURSIVE below (id) AS (
    SELECT id FROM body WHERE id = :body
    UNION SELECT body.id FROM body JOIN below ON body.parent = below.id)"""
_SITTING = f"""{{scope}} SELECT post.person, post.role = '{CHAIR}' AS chair
FROM post JOIN body ON body.id = post.body WHERE {_TODAY} AND {{condition}}"""  # noqa: S608
_SIZE = f"""{_BELOW} SELECT COUNT(DISTINCT person) AS size
FROM post JOIN body ON body.id = post.body WHERE {_TODAY} AND post.body IN (SELECT id FROM below)"""  # noqa: S608
_KNOWN = "SELECT * FROM person WHERE id IN (SELECT value FROM json_each(?)) ORDER BY id"
DEEPEST = 100
"""So many bodies above a body are named; should they form a loop, it ends there."""
_ABOVE = f"""WITH RECURSIVE above (body, id, step) AS (
    SELECT id, parent, 1 FROM body WHERE id IN (SELECT value FROM json_each(?))
    UNION ALL SELECT above.body, body.parent, step + 1 FROM above JOIN body ON body.id = above.id
    WHERE step < {DEEPEST})
SELECT body, id FROM above WHERE id IS NOT NULL ORDER BY step"""  # noqa: S608
_POSTS = f"""SELECT post.person, post.body, body.name, post.title, post.role
FROM post JOIN body ON body.id = post.body
WHERE {_TODAY} AND post.person = :person ORDER BY post.position"""  # noqa: S608
_BOUNDARY = """SELECT person FROM post WHERE (start > :low AND start <= :high)
    OR (end >= :low AND end < :high)
UNION SELECT post.person FROM post JOIN body ON body.id = post.body
WHERE (body.start > :low AND body.start <= :high) OR (body.end >= :low AND body.end < :high)"""


class Store:
    """The directory's database."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self.index = Index(database)

    @classmethod
    async def open(cls, path: Path) -> Store:
        """Open or create the database at `path`. Raises `StorageError`."""
        return cls(await Database.open(path, SCHEMA))

    @classmethod
    async def open_read_only(cls, path: Path) -> Store:
        """Open the database beside the running component. Raises `StorageError`."""
        return cls(await Database.open_read_only(path))

    async def close(self) -> None:
        """Close the database."""
        await self._database.close()

    async def data(self) -> int:
        """Return the number of imports that changed something."""
        row = await self._database.fetch_one("SELECT data FROM meta")
        return int(row["data"]) if row else 0

    async def day(self) -> date | None:
        """Return the day that the search index shows."""
        row = await self._database.fetch_one("SELECT day FROM meta")
        return date.fromisoformat(row["day"]) if row and row["day"] else None

    async def follow(self, day: date) -> None:
        """Bring the index to `day`: people whose terms begin or end in between are made anew."""
        if await self.day() == day:
            return
        async with self._database.transaction():
            shown = await self.day()
            if shown is None:
                rows = await self._database.fetch_all("SELECT id AS person FROM person")
            else:
                low, high = sorted((shown.isoformat(), day.isoformat()))
                rows = await self._database.fetch_all(_BOUNDARY, {"low": low, "high": high})
            await self.index.rebuild([row["person"] for row in rows], day)
            await self._database.execute("UPDATE meta SET day = ?", (day.isoformat(),))

    async def rooms(self, day: date) -> tuple[Room, ...]:
        """Return the bodies that have a room on `day`, by id."""
        rows = await self._database.fetch_all(
            "SELECT id, name, kind FROM body WHERE room AND start <= :day AND :day <= end "
            "ORDER BY id",
            {"day": day.isoformat()},
        )
        return tuple(Room(row["id"], row["name"], row["kind"]) for row in rows)

    async def kind(self, body: str) -> tuple[str, bool] | None:
        """Return the kind of `body` and whether it has a room; None for an unknown body."""
        row = await self._database.fetch_one("SELECT kind, room FROM body WHERE id = ?", (body,))
        return (row["kind"], bool(row["room"])) if row else None

    async def sitting(
        self, day: date, *, body: str | None = None, below: bool = False, role: str | None = None
    ) -> dict[str, bool]:
        """Return who holds a post on `day`, by id, and whether as a chair.

        `body`: only there; `below`: there and in the bodies below; `role`: only posts of that role.
        """
        where = "post.body IN (SELECT id FROM below)" if below else "post.body = :body"
        conditions = [where] * (body is not None) + ["post.role = :role"] * (role is not None)
        sql = _SITTING.format(
            scope=_BELOW if below else "", condition=" AND ".join(conditions or ["TRUE"])
        )
        params = {"body": body, "day": day.isoformat(), "role": role}
        seats: dict[str, bool] = {}
        for person, chair in await self._database.fetch_all(sql, params):
            seats[person] = bool(chair) or seats.get(person, False)
        return seats

    async def size(self, body: str, day: date) -> int:
        """Return how many people sit on `day` in `body` and in the bodies below it."""
        params = {"body": body, "day": day.isoformat()}
        row = await self._database.fetch_one(_SIZE, params)
        return int(row["size"]) if row else 0

    async def people(self, ids: Sequence[str]) -> list[Member]:
        """Return those of the people `ids` who are known, by id; nobody as a chair."""
        rows = await self._database.fetch_all(_KNOWN, (json.dumps(ids),))
        return [
            Member(row["id"], _name(row), jid=row["jid"], lang=row["lang"] or None) for row in rows
        ]

    async def find(self, *, id: str = "", jid: str = "") -> str | None:
        """Return the id of a person by `id` or by bare address; None for a stranger."""
        row = await self._found(id, jid)
        return row["id"] if row else None

    async def _found(self, id: str, jid: str) -> sqlite3.Row | None:
        return await self._database.fetch_one(
            "SELECT * FROM person WHERE id = ? OR jid = ?", (id or None, jid or None)
        )

    async def person(self, day: date, *, id: str = "", jid: str = "") -> Entry | None:
        """Return a person with the posts of `day`, by `id` or by bare address."""
        row = await self._found(id, jid)
        if row is None:
            return None
        posts = await self.posts(row["id"], day)
        unit = await self._unit(posts[0].body, day) if posts else None
        return Entry(row["id"], _name(row), row["jid"], posts, unit, row["lang"] or None)

    async def protected(self, people: Iterable[str]) -> list[tuple[str, str | None]]:
        """Return id and bare address of those of `people` (ids) who are protected."""
        rows = await self._database.fetch_all(
            "SELECT id, jid FROM person WHERE protected AND id IN (SELECT value FROM json_each(?))",
            (json.dumps(list(people)),),
        )
        return [(row["id"], row["jid"]) for row in rows]

    async def posts(self, person: str, day: date) -> tuple[Post, ...]:
        """Return the posts that a person holds on `day`, the principal one first."""
        params = {"person": person, "day": day.isoformat()}
        rows = await self._database.fetch_all(_POSTS, params)
        above = await self._above([row["body"] for row in rows])
        return tuple(
            Post(row["body"], row["name"], row["title"], row["role"], above.get(row["body"], ()))
            for row in rows
        )

    async def _above(self, bodies: Sequence[str]) -> dict[str, tuple[str, ...]]:
        """Return the bodies above each of `bodies`, the nearest first."""
        above: dict[str, dict[str, None]] = {}
        for body, id in await self._database.fetch_all(_ABOVE, (json.dumps(bodies),)):
            if id != body:
                above.setdefault(body, {})[id] = None
        return {body: tuple(found) for body, found in above.items()}

    async def _unit(self, body: str, day: date) -> str:
        """Return `body`, or the nearest above it whose people, with those below, are enough."""
        current: str | None = body
        seen: list[str] = []
        while current is not None and current not in seen:
            seen.append(current)
            if await self.size(current, day) >= UNIT_SIZE:
                return current
            row = await self._database.fetch_one("SELECT parent FROM body WHERE id = ?", (current,))
            current = row["parent"] if row else None
        return seen[-1]

    async def devices(self) -> tuple[Device, ...]:
        """Return the devices that accounts published, by address."""
        rows = await self._database.fetch_all("SELECT * FROM device ORDER BY jid")
        return tuple(Device(row["jid"], row["id"], row["fingerprint"]) for row in rows)

    async def write_device(self, device: Device) -> Device | None:
        """Note an account's device instead of its former one; return that where it was another."""
        async with self._database.transaction():
            former = next((d for d in await self.devices() if d.jid == device.jid), None)
            if former != device:
                await self._database.execute(
                    "INSERT OR REPLACE INTO device VALUES (?, ?, ?)",
                    (device.jid, device.id, device.fingerprint),
                )
        return former if former != device else None

    async def register(self) -> Register:
        """Return everything that was imported."""
        people = await self._database.fetch_all("SELECT * FROM person")
        bodies = await self._database.fetch_all("SELECT * FROM body")
        posts = await self._database.fetch_all("SELECT * FROM post")
        return Register(
            {row["id"]: _person_row(row) for row in people},
            {row["id"]: _body_row(row) for row in bodies},
            {post.key: post for post in map(_post_row, posts)},
        )

    async def apply(self, diff: Diff, day: date, *, data: int) -> None:
        """Write a difference and index it, as one transaction; an empty one changes nothing.

        Raises:
            Conflict: another import came since the directory was at `data`; nothing is written.
        """
        if not diff:
            return
        async with self._database.transaction():
            if await self.data() != data:
                raise Conflict(texts("Another import came in between; import again."))
            shown = await self.day() or day
            await self._write_people(diff)
            await self._write_bodies(diff)
            await self._write_posts(diff)
            await self.index.rebuild(sorted(diff.touched), shown)
            await self._database.execute(
                "UPDATE meta SET data = data + 1, day = ?", (shown.isoformat(),)
            )

    async def _write_people(self, diff: Diff) -> None:
        gone = [(row.id,) for row in diff.people.removed]
        await self._database.execute_many("DELETE FROM listing WHERE id = ?", gone)
        await self._database.execute_many("DELETE FROM person WHERE id = ?", gone)
        # An address may pass from one person to another in the same import.
        moved = [(row.id,) for row in diff.people.changed]
        await self._database.execute_many("UPDATE person SET jid = NULL WHERE id = ?", moved)
        await self._database.execute_many(
            "INSERT INTO person (id, title, given, family, jid, lang, protected) "
            "VALUES (?, ?, ?, ?, ?, ?, ?) "
            "ON CONFLICT (id) DO UPDATE SET title = excluded.title, given = excluded.given, "
            "family = excluded.family, jid = excluded.jid, lang = excluded.lang, "
            "protected = excluded.protected",
            [
                (r.id, r.title, r.given_name, r.family_name, r.jid, r.lang, r.protected)
                for r in (*diff.people.changed, *diff.people.added)
            ],
        )

    async def _write_bodies(self, diff: Diff) -> None:
        gone = [(row.id,) for row in diff.bodies.removed]
        await self._database.execute_many("DELETE FROM body WHERE id = ?", gone)
        await self._database.execute_many(
            "INSERT OR REPLACE INTO body VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
            [
                (r.id, r.kind, r.name, r.short_name, r.parent, r.room, _start(r), _end(r))
                for r in (*diff.bodies.changed, *diff.bodies.added)
            ],
        )

    async def _write_posts(self, diff: Diff) -> None:
        await self._database.execute_many(
            "DELETE FROM post WHERE person = ? AND body = ? AND title = ? AND start = ?",
            [row.key for row in diff.posts.removed],
        )
        await self._database.execute_many(
            "INSERT OR REPLACE INTO post VALUES (?, ?, ?, ?, ?, ?, ?)",
            [
                (r.person_id, r.body_id, r.title, _start(r), _end(r), r.role, r.position)
                for r in (*diff.posts.changed, *diff.posts.added)
            ],
        )

    async def status(self) -> Status:
        """Return how much the directory holds."""
        row = await self._database.fetch_one(
            "SELECT data, day, (SELECT COUNT(*) FROM person) AS people, "
            "(SELECT COUNT(jid) FROM person) AS accounts, (SELECT COUNT(*) FROM body) AS bodies, "
            "(SELECT COUNT(*) FROM body WHERE room) AS rooms, "
            "(SELECT COUNT(*) FROM post) AS posts, "
            "(SELECT COUNT(*) FROM listing) AS listed FROM meta"
        )
        if row is None:
            return Status(0, None, 0, 0, 0, 0, 0, 0)
        day = date.fromisoformat(row["day"]) if row["day"] else None
        return Status(row["data"], day, *tuple(row)[2:])


def _name(row: sqlite3.Row) -> str:
    return f"{row['given']} {row['family']}".strip()


def _start(row: BodyRow | PostRow) -> str:
    return row.start.isoformat() if row.start else ""


def _end(row: BodyRow | PostRow) -> str:
    return row.end.isoformat() if row.end else OPEN_END


def _term(row: sqlite3.Row) -> tuple[date | None, date | None]:
    start = date.fromisoformat(row["start"]) if row["start"] else None
    return start, None if row["end"] == OPEN_END else date.fromisoformat(row["end"])


def _person_row(row: sqlite3.Row) -> PersonRow:
    return PersonRow(
        row["id"], row["title"], row["given"], row["family"], row["jid"], row["lang"],
        bool(row["protected"]),
    )  # fmt: skip


def _body_row(row: sqlite3.Row) -> BodyRow:
    return BodyRow(
        row["id"], row["kind"], row["name"], row["short"], row["parent"], bool(row["room"]),
        *_term(row),
    )  # fmt: skip


def _post_row(row: sqlite3.Row) -> PostRow:
    return PostRow(
        row["person"], row["body"], row["title"], row["role"], *_term(row), row["position"]
    )
