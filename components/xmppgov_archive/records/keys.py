"""Keys of the archive: of each month for pseudonyms, of each day for message ids, one to sign.

They lie in files of their own, outside the database and its backups, so that a month's key can be
sealed or destroyed without touching a record. A key is on disk before its first use: after a crash
no record has a pseudonym under a key that is lost.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

from xmppgov.errors import StorageError
from xmppgov.i18n import Texts
from xmppgov_archive.log.files import make_folder, write_file

texts = Texts("xmppgov_archive")
KEY_SIZE = 32  # bytes
DAY = 86_400_000  # milliseconds
Random = Callable[[int], bytes]


class KeyRing:
    """The keys of months and days in `folder`; `random(n)` returns n random bytes."""

    def __init__(self, folder: Path, random: Random) -> None:
        self._folder = folder
        self._random = random
        self._keys: dict[str, bytes] = {}
        self._names: dict[int, tuple[str, str]] = {}

    def of_month(self, t: int) -> bytes:
        """Return the key of the month (UTC) of `t`, in ms; made when first asked for.

        Raises:
            StorageError: it cannot be read or written.
        """
        return self._key(self._name(t)[0])

    def of_day(self, t: int) -> bytes:
        """Return the key of the day (UTC) of `t`, in ms; made when first asked for."""
        return self._key(self._name(t)[1])

    def _name(self, t: int) -> tuple[str, str]:
        day = t // DAY
        if day not in self._names:
            date = datetime.fromtimestamp(t / 1000, UTC).date().isoformat()
            self._names[day] = (f"month-{date[:7]}.key", f"day-{date}.key")
        return self._names[day]

    def _key(self, name: str) -> bytes:
        if name not in self._keys:
            self._keys[name] = self._read_or_make(self._folder / name)
        return self._keys[name]

    def _read_or_make(self, path: Path) -> bytes:
        try:
            if not path.exists():
                make_folder(path.parent, mode=0o700)
                write_file(path, self._random(KEY_SIZE), mode=0o600)
            key = path.read_bytes()
        except OSError as error:
            raise StorageError(
                texts("{path}: the key cannot be kept: {reason}.", path=path, reason=error.strerror)
            ) from error
        if len(key) != KEY_SIZE or path.stat().st_mode & 0o077:
            raise StorageError(
                texts(
                    "{path}: it is no key, or others can read it; run: chmod 600 {path}", path=path
                )
            )
        return key


def load_key(path: Path) -> bytes | None:
    """Return the key in `path`, None where it is gone or this user may not read it."""
    try:
        return path.read_bytes()
    except OSError:
        return None
