"""Schema migrations: for each owner a list of SQL scripts, each in one transaction with its mark.

A database can have several owners (the bot framework and a bot), and each has its own version: the
number of its scripts that were applied. A script that has landed never changes; a new one is
appended.
"""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import NamedTuple

import aiosqlite

from xmppgov.errors import StorageError
from xmppgov.i18n import Texts

texts = Texts("xmppgov")
_VERSIONS = (
    "CREATE TABLE IF NOT EXISTS schema_versions"
    " (owner TEXT PRIMARY KEY, version INTEGER NOT NULL) STRICT, WITHOUT ROWID"
)


class Schema(NamedTuple):
    """The tables of one owner: a short name (letters only) and the scripts that make them."""

    owner: str
    scripts: tuple[str, ...]


async def migrate(connection: aiosqlite.Connection, path: Path, schemas: Iterable[Schema]) -> None:
    """Bring each owner's tables to the newest version.

    Raises:
        StorageError: the database is newer than this program.
    """
    await connection.execute(_VERSIONS)
    for schema in schemas:
        found = await version_of(connection, schema.owner)
        if found > len(schema.scripts):
            raise _too_new(path, found, len(schema.scripts))
        for version, script in enumerate(schema.scripts[found:], start=found + 1):
            await connection.executescript(_marked(script, schema.owner, version))


async def version_of(connection: aiosqlite.Connection, owner: str) -> int:
    """Return how many scripts of `owner` were applied; 0 in a database that knows none."""
    tables = "SELECT 1 FROM sqlite_schema WHERE name = 'schema_versions'"
    if not list(await connection.execute_fetchall(tables)):
        return 0
    query = "SELECT version FROM schema_versions WHERE owner = ?"
    async with connection.execute(query, (owner,)) as cursor:
        row = await cursor.fetchone()
    return row[0] if row else 0


def _marked(script: str, owner: str, version: int) -> str:
    """Return `script` and its mark as one transaction; all of it is the program's own words."""
    mark = f"INSERT OR REPLACE INTO schema_versions VALUES ('{owner}', {version})"  # noqa: S608
    return f"BEGIN IMMEDIATE;\n{script};\n{mark};\nCOMMIT;"


def _too_new(path: Path, found: int, known: int) -> StorageError:
    return StorageError(
        texts(
            "{path}: the database is of version {found}, newer than this program's {known}; "
            "update xmppgov.",
            path=path,
            found=found,
            known=known,
        )
    )
