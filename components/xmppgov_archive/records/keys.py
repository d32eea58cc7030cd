"""Keys of the archive: of months for pseudonyms, of days for message ids, of classes for records.

They lie in files of their own, outside the database and its backups, so that a month's key can be
sealed or destroyed without touching a record. A key is on disk before its first use: after a crash
no record has a pseudonym under a key that is lost.

The key of a month that has ended is sealed to the officers or destroyed (`officers.months`), and
never made again: what arrives later for such a month has its pseudonyms under the key of the oldest
month that is still open.

A key is named as its file is, without `.key`. Whatever arrives for a month and class whose records
were erased gets a key of a later generation, so that no key lives on behind its destruction.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path

from xmppgov.archive.day import DAY, day_text
from xmppgov.archive.officer import Generation, read_generations
from xmppgov.archive.sealing import PublicKey
from xmppgov.errors import ConfigurationError, StorageError
from xmppgov.i18n import Texts
from xmppgov.storage.files import DestroyFile, destroy_file, make_folder, write_file

texts = Texts("xmppgov_archive")
KEY_SIZE = 32  # bytes
SUFFIX, SEALED = ".key", ".sealed"
_MONTH = "month-"
Random = Callable[[int], bytes]


class KeyRing:
    """The keys in `folder`; `random(n)` returns n random bytes, `destroy` removes a file."""

    def __init__(self, folder: Path, random: Random, destroy: DestroyFile = destroy_file) -> None:
        self._folder = folder
        self._random = random
        self._destroy = destroy
        self._keys: dict[str, bytes] = {}
        self._generations: dict[tuple[str, str], int] = {}
        self._days: dict[int, str] = {}
        self._oldest = ""

    def of_month(self, t: int) -> bytes:
        """Return the key for pseudonyms at `t`, in ms; made when first asked for.

        Raises:
            StorageError: it cannot be read or written.
        """
        return self._key(month_key(self.naming_month(t)))

    def naming_month(self, t: int) -> str:
        """Return the month whose key makes pseudonyms at `t`: its own, or the oldest open one."""
        return max(self.month(t), self._oldest)

    def is_over(self, month: str) -> bool:
        """Tell whether no key is made any more for a month."""
        return month < self._oldest

    def close_months(self, oldest: str) -> None:
        """Make no key, and use none, for months before `oldest`, the first that is still open."""
        self._oldest = oldest
        self._keys = {
            name: key
            for name, key in self._keys.items()
            if not name.startswith(_MONTH) or name >= month_key(oldest)
        }

    def months(self) -> list[str]:
        """Return the months whose keys are there, the oldest first."""
        names = (name for name in self.names() if name.startswith(_MONTH))
        return [name.removeprefix(_MONTH) for name in names]

    def sealed_month(self, month: str) -> Path:
        """Return the file in which a month's key lies when it is sealed to the officers."""
        return self._folder / f"{_MONTH}{month}{SEALED}"

    def of_day(self, t: int) -> bytes:
        """Return the key of the day (UTC) of `t`, in ms; made when first asked for."""
        return self._key(day_key(self._day(t)))

    def body(self, t: int, class_: str) -> str:
        """Return the name of the key for new records of a class in the month of `t` (ms)."""
        month = self.month(t)
        return body_name(month, class_, self._generations.get((month, class_), 1))

    def bodies(self, month: str, class_: str) -> dict[int, str]:
        """Return the names of the keys of a class's records of a month, by generation."""
        pattern = re.compile(rf"body([0-9]*)-{re.escape(month)}-{re.escape(class_)}")
        found = (pattern.fullmatch(name) for name in self.names())
        return {int(match[1] or 1): match[0] for match in found if match}

    def parts(self) -> list[tuple[str, str]]:
        """Return the classes and months of whose records there are keys, in order."""
        pattern = re.compile(r"(?:body[0-9]*-|hold-[^.]+\.)([0-9]{4}-[0-9]{2})-(.+)")
        found = (pattern.fullmatch(name) for name in self.names())
        return sorted({(match[2], match[1]) for match in found if match})

    def dated(self) -> dict[str, list[str]]:
        """Return the names of the keys of months and their days, those sealed too, by month."""
        sealed = (path.stem for path in self._folder.glob(f"{_MONTH}*{SEALED}"))
        pattern = re.compile(r"(?:month|day)-([0-9]{4}-[0-9]{2})(?:-[0-9]{2})?")
        found: dict[str, list[str]] = {}
        for name in sorted({*self.names(), *sealed}):
            match = pattern.fullmatch(name)
            if match:
                found.setdefault(match[1], []).append(name)
        return found

    def renew(self, month: str, class_: str, generation: int) -> None:
        """Let new records of a class in a month have a key of this generation from now on."""
        self._generations[month, class_] = generation

    def next_generation(self, month: str, class_: str) -> int:
        """Return the generation behind those whose keys are there; at least the present one."""
        here = self._generations.get((month, class_), 1)
        return max([here, *(number + 1 for number in self.bodies(month, class_))])

    def of(self, name: str) -> bytes:
        """Return the key of a name; made when first asked for. Raises `StorageError`."""
        return self._key(name + SUFFIX)

    def find(self, name: str) -> bytes | None:
        """Return the key of a name, None where it is gone."""
        file = name + SUFFIX
        if file not in self._keys and not (self._folder / file).exists():
            return None
        return self._key(file)

    def names(self) -> list[str]:
        """Return the names of all keys that are there."""
        return sorted(path.stem for path in self._folder.glob(f"*{SUFFIX}"))

    def destroy(self, name: str) -> None:
        """Destroy a key, on disk and in memory. Raises `OSError`; do it again then."""
        self.forget(name + SUFFIX)
        self._destroy(self._folder / (name + SUFFIX))

    def destroy_sealed(self, month: str) -> None:
        """Destroy a month's key as it was sealed to the officers. Raises `OSError`."""
        self._destroy(self.sealed_month(month))

    def find_month(self, month: str) -> bytes | None:
        """Return the key of a month (`2026-11`), None where it was sealed or destroyed."""
        return load_key(self._folder / month_key(month))

    def find_day(self, day: str) -> bytes | None:
        """Return the key of a day (`2026-11-24`), None where it is gone."""
        return load_key(self._folder / day_key(day))

    def forget(self, file: str) -> None:
        """Forget the key of a file that is gone."""
        self._keys.pop(file, None)

    def month(self, t: int) -> str:
        """Return the month (UTC) of `t`, in ms, as `2026-11`."""
        return self._day(t)[:7]

    def _day(self, t: int) -> str:
        number = t // DAY
        if number not in self._days:
            self._days[number] = day_text(number)
        return self._days[number]

    def _key(self, name: str) -> bytes:
        if name not in self._keys:
            self._keys[name] = self._read_or_make(self._folder / name)
        return self._keys[name]

    def _read_or_make(self, path: Path) -> bytes:
        try:
            if not path.exists():
                self._check_new(path)
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

    def _check_new(self, path: Path) -> None:
        """Refuse to make the key of a month that was sealed, whatever the database says."""
        if path.with_suffix(SEALED).exists():
            text = texts("{path}: this key was sealed; is the database an old one?", path=path)
            raise StorageError(text)


def month_key(month: str) -> str:
    """Return the name of the file with a month's key."""
    return f"{_MONTH}{month}{SUFFIX}"


def day_key(day: str) -> str:
    """Return the name of the file with a day's key."""
    return f"day-{day}.key"


def body_name(month: str, class_: str, generation: int = 1) -> str:
    """Return the name of the key of a class's records of a month; generations count from 1."""
    return f"body{generation if generation > 1 else ''}-{month}-{class_}"


def load_key(path: Path) -> bytes | None:
    """Return the key in `path`, None where it is gone or this user may not read it."""
    try:
        return path.read_bytes()
    except OSError:
        return None


def load_public_key(file: Path) -> PublicKey:
    """Read the officers' public key, to which the names behind pseudonyms are sealed.

    Raises:
        ConfigurationError: there is none, or the file is none.
    """
    return PublicKey(bytes.fromhex(load_generations(file)[0].public))


def load_generations(file: Path) -> list[Generation]:
    """Read the public sides of the officers' keys, the newest first. Raises as above."""
    try:
        return read_generations(file.read_text("ascii"))
    except OSError as error:
        raise ConfigurationError(
            texts(
                "{path}: the officers' key is missing; make it with: xmppgov archive officers init",
                path=file,
            )
        ) from error
    except ValueError as error:
        raise ConfigurationError(texts("{path}: it is no officers' key.", path=file)) from error
