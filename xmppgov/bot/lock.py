"""One process for a bot's database: two would use the same ratchet keys (flock(2))."""

from __future__ import annotations

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from xmppgov.errors import StorageError
from xmppgov.i18n import Texts

texts = Texts("xmppgov")


@contextmanager
def only_process(database: Path) -> Iterator[None]:
    """Hold `DATABASE.lock` during the block; the kernel lets go of it when the process dies.

    Raises:
        StorageError: another process holds it.
    """
    descriptor = os.open(f"{database}.lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            raise StorageError(
                texts("{path}: another process of this bot is running; stop it.", path=database)
            ) from error
        yield
    finally:
        os.close(descriptor)
