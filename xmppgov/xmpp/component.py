"""A server component (XEP-0114): a stream that stays connected, and says in disco what it is."""

from __future__ import annotations

from collections.abc import Iterable

from slixmpp import ComponentXMPP
from slixmpp.stanza import Presence

from xmppgov.config import XmppSection, read_secret
from xmppgov.xmpp.reconnect import Reconnection


class Component(ComponentXMPP):
    """One component's stream; a feature's `component.py` adds its handlers to it with `serve`."""

    # slixmpp's destructor looks for it, also where the secret cannot be read.
    _run_out_filters = None

    def __init__(
        self,
        section: XmppSection,
        *,
        name: str,
        identity: tuple[str, str],
        features: Iterable[str] = (),
    ) -> None:
        super().__init__(section.jid, read_secret(section.secret_file), section.host, section.port)
        self.register_plugin("xep_0030")
        self.register_plugin("xep_0199")
        disco = self.plugin["xep_0030"]
        disco.add_identity(*identity, name=name)
        for feature in features:
            disco.add_feature(feature)
        self._reconnection = Reconnection(self, section.host, section.port)

    def start(self) -> None:
        """Connect, and stay connected until `stop`."""
        self._reconnection.start()

    async def stop(self) -> None:
        """Close the stream."""
        await self._reconnection.stop()

    def _handle_presence(self, presence: Presence) -> None:
        """Ignore presence: a component keeps no roster, which would grow with every sender."""
