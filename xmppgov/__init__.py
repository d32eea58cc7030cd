"""xmppgov: a sovereign messenger for public administrations on any standard XMPP server."""

__version__ = "0.1.0"
