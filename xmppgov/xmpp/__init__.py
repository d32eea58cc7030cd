"""XMPP streams: components (XEP-0114), accounts (RFC 6120), and how requests are answered."""
