"""OMEMO for an account (XEP-0384 0.3), in units of work that are committed before they show.

    await omemo.ready()                     # after each login
    missing = await omemo.prepare(jids)     # fetch lists and bundles; no lock is held
    async with omemo.exclusive() as unit:
        element = await unit.encrypt(jid, text)
        async with unit.commit() as tx:     # the ratchet steps and what belongs to them
            ...
    # and only now is anything sent

A block that is left without a commit, or whose commit fails, has changed nothing.
"""

from __future__ import annotations

import asyncio
import itertools
import xml.etree.ElementTree as ET
from collections.abc import AsyncIterator, Callable, Collection, Iterable
from contextlib import asynccontextmanager
from typing import Any

import structlog
from oldmemo import Oldmemo
from oldmemo.etree import parse_device_list
from omemo.session_manager import SessionManager
from omemo.storage import Storage
from omemo.types import DeviceInformation, DeviceList
from slixmpp import JID, ClientXMPP
from slixmpp.plugins.base import register_plugin
from slixmpp.stanza import Message, Presence
from slixmpp_omemo import XEP_0384

from xmppgov.clock import Clock, SystemClock
from xmppgov.omemo.bundle import MOST_DEVICES
from xmppgov.omemo.keys import Keys, Lists
from xmppgov.omemo.model import Reach
from xmppgov.omemo.publish import publish
from xmppgov.omemo.sessions import (
    DEVICES,
    NAMESPACE,
    Effect,
    Surroundings,
    Wire,
    offline_session_manager,
)
from xmppgov.omemo.store import OmemoStore
from xmppgov.omemo.trust import (
    DISTRUSTED,
    TRUSTED,
    UNDECIDED,
    Trust,
    key_change,
    key_of,
    record_blind_trust,
    record_key_change,
    trust_of,
)
from xmppgov.omemo.unit import Unit
from xmppgov.storage.database import Database

log = structlog.get_logger()

ROTATION = 7 * 24 * 3600  # seconds between signed prekeys
LONGEST_ID = 10  # digits of a device's number


class Omemo(XEP_0384):
    """The plugin `xep_0384` of one account; made by `enable_omemo`."""

    default_config = {  # noqa: RUF012 (slixmpp's way)
        "fallback_message": "",
        "database": None,
        "store": None,
        "sole_device": True,
        "on_keys": None,
        "clock": None,
        "on_change": record_key_change,
    }

    xmpp: ClientXMPP

    def plugin_init(self) -> None:
        """Listen to device lists of the legacy namespace only."""
        self._around = Surroundings()
        self._wire = Wire(self.xmpp, self)
        self._manager: SessionManager | None = None
        self._backend = Oldmemo(self.store)
        self._lock = asyncio.Lock()
        self._keys = Keys(
            wire=self._wire,
            store=self.store,
            around=self._around,
            take_over=self._take_over,
            on_device=self._appeared,
            clock=self.clock,
        )
        self._renewing: asyncio.Task[None] | None = None
        self.device: tuple[int, str] | None = None  # number and fingerprint, once it is `ready`
        self._background: set[asyncio.Task[None]] = set()
        self.xmpp.plugin["xep_0060"].map_node_event(DEVICES, "omemo_devices")
        self.xmpp.plugin["xep_0163"].add_interest(DEVICES)
        self.xmpp.add_event_handler("omemo_devices_publish", self._on_device_list_update)
        self.xmpp.add_event_handler("disconnected", self._disconnected)

    def plugin_end(self) -> None:
        """Stop listening."""
        self.xmpp.plugin["xep_0163"].remove_interest(DEVICES)
        self.xmpp.del_event_handler("omemo_devices_publish", self._on_device_list_update)
        self.xmpp.del_event_handler("disconnected", self._disconnected)

    def session_bind(self, jid: JID) -> None:
        """Note the new connection; who uses the plugin awaits `ready`."""
        self._keys.connected()

    @property
    def storage(self) -> Storage:
        """The account's OMEMO state."""
        return self.store

    @property
    def _btbv_enabled(self) -> bool:
        return True

    async def _devices_blindly_trusted(
        self, blindly_trusted: frozenset[DeviceInformation], identifier: str | None
    ) -> None:
        record_blind_trust(blindly_trusted)

    async def _prompt_manual_trust(
        self, manually_trusted: frozenset[DeviceInformation], identifier: str | None
    ) -> None:
        """Leave out a verified person's new devices; the others get what is sent."""
        manager = await self.get_session_manager()
        for device in manually_trusted:
            await manager.set_trust(device.bare_jid, device.identity_key, DISTRUSTED)

    async def get_session_manager(self) -> SessionManager:
        """Return the session manager.

        Raises:
            RuntimeError: `ready` was never awaited.
        """
        if self._manager is None:
            raise RuntimeError("OMEMO is not ready")
        return self._manager

    async def _on_subscription_changed(self, presence: Presence) -> None:
        """Do nothing: no node is subscribed to explicitly."""

    def _disconnected(self, _event: object) -> None:
        self._keys.disconnected()
        if self._renewing is not None:
            self._renewing.cancel()

    # ------------------------------------------------------------------ publishing

    async def ready(self) -> None:
        """Load or make the account's keys, and publish them where the server has others.

        Raises:
            omemo.session_manager.XMPPInteractionFailed: the server refused or did not answer.
        """
        listed = await self._wire.device_list(self.own)
        async with self._lock:
            await self.store.recover()
            try:
                manager, bundle, device = await self._own_keys(listed)
                await self._commit_alone()
                self._manager = manager
            finally:
                self._leave()
        await publish(
            self.xmpp,
            self._wire,
            bundle=bundle,
            device=device,
            listed=listed,
            sole=self.sole_device,
        )
        self._keys.heard(self.own)
        # What changed while nobody looked is found out behind whatever is sent meanwhile.
        self._keys.doubt(jid for jid in self.store.people() if jid != self.own)
        self._renewing = asyncio.get_running_loop().create_task(self._keys.renew())

    @property
    def own(self) -> str:
        """The account's bare address."""
        return self.xmpp.boundjid.bare

    async def _own_keys(self, listed: DeviceList) -> tuple[SessionManager, Any, int]:
        self._around.lists[self.own] = {} if self.sole_device else listed
        manager = self._manager or await self._make_manager()
        if await self._backend.signed_pre_key_age() > ROTATION:
            await self._backend.rotate_signed_pre_key()
        missing = 100 - await self._backend.get_num_visible_pre_keys()
        if missing > 0:
            await self._backend.generate_pre_keys(missing)
        known = (await manager.get_own_device_information())[0]
        device = known.device_id
        self.device = device, "".join(manager.format_identity_key(known.identity_key))
        mine: DeviceList = {device: None} if self.sole_device else {**listed, device: None}
        await manager.update_device_list(NAMESPACE, self.own, mine)
        return manager, await self._backend.get_bundle(self.own, device), device

    async def _make_manager(self) -> SessionManager:
        kind = offline_session_manager(self._wire, self._around)
        manager = await kind.create([self._backend], self.store, self.own, None, UNDECIDED)
        await manager.shutdown()  # of its rotation task, which would write beside our transactions
        await manager.after_history_sync()
        return manager

    # ------------------------------------------------------------------ other people's keys

    async def prepare(self, jids: Collection[str]) -> dict[str, str]:
        """Fetch what encryption for `jids` needs, as far as it is not here; no lock is held.

        Returns the addresses whose device list could not be fetched, with the reason. Whether
        somebody has usable keys shows when `encrypt` succeeds.
        """
        await self._load()
        return await self._keys.fetch(set(jids) if self.sole_device else {*jids, self.own})

    async def reach(self, jids: Iterable[str]) -> dict[str, Reach]:
        """Return whom something can be encrypted for, from memory; nobody is asked."""
        await self._load()
        return {jid: self._keys.reach(jid) for jid in jids}

    def forget(self, jid: str) -> None:
        """Fetch the device list of `jid` anew the next time."""
        self._keys.forget(jid)

    async def prepare_reading(self, jid: str, encrypted: ET.Element) -> None:
        """Fetch what decryption of `<encrypted/>` from `jid` needs, as far as it is not here.

        For devices that are not listed, a list is fetched once a minute, or when it changed.

        Raises:
            Disconnected: the connection was lost; the message can be read after the next login.
        """
        header = encrypted.find(f"{{{NAMESPACE}}}header")
        device = "" if header is None else header.get("sid", "")
        if len(device) > LONGEST_ID or not device.isdecimal():
            return  # no device has such a number: decryption says so
        await self._load()
        await self._keys.look_for(jid, int(device))

    async def _load(self) -> None:
        async with self._lock:
            await self.store.recover()

    async def _take_over(self, lists: Lists) -> None:
        """Commit device lists."""
        async with self.exclusive() as unit:
            for jid, devices in lists.items():
                some = dict(itertools.islice(devices.items(), MOST_DEVICES))
                await unit.manager.update_device_list(NAMESPACE, jid, some)
            async with unit.commit():
                pass

    async def _on_device_list_update(self, msg: Message) -> None:
        """Take over a device list that somebody published (XEP-0163)."""
        jid = msg["from"].bare
        element = msg.xml.find(f".//{{{NAMESPACE}}}list")
        if element is None or self._manager is None or (jid == self.own and self.sole_device):
            return
        try:
            devices = parse_device_list(element)
        except ValueError:
            log.info("malformed device list", jid=jid)
            return
        await self._keys.published(jid, devices)
        if devices:
            self._appeared(jid)

    def _appeared(self, jid: str) -> None:
        if self.on_keys:
            self.on_keys(jid)

    # ------------------------------------------------------------------ trust

    async def verify(self, jid: str, fingerprint: str) -> None:
        """Trust the device of `jid` with a fingerprint, and from now on only such new devices.

        Raises:
            BadRequest: it is no fingerprint.
            NotFound: no device that is known has it.
        """
        await self._decide(jid, fingerprint, TRUSTED)

    async def distrust(self, jid: str, fingerprint: str) -> None:
        """Send nothing more to the device of `jid` with a fingerprint; raises as `verify`."""
        await self._decide(jid, fingerprint, DISTRUSTED)

    async def _decide(self, jid: str, fingerprint: str, level: str) -> None:
        async with self.exclusive() as unit:
            key = key_of(self.store, jid, fingerprint)
            await unit.manager.set_trust(jid, key, level)
            async with unit.commit():
                pass
        log.info("trust was decided", jid=jid, level=level)

    async def trust_of(self, jid: str) -> dict[int, Trust]:
        """Return what is thought of the listed devices of `jid`, as far as their keys are known."""
        await self._load()
        return trust_of(self.store, jid)

    # ------------------------------------------------------------------ units of work

    @asynccontextmanager
    async def exclusive(self) -> AsyncIterator[Unit]:
        """Be the only one that encrypts or decrypts during the block."""
        manager = await self.get_session_manager()
        async with self._lock:
            await self.store.recover()
            unit = Unit(manager, self.store, self.database, self._around, self.own)
            try:
                yield unit
                effects = list(self._around.effects) if unit.committed else []
            finally:
                self._leave()
        for learned in self.store.learned():
            self.on_change(key_change(*learned))
        if effects:
            self._run(effects)

    def _leave(self) -> None:
        self.store.drop()
        self._around.effects.clear()

    async def _commit_alone(self) -> None:
        async with self.database.transaction() as tx:
            await self.store.write(tx)
        self.store.keep()

    def _run(self, effects: list[Effect]) -> None:
        async def run() -> None:
            for effect in effects:
                try:
                    await effect()
                except Exception as error:
                    # The next `ready` publishes again; an empty message is a courtesy.
                    log.warning("not published", error=type(error).__name__)

        task = asyncio.get_running_loop().create_task(run())
        self._background.add(task)
        task.add_done_callback(self._background.discard)


def enable_omemo(
    stream: ClientXMPP,
    store: OmemoStore,
    database: Database,
    *,
    sole_device: bool = True,
    on_keys: Callable[[str], None] | None = None,
    clock: Clock | None = None,
) -> Omemo:
    """Give `stream` OMEMO with the state in `store`, a table of `database`.

    Args:
        sole_device: this is the account's only device, as it is for a bot: every other device of
            the account is taken off the server.
        on_keys: called with the address of somebody whose device list was published.
    """
    register_plugin(Omemo)
    settings = {
        "database": database,
        "store": store,
        "sole_device": sole_device,
        "on_keys": on_keys,
        "clock": clock or SystemClock(),
    }
    stream.register_plugin("xep_0384", settings)
    plugin: Omemo = stream.plugin["xep_0384"]  # type: ignore[typeddict-item]
    return plugin
