"""A client with next to no cost of its own: raw bytes over TLS, received stanzas are only counted.

A benchmark of a server must not measure its client, and slixmpp takes longer over a stanza than
Prosody does.
"""

from __future__ import annotations

import asyncio
import base64
import ssl
from dataclasses import dataclass

from xmppgov.demo.prosody import Prosody

READ_SIZE = 1 << 18


@dataclass
class RawClient:
    """One connected account; `received` counts occurrences of `token` since the login."""

    jid: str
    reader: asyncio.StreamReader
    writer: asyncio.StreamWriter
    token: bytes = b"</message>"
    received: int = 0

    def send(self, data: bytes) -> None:
        """Queue bytes for the server."""
        self.writer.write(data)

    async def count(self) -> None:
        """Count `token` in what arrives, until the stream closes or the task is cancelled."""
        tail = b""
        keep = len(self.token) - 1
        while data := await self.reader.read(READ_SIZE):
            self.received += (tail + data).count(self.token)
            tail = data[-keep:]

    async def close(self) -> None:
        """Close the stream."""
        self.writer.write(b"</stream:stream>")
        self.writer.close()
        await asyncio.gather(self.writer.wait_closed(), return_exceptions=True)


async def log_in(server: Prosody, user: str, password: str = "secret") -> RawClient:
    """Connect `user` with STARTTLS and SASL PLAIN, bind, and become available."""
    client = await authenticated(server, user, password)
    client.send(
        b"<iq type='set' id='bind'><bind xmlns='urn:ietf:params:xml:ns:xmpp-bind'>"
        b"<resource>bench</resource></bind></iq><presence/>"
    )
    await client.reader.readuntil(b"</jid>")
    await client.reader.readuntil(b"</iq>")
    return client


async def resume(server: Prosody, user: str, id: str, password: str = "secret") -> RawClient:
    """Connect `user` and go on with the stream `id` (XEP-0198), of which nothing was seen."""
    client = await authenticated(server, user, password)
    client.send(f"<resume xmlns='urn:xmpp:sm:3' h='0' previd='{id}'/>".encode())
    await client.reader.readuntil(b"<resumed")
    return client


async def authenticated(
    server: Prosody, user: str, password: str = "secret", host: str = ""
) -> RawClient:
    """Connect `user` of `host` (the server's domain, if empty) and open the second stream.

    The caller binds a resource or resumes; the next bytes are the server's stream header.
    """
    host = host or server.domain
    reader, writer = await asyncio.open_connection("127.0.0.1", server.ports.c2s, limit=1 << 20)
    header = (
        f"<?xml version='1.0'?><stream:stream to='{host}' version='1.0' "
        "xmlns='jabber:client' xmlns:stream='http://etherx.jabber.org/streams'>"
    ).encode()
    writer.write(header + b"<starttls xmlns='urn:ietf:params:xml:ns:xmpp-tls'/>")
    await reader.readuntil(b"<proceed xmlns='urn:ietf:params:xml:ns:xmpp-tls'/>")
    context = ssl.create_default_context(cafile=server.state / "ca.pem")
    await writer.start_tls(context, server_hostname=host)
    credentials = base64.b64encode(f"\0{user}\0{password}".encode()).decode()
    writer.write(
        header
        + b"<auth xmlns='urn:ietf:params:xml:ns:xmpp-sasl' mechanism='PLAIN'>"
        + f"{credentials}</auth>".encode()
    )
    await reader.readuntil(b"<success")
    await reader.readuntil(b">")
    writer.write(header)
    return RawClient(f"{user}@{host}/bench", reader, writer)
