"""The official accounts, in any client (XEP-0050): the bots, and how to verify their devices."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping

from xmppgov.adhoc.model import Command, Done, Page, Session, Table, Values
from xmppgov.directory.model import Device
from xmppgov.directory.stanza import NAMESPACE
from xmppgov.i18n import Texts
from xmppgov.omemo.verification import grouped, write_uri

texts = Texts("xmppgov_directory")
NODE = f"{NAMESPACE}#officials"


class Officials:
    """The command that lists the bots.

    `bots` names their addresses; `devices` gives what they published; `allowed` says whether a bare
    address may look.
    """

    def __init__(
        self,
        *,
        bots: Mapping[str, str],
        devices: Callable[[], Awaitable[tuple[Device, ...]]],
        allowed: Callable[[str], bool],
    ) -> None:
        self._bots, self._devices, self._allowed = bots, devices, allowed

    def command(self) -> Command:
        """Return the command."""
        return Command(NODE, texts("Official accounts"), self._allowed, (self.listed,))

    async def listed(self, _session: Session, _values: Values) -> Page:
        """Show every bot that has published its device, by name."""
        known = {device.jid: device for device in await self._devices()}
        columns = (
            ("name", texts("Name")),
            ("jid", texts("Address")),
            ("fingerprint", texts("Fingerprint")),
            ("uri", texts("Link to verify it")),
        )
        rows = [_row(name, known[jid]) for name, jid in sorted(self._bots.items()) if jid in known]
        note = texts(
            "Compare the fingerprint with the one that your app shows for this account, or open "
            "the link in it. If they differ, write nothing to the account and tell your operator."
        )
        return Done(note, Table(columns, rows, texts("Official accounts")))


def _row(name: str, device: Device) -> tuple[str, ...]:
    uri = write_uri(device.jid, {device.id: device.fingerprint})
    return name, device.jid, grouped(device.fingerprint), uri
