"""The public log over HTTP, read only (https://c2sp.org/tlog-tiles): files by name, nothing else.

A tile or bundle is served only where the published checkpoint implies it: what is staged behind it
has not been promised yet, and must not be in anybody's cache for ever. Files are read by threads of
this server's own, so that a slow disk or many readers never stand in the way of a commit.
"""

from __future__ import annotations

import asyncio
import gzip
from collections.abc import AsyncIterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from aiohttp import web

from xmppgov.tlog.errors import TileInvalid
from xmppgov.tlog.tiles import ENTRIES, HEIGHT, WIDTH, parse_tile_path
from xmppgov_archive.log.folder import CHECKPOINT, COSIGNED
from xmppgov_archive.log.publication import Publication

READERS = 2  # threads
TEXT, BYTES = "text/plain; charset=utf-8", "application/octet-stream"
MUTABLE, IMMUTABLE = "no-cache", "public, max-age=31536000, immutable"
VERIFIER, COSIGNER, POLICY = "verifier.vkey", "cosigner.vkey", "policy"
METHODS = ("GET", "HEAD")


class LogServer:
    """What readers may have of a log: `named` are the files that are no tiles, by name."""

    def __init__(self, *, publication: Publication, tiles: Path, named: Mapping[str, Path]) -> None:
        self._publication, self._tiles = publication, tiles
        self._named = {CHECKPOINT: tiles / CHECKPOINT, COSIGNED: tiles / COSIGNED, **named}
        self._threads = ThreadPoolExecutor(READERS, thread_name_prefix="log-http")

    def application(self) -> web.Application:
        """Return the HTTP side; its threads end with it."""
        app = web.Application()
        app.router.add_route("*", "/{path:.*}", self._answer)
        app.cleanup_ctx.append(self._running)
        return app

    async def _running(self, _app: web.Application) -> AsyncIterator[None]:
        yield
        self._threads.shutdown(wait=False, cancel_futures=True)

    async def _answer(self, request: web.Request) -> web.Response:
        if request.method not in METHODS:
            return _refusal(405, {"Allow": ", ".join(METHODS)})
        path = request.raw_path.removeprefix("/")
        if path in self._named:
            return await self._file(self._named[path], TEXT, MUTABLE)
        try:
            level, index, width = parse_tile_path(path)
        except TileInvalid:
            return _refusal(404)
        if not _is_within(level, index, width, self._publication.size):
            return _refusal(404)
        packed = level == ENTRIES and "gzip" in request.headers.get("Accept-Encoding", "")
        response = await self._file(self._tiles / path, BYTES, IMMUTABLE, packed=packed)
        if level == ENTRIES:
            response.headers["Vary"] = "Accept-Encoding"
        return response

    async def _file(
        self, path: Path, kind: str, caching: str, *, packed: bool = False
    ) -> web.Response:
        data = await asyncio.get_running_loop().run_in_executor(self._threads, _read, path, packed)
        if data is None:
            return _refusal(404)
        headers = {"Content-Type": kind, "Cache-Control": caching}
        if packed:
            headers["Content-Encoding"] = "gzip"
        return web.Response(body=data, headers=headers)


def _is_within(level: int | str, index: int, width: int, size: int) -> bool:
    """Tell whether a tree of `size` has the tile, whole or as a partial one of before."""
    height = 0 if level == ENTRIES else int(level)
    return index * WIDTH + width <= size >> (HEIGHT * height)


def _read(path: Path, packed: bool) -> bytes | None:
    """Return a file's bytes; None where it is not there, as a partial tile after its full one."""
    try:
        data = path.read_bytes()
    except (FileNotFoundError, NotADirectoryError):
        return None
    return gzip.compress(data, compresslevel=1, mtime=0) if packed else data


def _refusal(status: int, headers: Mapping[str, str] | None = None) -> web.Response:
    """Return an answer without a file, that no cache keeps: the file may come to be."""
    fixed = {"Content-Type": TEXT, "Cache-Control": "no-store"}
    return web.Response(status=status, headers={**fixed, **(headers or {})})
