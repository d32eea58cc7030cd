"""Schema migrations: SQL scripts, applied in order, each in one transaction with its mark.

The database's `user_version` is the number of scripts applied. A script that has landed never
changes; a new one is appended.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import aiosqlite

from xmppgov.errors import StorageError
from xmppgov.i18n import Texts

texts = Texts("xmppgov")


async def migrate(connection: aiosqlite.Connection, path: Path, scripts: Sequence[str]) -> None:
    """Bring the database to `len(scripts)`.

    Raises:
        StorageError: the database is newer than this program.
    """
    async with connection.execute("PRAGMA user_version") as cursor:
        row = await cursor.fetchone()
    found = row[0] if row else 0
    if found > len(scripts):
        raise StorageError(
            texts(
                "{path}: the database is of version {found}, newer than this program's {known}; "
                "update xmppgov.",
                path=path,
                found=found,
                known=len(scripts),
            )
        )
    for version, script in enumerate(scripts[found:], start=found + 1):
        await connection.executescript(
            f"BEGIN IMMEDIATE;\n{script};\nPRAGMA user_version={version};\nCOMMIT;"
        )
