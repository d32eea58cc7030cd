"""Two servers that speak server to server on loopback: names and trust without DNS (RFC 6120)."""

from __future__ import annotations

import shutil
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path

from xmppgov.demo.certificates import make_certificates
from xmppgov.demo.prosody import SUBDOMAINS, Ports, Prosody

OTHER_DOMAIN = "autre.localhost"

_EXTRA = """\
local ports = {{ {ports} }}
local name = "net.resolvers.service"
package.preload[name] = function ()
\tlocal resolver = dofile(assert(package.searchpath(name, package.path)))
\tlocal ask_dns = resolver.new
\tfunction resolver.new(host, ...)
\t\tfor domain, port in pairs(ports) do
\t\t\tif host == domain or host:sub(-#domain - 1) == "." .. domain then
\t\t\t\treturn require "net.resolvers.manual".new({{ {{ "tcp4", "127.0.0.1", port }} }})
\t\t\tend
\t\tend
\t\treturn ask_dns(host, ...)
\tend
\treturn resolver
end
"""


def federate(*servers: Prosody) -> None:
    """Make new servers find and trust each other (and all their subdomains); prepare them."""
    first = servers[0].state
    names = [server.domain for server in servers]
    make_certificates(first, [*names, *(f"{sub}.{name}" for name in names for sub in SUBDOMAINS)])
    ports = ", ".join(f'["{server.domain}"] = {server.ports.s2s}' for server in servers)
    for server in servers:
        if server.state != first:
            shutil.copytree(first / "certs", server.state / "certs")
            shutil.copy(first / "ca.pem", server.state)
        server.prepare()
        extra = server.state / "federation.lua"
        extra.write_text(_EXTRA.format(ports=ports), "utf-8")
        server.environment = {**server.environment, "XMPPGOV_EXTRA": str(extra)}


@contextmanager
def federated(
    folder: Path,
    modules: str,
    accounts: Iterable[str],
    other_modules: str = "",
    extra: str = "",
    other_extra: str = "",
) -> Iterator[tuple[Prosody, Prosody]]:
    """Run gov.localhost with our `modules` and, beside it, a stranger: autre.localhost.

    `accounts` are of either domain; their password is `secret`. `extra` and `other_extra` are
    more of our and the other's configuration, in Lua.
    """
    ours = Prosody(folder / "ours", Ports.free(), modules=modules)
    other = Prosody(folder / "other", Ports.free(), domain=OTHER_DOMAIN, modules=other_modules)
    federate(ours, other)
    for server, more in ((ours, extra), (other, other_extra)):
        with (server.state / "federation.lua").open("a", encoding="utf-8") as file:
            file.write(more)
    for jid in accounts:
        server = ours if jid.endswith(ours.domain) else other
        server.add_account(jid, "secret")
    try:
        ours.start()
        other.start()
        yield ours, other
    finally:
        other.stop()
        ours.stop()
