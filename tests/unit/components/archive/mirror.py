"""A client that mirrors a log over HTTP, written from the C2SP pages; it imports none of ours.

tlog-tiles, tlog-checkpoint, signed-note, RFC 6962. It keeps what it has seen and checks that each
new checkpoint extends it.
"""

from __future__ import annotations

import base64
import gzip
import hashlib
import http.client
import struct

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey


class Mirror:
    """The log at `host`:`port`, whose vkey is known."""

    def __init__(self, host: str, port: int, vkey: str) -> None:
        self.connection = http.client.HTTPConnection(host, port, timeout=20)
        name, key_id, key = vkey.strip().split("+", 2)
        self.name, self.key_id = name, bytes.fromhex(key_id)
        material = base64.b64decode(key)
        assert material[0] == 1
        self.key = Ed25519PublicKey.from_public_bytes(material[1:])
        self.entries: list[bytes] = []
        self.fetched: list[str] = []

    def get(self, path: str, method: str = "GET", **headers: str) -> tuple[int, dict, bytes]:
        """Return status, headers (lower case) and body."""
        self.connection.request(method, "/" + path, headers=headers)
        response = self.connection.getresponse()
        body = response.read()
        return response.status, {k.lower(): v for k, v in response.getheaders()}, body

    def checkpoint(self, name: str = "checkpoint") -> tuple[int, bytes]:
        """Return size and root of the signed checkpoint."""
        status, headers, body = self.get(name)
        assert status == 200
        assert headers["content-type"] == "text/plain; charset=utf-8"
        assert "immutable" not in headers["cache-control"]
        text, signatures = body.decode().rsplit("\n\n", 1)
        text += "\n"
        mine = [s.split(" ")[2] for s in signatures.splitlines() if s.split(" ")[1] == self.name]
        values = [base64.b64decode(value) for value in mine]
        [signature] = [value[4:] for value in values if value[:4] == self.key_id]
        self.key.verify(signature, text.encode())
        origin, size, root = text.splitlines()[:3]
        assert origin == self.name
        return int(size), base64.b64decode(root)

    def resource(self, path: str) -> bytes:
        """Return a tile or a bundle; of a partial one, if it is gone, the full one."""
        self.fetched.append(path)
        status, headers, body = self.get(path, **{"Accept-Encoding": "gzip, identity"})
        if status != 200 and ".p/" in path:
            path = path.split(".p/")[0]
            status, headers, body = self.get(path, **{"Accept-Encoding": "gzip, identity"})
        assert status == 200, path
        assert headers["content-type"] == "application/octet-stream"
        assert "immutable" in headers["cache-control"]
        assert int(headers["content-length"]) == len(body)
        return gzip.decompress(body) if headers.get("content-encoding") == "gzip" else body

    def update(self) -> int:
        """Mirror what is new, check all of it, and return the log's size."""
        size, root = self.checkpoint()
        for n in range(len(self.entries) // 256, (size + 255) // 256):
            bundle = self.resource(_path("entries", n, min(256, size - 256 * n)))
            known = len(self.entries) - 256 * n
            fresh = _split(bundle)[: size - 256 * n]
            assert fresh[: max(known, 0)] == self.entries[256 * n :]
            self.entries += fresh[max(known, 0) :]
        leaves = [hashlib.sha256(b"\0" + entry).digest() for entry in self.entries]
        assert _root(leaves) == root
        self._check_tiles(leaves, size)
        return size

    def _check_tiles(self, leaves: list[bytes], size: int) -> None:
        """Compare every tile of the tree with what the entries give."""
        level, row = 0, leaves
        while row:
            for n in range((len(row) + 255) // 256):
                mine = row[256 * n : 256 * n + 256]
                tile = self.resource(_path(str(level), n, len(mine)))
                assert tile[: 32 * len(mine)] == b"".join(mine)
            row = [_root(row[i : i + 256]) for i in range(0, len(row) - 255, 256)]
            level += 1
        assert size >> (8 * level) == 0


def _path(level: str, n: int, width: int) -> str:
    digits = f"{n:03d}"
    digits = digits.zfill((len(digits) + 2) // 3 * 3)
    groups = [digits[i : i + 3] for i in range(0, len(digits), 3)]
    path = "/".join(["x" + group for group in groups[:-1]] + groups[-1:])
    return f"tile/{level}/{path}" + (f".p/{width}" if width < 256 else "")


def _split(bundle: bytes) -> list[bytes]:
    entries = []
    while bundle:
        (length,) = struct.unpack(">H", bundle[:2])
        assert len(bundle) >= 2 + length
        entries.append(bundle[2 : 2 + length])
        bundle = bundle[2 + length :]
    return entries


def _root(hashes: list[bytes]) -> bytes:
    """The Merkle tree hash over leaf hashes, as RFC 6962 §2.1 defines it."""
    if not hashes:
        return hashlib.sha256(b"").digest()
    if len(hashes) == 1:
        return hashes[0]
    k = 1
    while 2 * k < len(hashes):
        k *= 2
    return hashlib.sha256(b"\1" + _root(hashes[:k]) + _root(hashes[k:])).digest()
