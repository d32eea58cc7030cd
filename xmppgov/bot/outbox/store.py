"""All SQL of the outbox: deliveries, and messages of which it is open whether they have arrived."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterable, Mapping, Sequence

from xmppgov.bot.outbox.model import (
    NEEDS_TEXT,
    UNCONFIRMED,
    Delivery,
    Departure,
    Kind,
    State,
    Unsettled,
    may_follow,
)
from xmppgov.storage.database import Database

REPLY, LETTER, KEYS = "reply:", "letter:", "keys:"
"""References of answers, of letters and of first messages begin so; owners do not see them."""
OWN = (REPLY, LETTER, KEYS)

Change = Mapping[str, object]
"""What becomes of a row: `reason`, `stanza`, `retry`; `by` is the only recipient it may concern."""

_COLUMNS = "reference, recipient, origin_id, state, reason, created, changed, expires, kind, target"
_LEFT = "state IN ('sent', 'accepted', 'delivered', 'read', 'acknowledged')"
"""Where a message was handed to the connection, and did not come back."""
_LEAVING = (
    "reference IN (SELECT value FROM json_each(?)) AND kind = 'text' AND state IN"
    " ('encrypted', 'sent', 'accepted', 'delivered', 'read', 'acknowledged')"
)
"""What left, or leaves whatever happens: its ciphertext is committed."""
_FIRST = (
    "SELECT coalesce(target, origin_id) AS first FROM outbox"  # noqa: S608 (constants only)
    f" WHERE {_LEAVING} AND recipient = ? ORDER BY outbox.id LIMIT 1"
)
"""The id of the first version of somebody's message, if one left."""
_OPEN = tuple(str(state) for state in (*NEEDS_TEXT, *UNCONFIRMED))


def _delivery(row: sqlite3.Row) -> Delivery:
    values = {key: row[key] for key in _COLUMNS.split(", ")}
    return Delivery(**{**values, "state": State(values["state"]), "kind": Kind(values["kind"])})


def _marks(values: Iterable[object]) -> str:
    return ", ".join("?" for _ in values)


class OutboxStore:
    """Deliveries and their states."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def add(
        self,
        tx: Database,
        rows: Iterable[tuple[str, str, str]],
        now: float,
        expires: float,
        *,
        of: Sequence[str] = (),
        priority: int = 5,
        kind: Kind = Kind.TEXT,
    ) -> None:
        """Insert (reference, recipient, origin_id) as queued; known pairs stay as they are.

        With `of` each text corrects the first message of those references that left to the
        recipient, if one did.
        """
        await tx.execute_many(
            "INSERT OR IGNORE INTO outbox (reference, recipient, origin_id, state, created,"  # noqa: S608
            " changed, expires, priority, kind, target)"
            f" VALUES (?, ?, ?, 'queued', ?, ?, ?, ?, ?, ({_FIRST}))",
            [
                (*row, now, now, expires, priority, str(kind), json.dumps(of), row[1])
                for row in rows
            ],
        )

    async def add_retractions(
        self,
        tx: Database,
        rows: Iterable[tuple[str, str, str]],
        now: float,
        expires: float,
        *,
        of: Sequence[str],
    ) -> None:
        """Insert retractions of the first messages of references, for those to whom one left."""
        await tx.execute_many(
            "INSERT OR IGNORE INTO outbox (reference, recipient, origin_id, state, created,"  # noqa: S608
            " changed, expires, kind, target)"
            f" SELECT ?, ?, ?, 'queued', ?, ?, ?, 'retraction', first FROM ({_FIRST})",
            [(*row, now, now, expires, json.dumps(of), row[1]) for row in rows],
        )

    async def withdraw(self, tx: Database, reference: str, now: float) -> list[Delivery]:
        """Take back the rows of a reference that have not left; return them."""
        rows = await tx.fetch_all(
            "UPDATE outbox SET state = 'withdrawn', changed = ?, reason = NULL WHERE reference = ?"  # noqa: S608
            f" AND state IN ('queued', 'unreachable') RETURNING {_COLUMNS}",
            (now, reference),
        )
        return [_delivery(row) for row in rows]

    async def left(self, tx: Database, references: Sequence[str]) -> list[str]:
        """Return to whom a text of one of the references left, or leaves, by address."""
        rows = await tx.fetch_all(
            f"SELECT DISTINCT recipient FROM outbox WHERE {_LEAVING} ORDER BY recipient",  # noqa: S608
            (json.dumps(references),),
        )
        return [row["recipient"] for row in rows]

    async def move(
        self, tx: Database, new: State, changes: Mapping[str, Change], now: float
    ) -> list[Delivery]:
        """Bring the rows whose origin-ids are given to `new`, where the life cycle allows it.

        Returns the rows that changed. Ciphertext stays only where a change gives it.
        """
        if not changes:
            return []
        kept = "COALESCE(json_extract(j.value, '$.stanza'), outbox.stanza)"
        follows = [str(state) for state in may_follow(new)]
        rows = await tx.fetch_all(
            f"UPDATE outbox SET state = ?, changed = ?,"  # noqa: S608 (marks and constants only)
            f" reason = COALESCE(json_extract(j.value, '$.reason'),"
            f" CASE reason WHEN 'unverified' THEN reason END),"
            f" retry = COALESCE(json_extract(j.value, '$.retry'), 0),"
            f" stanza = {kept if new in UNCONFIRMED else 'NULL'}"
            f" FROM json_each(?) AS j WHERE outbox.origin_id = j.key"
            f" AND state IN ({_marks(follows)})"
            f" AND COALESCE(json_extract(j.value, '$.by'), recipient) = recipient"
            f" RETURNING {_COLUMNS}",
            (str(new), now, json.dumps(changes), *follows),
        )
        return [_delivery(row) for row in rows]

    async def retry_later(self, tx: Database, moments: Mapping[str, float]) -> None:
        """Set when rows that stay unreachable are tried again."""
        await tx.execute_many(
            "UPDATE outbox SET retry = ? WHERE origin_id = ?",
            [(moment, origin_id) for origin_id, moment in moments.items()],
        )

    async def due(self, now: float, limit: int) -> list[Delivery]:
        """Return rows to encrypt now, the oldest first."""
        rows = await self._database.fetch_all(
            f"SELECT {_COLUMNS} FROM outbox WHERE state IN ('queued', 'unreachable')"  # noqa: S608
            " AND retry <= ? AND expires > ? ORDER BY priority, state, id LIMIT ?",
            (now, now, limit),
        )
        return [_delivery(row) for row in rows]

    async def next_moment(self) -> float | None:
        """Return when the next retry or expiry is, in seconds UTC."""
        row = await self._database.fetch_one(
            "SELECT MIN(MIN(expires), MIN(CASE WHEN state = 'unreachable' THEN retry"
            " ELSE expires END)) AS at FROM outbox"
            " WHERE state IN ('queued', 'unreachable', 'encrypted', 'sent')"
        )
        return row["at"] if row else None

    async def unconfirmed(self) -> list[tuple[Delivery, str]]:
        """Return the rows with ciphertext that the server may not have, in order of creation."""
        rows = await self._database.fetch_all(
            f"SELECT {_COLUMNS}, stanza FROM outbox"  # noqa: S608
            " WHERE state IN ('encrypted', 'sent') AND stanza IS NOT NULL ORDER BY id"
        )
        return [(_delivery(row), row["stanza"]) for row in rows]

    async def outdated(self, tx: Database, now: float) -> list[str]:
        """Return the origin-ids of open rows whose time has come."""
        rows = await tx.fetch_all(
            f"SELECT origin_id FROM outbox WHERE expires <= ? AND state IN ({_marks(_OPEN)})",  # noqa: S608
            (now, *_OPEN),
        )
        return [row["origin_id"] for row in rows]

    async def unreachable(self, recipient: str) -> list[str]:
        """Return the origin-ids that wait for the keys of `recipient`."""
        rows = await self._database.fetch_all(
            "SELECT origin_id FROM outbox WHERE recipient = ? AND state = 'unreachable'",
            (recipient,),
        )
        return [row["origin_id"] for row in rows]

    async def claim_notice(self, tx: Database, origin_id: str) -> bool:
        """Take the right to send the one notice of a row; False if it was taken before."""
        changed = await tx.execute(
            "UPDATE outbox SET noticed = 1 WHERE origin_id = ? AND noticed = 0", (origin_id,)
        )
        return changed == 1

    async def forget_replies(self, tx: Database, before: float) -> None:
        """Delete old rows of answers to messages, and of first messages."""
        await tx.execute_many(
            "DELETE FROM outbox WHERE reference LIKE ? AND expires < ?",
            [(f"{kind}%", before) for kind in (REPLY, KEYS)],
        )

    async def of_reference(self, reference: str) -> list[Delivery]:
        """Return all rows of a reference, ordered by recipient."""
        rows = await self._database.fetch_all(
            f"SELECT {_COLUMNS} FROM outbox WHERE reference = ? ORDER BY recipient",  # noqa: S608
            (reference,),
        )
        return [_delivery(row) for row in rows]

    async def of_pair(self, tx: Database, reference: str, recipient: str) -> str | None:
        """Return the origin-id of a delivery."""
        row = await tx.fetch_one(
            "SELECT origin_id FROM outbox WHERE reference = ? AND recipient = ?",
            (reference, recipient),
        )
        return row["origin_id"] if row else None

    async def of_message(self, tx: Database, origin_id: str, recipient: str) -> str | None:
        """Return the reference of somebody's message, by its id or its first version's."""
        row = await tx.fetch_one(
            "SELECT reference FROM outbox WHERE recipient = ? AND kind = 'text'"
            " AND (origin_id = ? OR target = ?) AND reference NOT LIKE ? ORDER BY id DESC LIMIT 1",
            (recipient, origin_id, origin_id, REPLY + "%"),
        )
        return row["reference"] if row else None

    async def counts(self, reference: str) -> dict[State, int]:
        """Return how many rows of a reference are in each state."""
        rows = await self._database.fetch_all(
            "SELECT state, COUNT(*) AS n FROM outbox WHERE reference = ? GROUP BY state",
            (reference,),
        )
        return {State(row["state"]): row["n"] for row in rows}

    async def handed_to(self, tx: Database, recipient: str, now: float) -> list[str]:
        """Return the unexpired references that left for `recipient`, newest first."""
        rows = await tx.fetch_all(
            "SELECT reference FROM outbox WHERE recipient = ? AND expires > ?"  # noqa: S608
            f" AND {_LEFT} AND kind = 'text' AND reference NOT LIKE ? AND reference NOT LIKE ?"
            " ORDER BY id DESC",
            (recipient, now, f"{REPLY}%", f"{LETTER}%"),
        )
        return [row["reference"] for row in rows]

    async def recipients(self) -> list[str]:
        """Return everybody who ever got something, the latest first."""
        rows = await self._database.fetch_all(
            "SELECT recipient FROM outbox GROUP BY recipient ORDER BY MAX(id) DESC"
        )
        return [row["recipient"] for row in rows]


class AwaitedStore:
    """Messages that may have left, until it is known whether the server has them."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def add(self, tx: Database, departures: Iterable[Departure], now: float) -> None:
        """Insert messages that may leave after this commit."""
        await tx.execute_many(
            "INSERT OR REPLACE INTO awaited VALUES (?, ?, ?, ?, ?, ?)",
            [(d.id, d.reference, d.recipient, d.size, d.encrypted, now) for d in departures],
        )

    async def take(self, tx: Database, ids: Iterable[str]) -> list[Departure]:
        """Remove messages and return those that were there."""
        rows = await tx.fetch_all(
            "DELETE FROM awaited WHERE id IN (SELECT value FROM json_each(?))"
            " RETURNING id, reference, recipient, size, encrypted",
            (json.dumps(list(ids)),),
        )
        return [Departure(row[0], row[1], row[2], row[3], bool(row[4])) for row in rows]

    async def all(self) -> dict[str, Unsettled]:
        """Return every message by its id."""
        rows = await self._database.fetch_all("SELECT id, recipient, at FROM awaited")
        return {row["id"]: Unsettled(row["recipient"], row["at"]) for row in rows}

    async def forget(self, ids: Iterable[str]) -> None:
        """Remove messages that the server does not have."""
        async with self._database.transaction() as tx:
            await tx.execute_many("DELETE FROM awaited WHERE id = ?", [(id,) for id in ids])
