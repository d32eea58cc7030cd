"""The OMEMO state of one bot: a table of JSON values, written in the transactions of messages.

python-omemo reads and writes 30 values for each device and message. Here reads come from memory,
where all committed values are, and writes are held back until `write` puts them into the
transaction that also holds what they belong to: the outbox row of an encrypted message, the effect
of a received one. Until then nothing has happened, and `drop` forgets it.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

from omemo.storage import Maybe, Nothing, Storage, StorageException
from omemo.types import JSONType

from xmppgov.storage.database import Database
from xmppgov.storage.migrations import Schema

NAMESPACE = "eu.siacs.conversations.axolotl"
SCHEMA = Schema(
    "omemo", ("CREATE TABLE omemo (key TEXT PRIMARY KEY, value TEXT NOT NULL) WITHOUT ROWID",)
)

_encode = json.JSONEncoder(separators=(",", ":")).encode  # json.dumps would make one each time


class _Fresh(Maybe[Any]):
    """A value that belongs to whoever asks; each load makes a new one, so none need be copied."""

    def __init__(self, value: Any) -> None:
        self._value = value

    @property
    def is_just(self) -> bool:
        return True

    @property
    def is_nothing(self) -> bool:
        return False

    def from_just(self) -> Any:
        return self._value

    def maybe(self, default: Any) -> Any:
        return self._value

    def fmap(self, function: Callable[[Any], Any]) -> Maybe[Any]:
        return _Fresh(function(self._value))


class OmemoStore(Storage):
    """python-omemo's storage over the table `omemo`; `recover` first."""

    def __init__(self, database: Database) -> None:
        super().__init__(disable_cache=True)
        self._database = database
        self._committed: dict[str, str] = {}
        self._pending: dict[str, str | None] = {}
        self._decided: dict[str, set[str]] = {}  # whose keys were ever judged, and which
        self._learned: list[tuple[str, int, str | None, str]] = []
        self._trusted = False

    async def recover(self) -> None:
        """Read every committed value into memory, if that was not done or is in doubt."""
        if self._trusted:
            return
        rows = await self._database.fetch_all("SELECT key, value FROM omemo")
        self._committed = {row["key"]: row["value"] for row in rows}
        self._decided.clear()
        for key in self._committed:
            self._note_trust(key)
        self._pending.clear()
        self._trusted = True

    def doubt(self) -> None:
        """Forget everything: a commit failed, and only the disk knows what it holds."""
        self._pending.clear()
        self._trusted = False

    async def write(self, tx: Database) -> None:
        """Put what is pending into a transaction; call `keep` once it is committed."""
        gone = [(key,) for key, value in self._pending.items() if value is None]
        there = [(key, value) for key, value in self._pending.items() if value is not None]
        if there:
            await tx.execute_many("INSERT OR REPLACE INTO omemo VALUES (?, ?)", there)
        if gone:
            await tx.execute_many("DELETE FROM omemo WHERE key = ?", gone)

    def keep(self) -> None:
        """What was pending is committed."""
        for key, value in self._pending.items():
            self._note_trust(key)
            if value is not None and key.endswith("/identity_key") and key.startswith("/devices/"):
                self._note_identity(key, value)
        for key, value in self._pending.items():
            if value is None:
                self._committed.pop(key, None)
            else:
                self._committed[key] = value
        self._pending.clear()

    def drop(self) -> None:
        """Forget what is pending, as if it had never been asked for."""
        self._pending.clear()

    def sessionless(self, jid: str) -> list[tuple[str, int]]:
        """Return (jid, device) of the listed devices with which there is no session yet."""
        devices = json.loads(self._text(f"/devices/{jid}/list") or "[]")
        return [
            (jid, d) for d in devices if self._is_listed(jid, d) and not self.has_session(jid, d)
        ]

    def devices(self, jid: str) -> list[int]:
        """Return the devices that `jid` lists now, as far as is known."""
        devices = json.loads(self._text(f"/devices/{jid}/list") or "[]")
        return [device for device in devices if self._is_listed(jid, device)]

    def people(self) -> list[str]:
        """Return everybody whose device list is known."""
        names = (key.removeprefix("/devices/").split("/") for key in self._committed)
        return [parts[0] for parts in names if parts[1:] == ["list"]]

    def knows(self, jid: str, device: int) -> bool:
        """Whether the identity key of a device is known."""
        return self._text(f"/devices/{jid}/{device}/identity_key") is not None

    def identity_key(self, jid: str, device: int) -> str | None:
        """Return the identity key of a device in base64 (URL-safe), if it is known."""
        text = self._text(f"/devices/{jid}/{device}/identity_key")
        return None if text is None else json.loads(text)

    def identity_keys(self, jid: str) -> list[str]:
        """Return the identity keys of all devices that `jid` ever listed, as far as is known."""
        devices = json.loads(self._text(f"/devices/{jid}/list") or "[]")
        return [key for device in devices if (key := self.identity_key(jid, device)) is not None]

    def trust(self, jid: str, key: str) -> str | None:
        """Return the trust in an identity key, if it was decided."""
        text = self._text(f"/trust/{jid}/{key}")
        return None if text is None else json.loads(text)

    def judged(self, jid: str) -> set[str]:
        """Return what was ever thought of any key of `jid`, even one that is on no device now."""
        pending = (key for key in self._pending if key.startswith(f"/trust/{jid}/"))
        keys = {*self._decided.get(jid, ()), *(key.split("/", 3)[3] for key in pending)}
        return {level for key in keys if (level := self.trust(jid, key)) is not None}

    def _note_trust(self, key: str) -> None:
        if key.startswith("/trust/"):
            _, _, jid, judged = key.split("/", 3)
            self._decided.setdefault(jid, set()).add(judged)

    def forget_identity(self, jid: str, device: int) -> None:
        """Let the next bundle of a device say what its identity key is."""
        self._pending[f"/devices/{jid}/{device}/identity_key"] = None

    def forget_session(self, jid: str, device: int) -> None:
        """Have no session with a device."""
        if self.has_session(jid, device):
            self._pending[f"/{NAMESPACE}/{jid}/{device}/double_ratchet"] = None

    def learned(self) -> list[tuple[str, int, str | None, str]]:
        """Return, once, each committed (jid, device, old, new) identity key of somebody known."""
        learned, self._learned = self._learned, []
        return learned

    def _note_identity(self, key: str, text: str) -> None:
        _, _, jid, device, _ = key.split("/")
        old, new = self._committed.get(key), json.loads(text)
        if old is not None or len(self.identity_keys(jid)) > 1:
            before = None if old is None else json.loads(old)
            self._learned.append((jid, int(device), before, new))

    def _is_listed(self, jid: str, device: int) -> bool:
        active = json.loads(self._text(f"/devices/{jid}/{device}/active") or "{}")
        return bool(active.get(NAMESPACE))

    def has_session(self, jid: str, device: int) -> bool:
        """Whether there is a session with a device."""
        return self._text(f"/{NAMESPACE}/{jid}/{device}/double_ratchet") is not None

    def _text(self, key: str) -> str | None:
        if not self._trusted:
            raise StorageException("the OMEMO state is not loaded")
        if key in self._pending:
            return self._pending[key]
        return self._committed.get(key)

    async def _load(self, key: str) -> Maybe[JSONType]:
        text = self._text(key)
        return Nothing() if text is None else _Fresh(json.loads(text))

    async def _store(self, key: str, value: JSONType) -> None:
        if isinstance(value, list) and len(value) > 1:
            # All of the library's lists are sets in truth; in one order they compare as such.
            value = sorted(value, key=str)
        text = _encode(value)
        if text != self._text(key):
            self._pending[key] = text

    async def _delete(self, key: str) -> None:
        if self._text(key) is not None:
            self._pending[key] = None
