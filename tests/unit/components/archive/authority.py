"""A time stamp authority of its own (RFC 3161): `openssl ts` behind a small HTTP server."""

from __future__ import annotations

import asyncio
import subprocess
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path

from aiohttp import web
from aiohttp.test_utils import TestServer
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

CONFIG = """
[tsa]
dir = {folder}
serial = $dir/serial
signer_cert = $dir/tsa.pem
signer_key = $dir/tsa.key
signer_digest = sha256
default_policy = 1.2.3.4.1
digests = sha256, sha512
ess_cert_id_alg = sha256
"""


class Authority:
    """Stamps what it is sent; `answer` replaces its answers, `asked` counts them."""

    def __init__(self, folder: Path) -> None:
        folder.mkdir(parents=True)
        self.folder, self.ca_file = folder, folder / "ca.pem"
        self.asked, self.url = 0, ""
        self.answer: web.Response | None = None
        _certify(folder)
        (folder / "tsa.cnf").write_text(CONFIG.format(folder=folder))
        (folder / "serial").write_text("01\n")

    async def reply(self, request: web.Request) -> web.Response:
        self.asked += 1
        assert request.content_type == "application/timestamp-query"
        if self.answer is not None:
            return self.answer
        token = await asyncio.to_thread(self.stamp, await request.read())
        return web.Response(body=token, content_type="application/timestamp-reply")

    def stamp(self, query: bytes) -> bytes:
        """Return the answer to a query, as `openssl ts` gives it."""
        files = self.folder / "query.tsq", self.folder / "reply.tsr"
        files[0].write_bytes(query)
        command = ["openssl", "ts", "-reply", "-config", str(self.folder / "tsa.cnf")]
        options = ["-section", "tsa", "-queryfile", str(files[0]), "-out", str(files[1])]
        subprocess.run([*command, *options], check=True, capture_output=True, timeout=30)
        return files[1].read_bytes()

    def verified(self, note: Path, token: Path) -> bool:
        """Tell whether `openssl ts` finds a token right."""
        command = ["openssl", "ts", "-verify", "-data", str(note), "-in", str(token)]
        done = subprocess.run([*command, "-CAfile", str(self.ca_file)], capture_output=True)
        return done.returncode == 0


@asynccontextmanager
async def served(authority: Authority) -> AsyncIterator[None]:
    """Answer over HTTP during the block."""
    app = web.Application()
    app.router.add_post("/tsr", authority.reply)
    async with TestServer(app) as server:
        authority.url = str(server.make_url("/tsr"))
        yield


def _certify(folder: Path) -> None:
    """Make a root certificate, and the authority's under it."""
    root, key = (rsa.generate_private_key(65537, 2048) for _ in range(2))
    issuer = _name("Root")
    constraints = x509.BasicConstraints(ca=True, path_length=0)
    ca = _builder(issuer, issuer, root).add_extension(constraints, critical=True)
    usage = x509.ExtendedKeyUsage([ExtendedKeyUsageOID.TIME_STAMPING])
    tsa = _builder(_name("Authority"), issuer, key).add_extension(usage, critical=True)
    for name, builder in (("ca.pem", ca), ("tsa.pem", tsa)):
        certificate = builder.sign(root, hashes.SHA256())
        (folder / name).write_bytes(certificate.public_bytes(Encoding.PEM))
    private = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    (folder / "tsa.key").write_bytes(private)


def _name(common: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, common)])


def _builder(
    subject: x509.Name, issuer: x509.Name, key: rsa.RSAPrivateKey
) -> x509.CertificateBuilder:
    now = datetime.now(UTC)
    return (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=30))
    )
