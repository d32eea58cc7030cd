"""The public log over HTTP: a stranger's client mirrors it, and nothing else is there."""

from __future__ import annotations

import asyncio
import gzip
import re
import threading
from collections.abc import AsyncIterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pymerkle import InmemoryTree, verify_inclusion

from tests.unit.archive.batches import batch, record
from tests.unit.components.archive.conftest import EPOCH, SERVER, Place
from tests.unit.components.archive.cosigning import size_of, until
from tests.unit.components.archive.mirror import Mirror
from xmppgov.config import ListenSection
from xmppgov.demo.prosody import Ports
from xmppgov.errors import ConfigurationError
from xmppgov.tlog.tiles import ENTRIES, WIDTH, tile_path, tiles_of
from xmppgov_archive.log import http
from xmppgov_archive.records.service import Archive

READERS = 16


@asynccontextmanager
async def served(place: Place) -> AsyncIterator[tuple[Archive, Mirror]]:
    """The archive with its log on a free port, and a stranger who mirrors it."""
    port = Ports.free().c2s
    place.section = place.section.model_copy(update={"http": ListenSection(port=port)})
    async with place.running() as archive:
        yield archive, Mirror("127.0.0.1", port, place.section.verifier_file.read_text())


async def fill(place: Place, archive: Archive, first: int, last: int) -> None:
    """Commit records and wait until a checkpoint covers them."""
    for start in range(first, last + 1, 500):
        part = batch(EPOCH, *(record(n) for n in range(start, min(start + 499, last) + 1)))
        await archive.commit(SERVER, part)
    await until(lambda: size_of(place, "cosigned") == last + 1)


async def test_a_stranger_mirrors_it_as_it_grows(place: Place) -> None:
    async with served(place) as (archive, mirror):
        assert await asyncio.to_thread(mirror.update) == 0
        for first, last in ((1, 1), (2, 200), (201, 255), (256, 300), (301, 1300)):
            await fill(place, archive, first, last)
            assert await asyncio.to_thread(mirror.update) == last + 1
        assert (await asyncio.to_thread(mirror.checkpoint, "cosigned"))[0] == 1301
        assert "tile/entries/000" in mirror.fetched
        assert "tile/1/000.p/5" in mirror.fetched


async def test_pymerkle_agrees_with_the_root_and_with_a_proof(place: Place) -> None:
    async with served(place) as (archive, mirror):
        await fill(place, archive, 1, 600)
        await asyncio.to_thread(mirror.update)
        size, root = await asyncio.to_thread(mirror.checkpoint)
    tree = InmemoryTree(algorithm="sha256")
    for entry in mirror.entries:
        tree.append_entry(entry)
    assert (tree.get_size(), tree.get_root()) == (size, root)
    verify_inclusion(tree.get_leaf(8), root, tree.prove_inclusion(8, size))


async def test_every_file_of_the_tree_is_served_as_it_lies_there(place: Place) -> None:
    async with served(place) as (archive, mirror):
        await fill(place, archive, 1, 700)
        for level, index, width in tiles_of(701):
            path = tile_path(level, index, width)
            file = (place.section.tiles_dir / path).read_bytes()
            status, headers, body = await asyncio.to_thread(mirror.get, path)
            assert (status, body) == (200, file)
            assert headers["server"] == "xmppgov"
            head = await asyncio.to_thread(mirror.get, path, "HEAD")
            assert head[0] == 200
            assert head[2] == b""
            for name in ("content-length", "content-type", "cache-control"):
                assert head[1][name] == headers[name]
            packed = await asyncio.to_thread(mirror.get, path, **{"Accept-Encoding": "gzip"})
            if level == ENTRIES:
                assert packed[1]["content-encoding"] == "gzip"
                assert packed[1]["vary"] == headers["vary"] == "Accept-Encoding"
                assert gzip.decompress(packed[2]) == file
            else:
                assert "content-encoding" not in packed[1]


async def test_keys_and_policy_are_served_beside_it(place: Place) -> None:
    section = place.section
    async with served(place) as (archive, mirror):
        await fill(place, archive, 1, 3)
        for name, file in (
            ("verifier.vkey", section.verifier_file),
            ("cosigner.vkey", section.cosigner_file),
            ("policy", section.policy_file),
            ("checkpoint", section.tiles_dir / "checkpoint"),
            ("cosigned", section.tiles_dir / "cosigned"),
        ):
            status, headers, body = await asyncio.to_thread(mirror.get, name)
            assert (status, body) == (200, file.read_bytes())
            assert headers["content-type"] == "text/plain; charset=utf-8"
            assert headers["cache-control"] == "no-cache"


async def test_the_protocol_page_says_what_is_served(place: Place) -> None:
    page = (Path(__file__).parents[4] / "docs" / "protocol" / "log.md").read_text("utf-8")
    table = page.split("## Over HTTP")[1].split("GET and HEAD")[0]
    rows = re.findall(r"^\| `([^`]+)` \| `([^`]+)` \| `([^`]+)` \|$", table, re.MULTILINE)
    assert len(rows) == 10
    async with served(place) as (archive, mirror):
        await fill(place, archive, 1, 300)
        for path, kind, caching in rows:
            status, headers, _ = await asyncio.to_thread(mirror.get, path)
            assert (status, headers["content-type"]) == (200, kind), path
            assert headers["cache-control"] == caching


async def test_nothing_else_is_there(place: Place) -> None:
    (place.folder / "log" / "tiles").mkdir(parents=True)
    (place.folder / "log" / "tiles" / ".checkpoint.new").write_text("half")
    async with served(place) as (archive, mirror):
        await fill(place, archive, 1, 600)
        for path in (
            "",
            "tile",
            "tile/",
            "tile/0",
            "tile/0/",
            "tile/0/000/",
            "/checkpoint",
            "checkpoint/",
            "checkpoint?x",
            "Checkpoint",
            "%63heckpoint",
            "tile/0/%30%30%30",
            ".checkpoint.new",
            "tile/../checkpoint",
            "tile/0/../../checkpoint",
            "../keys/signing.key",
            "..%2fkeys/signing.key",
            "%2e%2e/keys/signing.key",
            "tile/0/000.p",
            "tile/0/000.p/",
            "tile/0/000.p/0",
            "tile/0/000.p/256",
            "tile/0/000.p/x",
            "tile/0/0",
            "tile/0/x000/000",
            "tile/00/000",
            "tile/64/000",
            "tile/-1/000",
            "tile/0/003",
            "tile/0/002",
            "tile/0/002.p/90",
            "tile/entries/002.p/90",
            "tile/1/000",
            "tile/1/000.p/3",
            "tile/2/000.p/1",
            "metrics",
            "records.db",
            "signing.key",
        ):
            status, headers, body = await asyncio.to_thread(mirror.get, path)
            assert (status, body) == (404, b""), path
            assert headers["cache-control"] == "no-store"


async def test_it_is_read_only(place: Place) -> None:
    async with served(place) as (archive, mirror):
        await fill(place, archive, 1, 3)
        for method in ("POST", "PUT", "DELETE", "PATCH", "OPTIONS", "PROPFIND"):
            for path in ("checkpoint", "tile/0/000.p/4", "nothing"):
                status, headers, _ = await asyncio.to_thread(mirror.get, path, method)
                assert (status, headers["allow"]) == (405, "GET, HEAD")


async def test_a_partial_tile_goes_when_the_full_one_is_there(place: Place) -> None:
    async with served(place) as (archive, mirror):
        await fill(place, archive, 1, 100)
        assert (await asyncio.to_thread(mirror.get, "tile/0/000.p/101"))[0] == 200
        await fill(place, archive, 101, 300)
        assert (await asyncio.to_thread(mirror.get, "tile/0/000.p/101"))[0] == 404
        assert (await asyncio.to_thread(mirror.get, "tile/0/000"))[0] == 200


async def test_what_is_staged_is_not_served_before_it_is_signed(place: Place) -> None:
    async with served(place) as (archive, mirror):
        await fill(place, archive, 1, 3)
        staged = place.section.tiles_dir / "tile" / "0" / "000.p" / "9"
        staged.write_bytes(bytes(9 * 32))
        assert (await asyncio.to_thread(mirror.get, "tile/0/000.p/9"))[0] == 404
        staged.unlink()


async def test_a_slow_disk_of_readers_slows_no_commit(
    place: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    gate, reading = threading.Event(), threading.Semaphore(0)
    real = http._read

    def slow(*arguments: object) -> bytes | None:
        reading.release()
        gate.wait(20)
        return real(*arguments)  # type: ignore[arg-type]

    async with served(place) as (archive, mirror):
        await fill(place, archive, 1, 3)
        monkeypatch.setattr(http, "_read", slow)
        vkey, port = place.section.verifier_file.read_text(), mirror.connection.port
        with ThreadPoolExecutor(READERS) as threads:
            asked = [
                threads.submit(Mirror("127.0.0.1", port, vkey).get, "checkpoint")
                for _ in range(READERS)
            ]
            await asyncio.to_thread(reading.acquire)
            await asyncio.wait_for(fill(place, archive, 4, 9), 5)
            gate.set()
            answers = await asyncio.gather(*map(asyncio.wrap_future, asked))
            assert {status for status, _, _ in answers} == {200}


async def test_a_taken_port_is_said_before_anything_is_taken(place: Place) -> None:
    async with served(place):
        other = Place(place.folder / "other") if (place.folder / "other").mkdir() is None else place
        other.section = other.section.model_copy(update={"http": place.section.http})
        with pytest.raises(ConfigurationError, match=str(place.section.http.port)):  # type: ignore[union-attr]
            async with other.running():
                pass


@given(st.integers(0, 2**40), st.integers(0, 4), st.data())
def test_a_tile_is_served_exactly_where_the_tree_has_it(
    size: int, level: int, data: st.DataObject
) -> None:
    """A tile of a tree of `size`, whole or partial, or a partial one of a smaller tree."""
    there = size >> (8 * level)
    index = data.draw(st.integers(0, there // WIDTH + 1))
    width = data.draw(st.integers(1, WIDTH))
    smaller = (index * WIDTH + width) << (8 * level)
    assert http._is_within(level, index, width, size) is (smaller <= size)
