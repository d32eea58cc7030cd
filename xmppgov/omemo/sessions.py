"""python-omemo's session manager, kept off the network while a message is in the works.

What it fetches was fetched before; what it publishes or sends waits until its state is committed.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from omemo.bundle import Bundle
from omemo.message import Message
from omemo.session_manager import (
    BundleDownloadFailed,
    DeviceListDownloadFailed,
    SessionManager,
)
from omemo.types import DeviceList
from slixmpp import ClientXMPP
from slixmpp_omemo.xep_0384 import XEP_0384, _make_session_manager

NAMESPACE = "eu.siacs.conversations.axolotl"
DEVICES = f"{NAMESPACE}.devicelist"
BUNDLES = f"{NAMESPACE}.bundles:"

Effect = Callable[[], Awaitable[None]]


@dataclass
class Surroundings:
    """What a session manager is given and what it leaves, beside its storage."""

    lists: dict[str, DeviceList] = field(default_factory=dict)
    bundles: dict[tuple[str, int], Bundle | Exception] = field(default_factory=dict)
    effects: list[Effect] = field(default_factory=list)


class Wire:
    """The plugin's own network calls, made outside of any message."""

    def __init__(self, stream: ClientXMPP, plugin: XEP_0384) -> None:
        self.calls: Any = _make_session_manager(stream, plugin)

    async def device_list(self, jid: str) -> DeviceList:
        """Fetch a device list; empty if there is none.

        Raises:
            DeviceListDownloadFailed: refused, malformed, or no answer.
        """
        return await self.calls._download_device_list(NAMESPACE, jid)

    async def bundle(self, jid: str, device: int) -> Bundle | Exception:
        """Fetch a bundle; return, rather than raise, why it cannot be had."""
        try:
            return await self.calls._download_bundle(NAMESPACE, jid, device)
        except Exception as error:
            return error

    async def publish_device_list(self, devices: Mapping[int, None]) -> None:
        """Publish the account's own device list."""
        await self.calls._upload_device_list(NAMESPACE, dict(devices))

    async def publish_bundle(self, bundle: Bundle) -> None:
        """Publish the account's own bundle."""
        await self.calls._upload_bundle(bundle)


def offline_session_manager(wire: Wire, around: Surroundings) -> type[SessionManager]:
    """Return the class of a session manager that reads `around` and never waits for the network."""
    online: Any = wire.calls

    class Sessions(online):
        @staticmethod
        async def _download_device_list(namespace: str, bare_jid: str) -> DeviceList:
            if bare_jid not in around.lists:
                raise DeviceListDownloadFailed("the device list was not fetched beforehand")
            return around.lists[bare_jid]

        @staticmethod
        async def _download_bundle(namespace: str, bare_jid: str, device_id: int) -> Bundle:
            found = around.bundles.get((bare_jid, device_id))
            if found is None:
                raise BundleDownloadFailed("the bundle was not fetched beforehand")
            if isinstance(found, Exception):
                raise found
            return found

        @staticmethod
        async def _upload_bundle(bundle: Bundle) -> None:
            around.effects.append(lambda: online._upload_bundle(bundle))

        @staticmethod
        async def _upload_device_list(namespace: str, device_list: DeviceList) -> None:
            """The plugin publishes the own list itself, when everything else is there."""

        @staticmethod
        async def _send_message(message: Message, bare_jid: str) -> None:
            around.effects.append(lambda: online._send_message(message, bare_jid))

    return Sessions
