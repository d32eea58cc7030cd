"""The limit for encryption: python-omemo alone, its storage and its network dictionaries."""

from __future__ import annotations

from typing import Any, ClassVar

from oldmemo import Oldmemo
from oldmemo.oldmemo import NAMESPACE
from omemo.bundle import Bundle
from omemo.message import Message
from omemo.session_manager import SessionManager
from omemo.storage import Just, Maybe, Nothing, Storage
from omemo.types import DeviceInformation, DeviceList, JSONType


class Memory(Storage):
    """A dictionary; the library's own cache in front of it."""

    def __init__(self) -> None:
        super().__init__()
        self._values: dict[str, JSONType] = {}

    async def _load(self, key: str) -> Maybe[JSONType]:
        return Just(self._values[key]) if key in self._values else Nothing()

    async def _store(self, key: str, value: JSONType) -> None:
        self._values[key] = value

    async def _delete(self, key: str) -> None:
        self._values.pop(key, None)


class Alone(SessionManager):
    """A session manager that finds everybody's keys in `bundles` and trusts them."""

    bundles: ClassVar[dict[str, tuple[int, Bundle]]] = {}

    @staticmethod
    async def _upload_bundle(bundle: Bundle) -> None: ...

    @staticmethod
    async def _download_bundle(namespace: str, bare_jid: str, device_id: int) -> Bundle:
        return Alone.bundles[bare_jid][1]

    @staticmethod
    async def _delete_bundle(namespace: str, device_id: int) -> None: ...

    @staticmethod
    async def _upload_device_list(namespace: str, device_list: DeviceList) -> None: ...

    @staticmethod
    async def _download_device_list(namespace: str, bare_jid: str) -> DeviceList:
        found = Alone.bundles.get(bare_jid)
        return {found[0]: None} if found else {}

    async def _evaluate_custom_trust_level(self, device: DeviceInformation) -> Any:
        from omemo.types import TrustLevel

        return TrustLevel.TRUSTED

    async def _make_trust_decision(
        self, undecided: frozenset[DeviceInformation], identifier: str | None
    ) -> None: ...

    @staticmethod
    async def _send_message(message: Message, bare_jid: str) -> None: ...


async def manager(own: str, bundles: dict[str, tuple[int, Bundle]]) -> SessionManager:
    """Return a session manager that knows the device lists of everybody in `bundles`."""
    Alone.bundles = bundles
    storage = Memory()
    made = await Alone.create([Oldmemo(storage)], storage, own, None, "UNDECIDED")
    await made.shutdown()
    await made.after_history_sync()
    for jid, (device, _) in bundles.items():
        await made.update_device_list(NAMESPACE, jid, {device: None})
    return made
