"""Daily time stamps of a real authority: kept, verified, and never in anybody's way."""

from __future__ import annotations

import asyncio
import shutil
import sys
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from aiohttp import web

from tests.conftest import require_program
from tests.unit.archive.batches import batch, record
from tests.unit.components.archive.authority import Authority, served
from tests.unit.components.archive.conftest import EPOCH, SERVER, Place
from tests.unit.components.archive.cosigning import backed_up, size_of, until
from tests.unit.components.archive.test_integrator import Disk
from xmppgov.errors import ConfigurationError
from xmppgov_archive.config import TimestampSection
from xmppgov_archive.log import timestamps
from xmppgov_archive.log.folder import LogFolder
from xmppgov_archive.log.timestamps import Timestamps
from xmppgov_archive.log.tokens import Tokens

pytest.importorskip("rfc3161_client", reason="pip install rfc3161-client")
DAY = 86_400_000  # milliseconds


@pytest.fixture(autouse=True)
def brief(monkeypatch: pytest.MonkeyPatch) -> None:
    """Pauses of a test, not of a night."""
    monkeypatch.setattr(timestamps, "FIRST_PAUSE", 0.02)
    monkeypatch.setattr(timestamps, "LONGEST_PAUSE", 0.1)
    monkeypatch.setattr(timestamps, "CHECK", 0.02)
    monkeypatch.setattr(timestamps, "PATIENCE", 0.5)


@pytest.fixture
async def authority(place: Place, request: pytest.FixtureRequest) -> AsyncIterator[Authority]:
    """An authority that the archive is configured to ask."""
    require_program(request.config, "openssl")
    one = Authority(place.folder / "tsa")
    async with served(one):
        section = TimestampSection(url=one.url, ca_file=one.ca_file)
        place.section = place.section.model_copy(update={"timestamps": section})
        yield one


def tokens(place: Place) -> list[str]:
    return sorted(file.name for file in place.section.timestamps_dir.glob("*.tsr"))


async def test_each_day_has_its_token(place: Place, authority: Authority) -> None:
    folder = place.section.timestamps_dir
    async with place.running() as archive:
        await archive.commit(SERVER, batch(EPOCH, record(1)))
        await until(lambda: tokens(place) == ["2025-11-23.tsr"])
        await until(lambda: size_of(place, "cosigned") == 2)
        place.now += DAY
        await until(lambda: len(tokens(place)) == 2)
        asked = authority.asked
        await archive.commit(SERVER, batch(EPOCH, record(2)))
        await until(lambda: size_of(place, "cosigned") >= 3)
        assert (authority.asked, len(tokens(place))) == (asked, 2)
    for day in ("2025-11-23", "2025-11-24"):
        assert authority.verified(folder / f"{day}.cosigned", folder / f"{day}.tsr")
    assert not authority.verified(folder / "2025-11-23.cosigned", folder / "2025-11-24.tsr")
    assert (await place.verify()).total == 0


async def test_verify_finds_a_token_of_something_else(place: Place, authority: Authority) -> None:
    folder = place.section.timestamps_dir
    async with place.running():
        await until(lambda: len(tokens(place)) == 1)
    token = folder / "2025-11-23.tsr"
    real = token.read_bytes()
    other = authority.stamp(Tokens(authority.ca_file).request(b"something else").as_bytes())
    for wrong in (b"", b"junk", real[:-1], other):
        token.write_bytes(wrong)
        assert (await place.verify()).counts == {"timestamp-invalid": 1}
    token.write_bytes(real)
    assert (await place.verify()).total == 0
    (folder / "2025-11-23.cosigned").unlink()
    assert (await place.verify()).counts == {"timestamp-invalid": 1, "history": 1}


async def test_verify_finds_that_the_log_is_not_what_was_stamped(
    place: Place, authority: Authority
) -> None:
    await place.fill(batch(EPOCH, record(1)))
    for folder in backed_up(place):
        shutil.copytree(folder, place.folder / "backup" / folder.name)
    async with place.running() as archive:
        await archive.commit(SERVER, batch(EPOCH, record(2)))
        await until(lambda: size_of(place, "cosigned") == 3)
        place.now += DAY
        await until(lambda: len(tokens(place)) == 2)
    for folder in backed_up(place):
        shutil.rmtree(folder)
        shutil.copytree(place.folder / "backup" / folder.name, folder)
    report = await place.verify()
    assert report.counts == {"history": 1}
    assert report.findings[0].where == "timestamp 2025-11-24"


@pytest.mark.parametrize(
    "answer",
    [
        {"status": 500},
        {"status": 302, "headers": {"Location": "/elsewhere"}},
        {"body": b""},
        {"body": b"<html>"},
        {"body": b"x" * 1_000_000},
    ],
    ids=["a fault", "a detour", "nothing", "a page", "very much"],
)
async def test_an_answer_that_is_none_is_not_kept(
    place: Place, authority: Authority, answer: dict
) -> None:
    authority.answer = web.Response(**answer)
    async with place.running() as archive:
        await until(lambda: authority.asked > 1)
        await asyncio.wait_for(archive.commit(SERVER, batch(EPOCH, record(1))), 2)
        await until(lambda: size_of(place, "cosigned") == 2)
        assert not place.section.timestamps_dir.exists()
        authority.answer = None
        await until(lambda: len(tokens(place)) == 1)


async def test_an_old_answer_is_not_taken_for_a_new_one(place: Place, authority: Authority) -> None:
    """The token of an earlier query over the same note has another nonce."""
    async with place.running():
        await until(lambda: len(tokens(place)) == 1)
        note = (place.section.timestamps_dir / "2025-11-23.cosigned").read_bytes()
        old = authority.stamp(Tokens(authority.ca_file).request(note).as_bytes())
        authority.answer = web.Response(body=old)
        asked = authority.asked
        place.now += DAY
        await until(lambda: authority.asked > asked + 1)
        assert len(tokens(place)) == 1


async def test_another_authority_is_not_believed(place: Place, authority: Authority) -> None:
    stranger = Authority(place.folder / "stranger")
    section = TimestampSection(url=authority.url, ca_file=stranger.ca_file)
    place.section = place.section.model_copy(update={"timestamps": section})
    async with place.running():
        await until(lambda: authority.asked > 1)
    assert not place.section.timestamps_dir.exists()


@pytest.mark.parametrize("persisted", [False, True])
@pytest.mark.parametrize("at", [0, 1])
async def test_each_write_can_fail_and_the_day_is_done_again(
    place: Place, authority: Authority, at: int, persisted: bool
) -> None:
    place.section = place.section.model_copy(update={"timestamps": None})
    await place.fill(batch(EPOCH, record(1)))
    disk, folder = Disk(at, persisted=persisted), place.section.timestamps_dir
    stamping = Timestamps(
        folder=LogFolder(place.section.tiles_dir),
        kept=folder,
        url=authority.url,
        tokens=Tokens(authority.ca_file),
        clock=lambda: place.now,
        write=disk,
    )
    async with stamping:
        await until(lambda: len(tokens(place)) == 1 and disk.count >= 2)
    assert authority.verified(folder / "2025-11-23.cosigned", folder / "2025-11-23.tsr")


def test_what_is_missing_is_said(
    place: Place, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "no.pem").write_text("nothing")
    for file in (tmp_path / "no.pem", tmp_path / "missing.pem"):
        with pytest.raises(ConfigurationError, match="pem"):
            Tokens(file)
    monkeypatch.setitem(sys.modules, "rfc3161_client", None)
    with pytest.raises(ConfigurationError, match="pip install"):
        Tokens(tmp_path / "no.pem")
