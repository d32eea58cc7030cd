"""An account on a server (RFC 6120, TLS always): the stream of a bot or an operator's command."""

from __future__ import annotations

from slixmpp import ClientXMPP

from xmppgov.config import XmppSection, read_secret
from xmppgov.xmpp.reconnect import Reconnection


class Account(ClientXMPP):
    """One account's stream, which stays connected and never authenticates without TLS."""

    # slixmpp's destructor looks for it, also where the secret cannot be read.
    _run_out_filters = None

    def __init__(self, section: XmppSection, *, language: str = "fr") -> None:
        super().__init__(section.jid, read_secret(section.secret_file), lang=language)
        self.enable_direct_tls = False
        self.enable_plaintext = False
        self.plugin["feature_mechanisms"].unencrypted_scram = False
        self.plugin["feature_mechanisms"].unencrypted_plain = False
        if section.ca_file is not None:
            self.ca_certs = section.ca_file
        self._reconnection = Reconnection(self, section.host, section.port)

    def start(self) -> None:
        """Connect, and stay connected until `stop`."""
        self._reconnection.start()

    async def stop(self) -> None:
        """Close the stream."""
        await self._reconnection.stop()
