"""What is published: the newest checkpoint and the newest cosigned one, after faults, too."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.unit.components.archive.test_integrator import Disk
from tests.unit.tlog.notes import COSIGNERS, LOG, ORIGIN, OWN, TIME, W1, W2, W3, policy
from xmppgov.tlog.checkpoint import Checkpoint
from xmppgov.tlog.cosignature import Cosigner
from xmppgov.tlog.note import Note
from xmppgov.tlog.policy import Policy
from xmppgov_archive.log.folder import LogFolder
from xmppgov_archive.log.publication import Publication, merged

EVERY = ("archive", "w1", "w2")


def publication(folder: Path, disk: Disk | None = None, rule: Policy | None = None) -> Publication:
    return Publication(
        folder=LogFolder(folder, disk or Disk()),
        cosigner=OWN,
        policy=rule or policy(),
        clock=lambda: TIME * 1000,
    )


def signed(size: int) -> bytes:
    return Checkpoint(ORIGIN, size, bytes([size]) * 32).sign(LOG)


def with_cosignatures(note: bytes, *cosigners: Cosigner) -> Note:
    parsed = Note.parse(note)
    return merged(parsed, [c.sign(parsed.text, TIME) for c in cosigners])


def shown(folder: Path, name: str) -> tuple[int, set[str]] | None:
    """The size of a published note and who has cosigned it."""
    file = folder / name
    if not file.exists():
        return None
    verdict = policy().judge(file.read_bytes())
    return verdict.checkpoint.size, set(verdict.cosigned)


async def test_cosignatures_come_one_by_one(tmp_path: Path) -> None:
    published = publication(tmp_path)
    await published.publish(signed(1))
    assert shown(tmp_path, "checkpoint") == (1, {"archive"})
    assert shown(tmp_path, "cosigned") is None
    assert not await published.add(with_cosignatures(signed(1), W1))
    assert shown(tmp_path, "checkpoint") == (1, {"archive", "w1"})
    assert await published.add(with_cosignatures(signed(1), W2))
    assert shown(tmp_path, "checkpoint") == shown(tmp_path, "cosigned") == (1, set(EVERY))
    assert await published.add(with_cosignatures(signed(1), W3))
    assert shown(tmp_path, "cosigned") == (1, set(COSIGNERS))


async def test_cosignatures_of_an_older_checkpoint_come_late(tmp_path: Path) -> None:
    published = publication(tmp_path)
    await published.publish(signed(1))
    first = published.newest
    assert first is not None
    await published.publish(signed(2))
    assert await published.add(merged(first, with_cosignatures(signed(1), W1, W2).signatures))
    assert shown(tmp_path, "checkpoint") == (2, {"archive"})
    assert shown(tmp_path, "cosigned") == (1, set(EVERY))
    await published.add(with_cosignatures(signed(2), OWN, W1, W2))
    assert shown(tmp_path, "cosigned") == (2, set(EVERY))
    await published.add(with_cosignatures(signed(1), OWN, W1, W2, W3))
    assert shown(tmp_path, "cosigned") == (2, set(EVERY))
    assert published.cosigned == Checkpoint(ORIGIN, 2, bytes([2]) * 32)


async def test_a_restart_keeps_what_verifies_and_nothing_else(tmp_path: Path) -> None:
    stranger = Cosigner.ed25519("stranger.example", bytes(32))
    wrong = W2.sign(Note.parse(signed(7)).text, TIME)
    good = with_cosignatures(signed(3), OWN, W1)
    others = stranger.sign(good.text, TIME), wrong
    (tmp_path / "checkpoint").write_bytes(merged(good, others).encode())
    published = publication(tmp_path)
    await published.resume(signed(3))
    assert published.newest == good
    assert shown(tmp_path, "checkpoint") == (3, {"archive", "w1"})


async def test_a_restart_writes_nothing_where_all_is_as_it_should_be(tmp_path: Path) -> None:
    published = publication(tmp_path)
    await published.publish(signed(3))
    await published.add(with_cosignatures(signed(3), W1, W2))
    disk = Disk()
    again = publication(tmp_path, disk)
    await again.resume(signed(3))
    assert (disk.count, again.cosigned) == (0, published.cosigned)
    assert (again.newest, again.size) == (published.newest, 3)


@pytest.mark.parametrize("published", [None, b"", b"junk", signed(2), signed(4)])
async def test_a_restart_publishes_what_was_signed_last(
    tmp_path: Path, published: bytes | None
) -> None:
    if published is not None:
        (tmp_path / "checkpoint").write_bytes(published)
    (tmp_path / "cosigned").write_bytes(with_cosignatures(signed(2), OWN, W1, W2).encode())
    resumed = publication(tmp_path)
    await resumed.resume(signed(4))
    assert shown(tmp_path, "checkpoint") == (4, {"archive"})
    assert resumed.cosigned is not None
    assert resumed.cosigned.size == 2


async def test_a_spoilt_cosigned_one_counts_for_nothing(tmp_path: Path) -> None:
    (tmp_path / "cosigned").write_bytes(with_cosignatures(signed(9), OWN, W1).encode())
    published = publication(tmp_path)
    await published.resume(signed(2))
    assert published.cosigned is None
    assert shown(tmp_path, "cosigned") is None
    await published.add(with_cosignatures(signed(2), OWN, W1, W2))
    assert shown(tmp_path, "cosigned") == (2, set(EVERY))


@pytest.mark.parametrize("persisted", [False, True])
@pytest.mark.parametrize("at", range(4))
async def test_each_write_can_fail_and_be_done_again(
    tmp_path: Path, at: int, persisted: bool
) -> None:
    disk = Disk(at, persisted=persisted)
    published = publication(tmp_path, disk)
    steps = [
        lambda: published.publish(signed(1)),
        lambda: published.add(with_cosignatures(signed(1), W1, W2)),
        lambda: published.add(with_cosignatures(signed(1), W3)),
    ]
    failures = 0
    for step in steps:
        try:
            await step()
        except OSError:
            failures += 1
            await step()
    assert failures == 1
    assert shown(tmp_path, "checkpoint") == shown(tmp_path, "cosigned") == (1, set(COSIGNERS))


async def test_without_witnesses_the_logs_own_key_is_enough(tmp_path: Path) -> None:
    published = publication(tmp_path, rule=policy("archive"))
    await published.publish(signed(1))
    assert shown(tmp_path, "cosigned") == (1, {"archive"})
