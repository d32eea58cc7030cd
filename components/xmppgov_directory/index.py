"""The search index: one row for each person who holds a post on the index's day, and FTS5 over it.

Names are folded in Python (`xmppgov.directory.folding`). A query is asked in steps, the best first,
until there are enough matches to rank, so that a broad one does not read the whole index.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable, Iterator, Sequence
from datetime import date
from functools import cache

from rapidfuzz import fuzz

from xmppgov.directory.folding import PARTICLES, fold, words
from xmppgov.storage.database import Database
from xmppgov_directory.model import Listing
from xmppgov_directory.query import Candidate, Query, Word, rank

INDEX_SCHEMA = """
CREATE TABLE listing (
    number INTEGER PRIMARY KEY, id TEXT NOT NULL, jid TEXT NOT NULL, first TEXT NOT NULL,
    last TEXT NOT NULL, name TEXT NOT NULL, post TEXT NOT NULL, body TEXT NOT NULL,
    family TEXT NOT NULL, given TEXT NOT NULL, nick TEXT NOT NULL, rest TEXT NOT NULL);
CREATE VIRTUAL TABLE listing_words USING fts5 (
    family, given, nick, rest, content='listing', content_rowid='number', detail=column,
    prefix='2 3', tokenize='unicode61 remove_diacritics 0');
CREATE VIRTUAL TABLE listing_trigrams USING fts5 (
    family, given, content='listing', content_rowid='number', detail=none, tokenize='trigram');
CREATE TRIGGER listing_comes AFTER INSERT ON listing BEGIN
    INSERT INTO listing_words (rowid, family, given, nick, rest)
        VALUES (new.number, new.family, new.given, new.nick, new.rest);
    INSERT INTO listing_trigrams (rowid, family, given)
        VALUES (new.number, new.family, new.given);
END;
CREATE TRIGGER listing_goes AFTER DELETE ON listing BEGIN
    INSERT INTO listing_words (listing_words, rowid, family, given, nick, rest)
        VALUES ('delete', old.number, old.family, old.given, old.nick, old.rest);
    INSERT INTO listing_trigrams (listing_trigrams, rowid, family, given)
        VALUES ('delete', old.number, old.family, old.given);
END;
"""
POOL = 60
"""So many matches are ranked; a query that more people match is asked for the best of them."""
SHOWN_POSTS = 3
CHUNK = 500
ALIKE = 78.0
"""How alike (0–100) a misspelt name must be to be shown."""
_COLUMNS = {
    "q": "",
    "first": "{given} : ",
    "last": "{family} : ",
    "nick": "{nick given family} : ",
    "body": "{rest} : ",
}
_MATCHES = """SELECT listing.* FROM {table} JOIN listing ON listing.number = {table}.rowid
WHERE {table} MATCH ? AND (? OR listing.jid <> '') LIMIT ?"""
_WORDS = _MATCHES.format(table="listing_words")
# SQLite asks the next step only if those before it did not fill the limit.
_STEP = "SELECT * FROM (SELECT rowid FROM listing_words WHERE listing_words MATCH ? LIMIT {most})"
_REACHABLE_STEP = _STEP.replace(
    "rowid FROM listing_words WHERE",
    "listing.number AS rowid FROM listing_words "
    "JOIN listing ON listing.number = listing_words.rowid AND listing.jid <> '' WHERE",
)
_TRIGRAMS = _MATCHES.format(table="listing_trigrams").replace("LIMIT", "ORDER BY rank LIMIT")
_POSTS = """SELECT post.person, post.title, post.body, body.name, body.short FROM post
JOIN body ON body.id = post.body WHERE post.person IN ({marks})
AND post.start <= ? AND ? <= post.end AND body.start <= ? AND ? <= body.end
ORDER BY post.person, post.position"""


class Index:
    """The index inside an open database; all writing is done inside the caller's transaction."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def search(self, query: Query, most: int, *, reachable: bool = False) -> list[Listing]:
        """Return at most `most` people, the best match first.

        `reachable` leaves out those without an address. Typing errors are forgiven where nothing
        matches as typed.
        """
        rows = await self._matches(query, not reachable)
        if rows:
            ranked = sorted(rows, key=lambda row: (rank(query, _candidate(row)), _order(row)))
        else:
            ranked = await self._alike(query, not reachable)
        return [_listing(row) for row in ranked[:most]]

    async def _matches(self, query: Query, everyone: bool) -> list[sqlite3.Row]:
        """Return everybody whom few match, or the best of many: one statement, asked in steps."""
        steps = list(_steps(query.words))
        return await self._database.fetch_all(_steps_sql(len(steps), everyone), steps)

    async def _fetch(
        self, sql: str, expression: str, everyone: bool, limit: int
    ) -> list[sqlite3.Row]:
        return await self._database.fetch_all(sql, (expression, everyone, limit))

    async def _alike(self, query: Query, everyone: bool) -> list[sqlite3.Row]:
        """Return people whose name looks like the query; only for words that may be names.

        With several words, one is likely right and finds whom to compare; else the trigrams do.
        """
        if any(word.field == "body" for word in query.words):
            return []
        if len(query.words) > 1:
            right = " OR ".join(f'"{word.text}"' for word in query.words)
            some = await self._fetch(_WORDS, f"{{family given}} : ({right})", everyone, 20 * POOL)
            good = _best(query, some)
            if good:
                return good
        trigrams = " OR ".join(_trigrams(query.text))
        rows = await self._fetch(_TRIGRAMS, trigrams, everyone, 3 * POOL) if trigrams else []
        return _best(query, rows)

    async def rebuild(self, ids: Sequence[str], day: date) -> None:
        """Make the rows of the people `ids` anew, with their posts of `day`."""
        bodies = await self._body_words()
        for start in range(0, len(ids), CHUNK):
            await self._rebuild_some(ids[start : start + CHUNK], day, bodies)

    async def _rebuild_some(self, ids: Sequence[str], day: date, bodies: dict[str, str]) -> None:
        marks = ",".join("?" * len(ids))
        await self._database.execute(f"DELETE FROM listing WHERE id IN ({marks})", ids)  # noqa: S608
        people = await self._database.fetch_all(
            f"SELECT * FROM person WHERE id IN ({marks})",  # noqa: S608
            ids,
        )
        held = await self._database.fetch_all(
            _POSTS.format(marks=marks), [*ids, *[day.isoformat()] * 4]
        )
        posts: dict[str, list[sqlite3.Row]] = {}
        for row in held:
            posts.setdefault(row["person"], []).append(row)
        rows = (_row(p, posts[p["id"]], bodies) for p in people if p["id"] in posts)
        await self._database.execute_many(
            "INSERT INTO listing VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)", rows
        )

    async def _body_words(self) -> dict[str, str]:
        """Return the words of each body: its names and those of the bodies above it."""
        rows = await self._database.fetch_all("SELECT id, parent, name, short FROM body")
        own = {row["id"]: (row["parent"], fold(f"{row['name']} {row['short']}")) for row in rows}
        return {body: " ".join(_lineage_words(own, body)) for body in own}


def _lineage_words(own: dict[str, tuple[str | None, str]], body: str | None) -> Iterator[str]:
    for _ in range(len(own)):
        if body is None or body not in own:
            return
        parent, text = own[body]
        yield text
        body = parent


def _row(person: sqlite3.Row, posts: Sequence[sqlite3.Row], bodies: dict[str, str]) -> tuple:
    family, given = fold(person["family"]), fold(person["given"])
    rest = dict.fromkeys(
        word for post in posts for word in (*words(post["title"]), *bodies[post["body"]].split())
    )
    # A chair is a member of the same body as well: its first row says it.
    first = {post["body"]: post for post in reversed(posts)}
    shown = [post for post in posts if first[post["body"]] is post][:SHOWN_POSTS]
    return (
        person["number"], person["id"], person["jid"] or "", person["given"], person["family"],
        f"{person['given']} {person['family']}".strip(),
        " ; ".join(post["title"] for post in shown),
        " ; ".join(post["name"] for post in shown),
        family, given, _nick(family, given, person["jid"]),
        " ".join(word for word in rest if word not in PARTICLES),
        person["protected"],
    )  # fmt: skip


def _nick(family: str, given: str, jid: str | None) -> str:
    """Return other ways to write a name: in one word, and as in the address."""
    joined = [name.replace(" ", "") for name in (family, given) if " " in name]
    local = words(jid.split("@")[0]) if jid else []
    return " ".join(dict.fromkeys([*joined, *local]))


def _term(word: Word, exact: bool) -> str:
    return f'"{word.text}"' + (" *" if word.prefix and not exact else "")


def _expression(query: Iterable[Word], exact: bool = False) -> str:
    return " AND ".join(f"({_COLUMNS[word.field]}{_term(word, exact)})" for word in query)


def _steps(query: Sequence[Word]) -> Iterator[str]:
    """Return the searches of which the first find better: exact, then family, then given name."""
    alone = len(query) == 1 and query[0].field == "q"
    for exact in (True, False):
        every, any_ = _expression(query, exact), " OR ".join(_term(w, exact) for w in query)
        for columns in ("family", "given nick"):
            named = f"{{{columns}}} : ({any_})"
            # Of one word in any column there is nothing more to ask.
            yield named if alone else f"{every} AND ({named})"
        yield every


@cache
def _steps_sql(steps: int, everyone: bool) -> str:
    step = (_STEP if everyone else _REACHABLE_STEP).format(most=POOL)
    return (
        "SELECT listing.* FROM (SELECT DISTINCT rowid AS number FROM "  # noqa: S608
        f"({' UNION ALL '.join([step] * steps)}) LIMIT {POOL}) AS found "
        "JOIN listing ON listing.number = found.number"
    )


def _trigrams(text: str) -> list[str]:
    found = (w[n : n + 3] for w in text.split() for n in range(len(w) - 2))
    return [f'"{trigram}"' for trigram in dict.fromkeys(found)]


def _best(query: Query, rows: Iterable[sqlite3.Row]) -> list[sqlite3.Row]:
    """Return the rows that are alike enough, the most alike first."""
    scored = ((_likeness(query.text, row), row) for row in rows)
    good = [(score, row) for score, row in scored if score >= ALIKE]
    return [row for _, row in sorted(good, key=lambda pair: (-pair[0], _order(pair[1])))]


def _likeness(text: str, row: sqlite3.Row) -> float:
    family, given = row["family"], row["given"]
    return max(
        fuzz.ratio(text, name) for name in (f"{given} {family}", f"{family} {given}", family)
    )


def _candidate(row: sqlite3.Row) -> Candidate:
    return Candidate(row["family"], row["given"], row["nick"], row["rest"])


def _order(row: sqlite3.Row) -> tuple[str, str, str]:
    return row["family"], row["given"], row["id"]


def _listing(row: sqlite3.Row) -> Listing:
    return Listing(
        row["id"], row["jid"], row["first"], row["last"], row["name"], row["post"], row["body"],
        bool(row["protected"]),
    )  # fmt: skip
