"""The mark beside a database: read as it was written, whatever write was torn."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from xmppgov.archive.emitter.mark import LINE, MOST_EARLIER, MarkFile
from xmppgov.archive.emitter.model import Mark
from xmppgov.errors import StorageError

numbers = st.integers(0, 2**53 - 1)
earlier = st.lists(st.tuples(numbers, numbers), max_size=MOST_EARLIER).map(tuple)
marks = st.builds(Mark, numbers, numbers, numbers, earlier)
reuse = settings(suppress_health_check=[HealthCheck.function_scoped_fixture])


async def test_there_is_none_at_first(tmp_path: Path) -> None:
    assert MarkFile(tmp_path / "m").mark is None


@reuse
@given(written=st.lists(marks, min_size=1, max_size=5))
async def test_the_last_one_is_read(tmp_path: Path, written: list[Mark]) -> None:
    (path := tmp_path / "m").unlink(missing_ok=True)
    for mark in written:
        await MarkFile(path).write(mark)
        assert MarkFile(path).mark == mark
    assert path.stat().st_mode & 0o777 == 0o600
    assert path.stat().st_size <= 2 * LINE + LINE


@reuse
@given(one=marks, two=marks, torn=marks, cut=st.integers(0, LINE - 1), rest=st.binary(max_size=9))
async def test_a_torn_write_leaves_the_one_before(
    tmp_path: Path, one: Mark, two: Mark, torn: Mark, cut: int, rest: bytes
) -> None:
    (path := tmp_path / "m").unlink(missing_ok=True)
    file = MarkFile(path)
    await file.write(one)
    await file.write(two)
    before = path.read_bytes()
    await file.write(torn)
    after = path.read_bytes()
    start = next(
        at
        for at in range(0, len(after), LINE)
        if after[at:] and (after[at : at + LINE] != before[at : at + LINE])
    )
    partly = after[start : start + cut] + before[start + cut : start + LINE]
    path.write_bytes(after[:start] + partly + after[start + LINE :])
    assert MarkFile(path).mark in (two, torn)
    path.write_bytes(after[:start] + (rest + partly)[:LINE] + after[start + LINE :])
    assert MarkFile(path).mark in (two, torn)


@reuse
@given(st.binary(max_size=3 * LINE))
async def test_anything_else_is_no_mark(tmp_path: Path, data: bytes) -> None:
    (path := tmp_path / "m").write_bytes(data)
    file = MarkFile(path)
    assert file.mark is None
    await file.write(Mark(1, 2, 3))
    assert MarkFile(path).mark == Mark(1, 2, 3)


async def test_the_longest_one_fits(tmp_path: Path) -> None:
    many = tuple((2**32 - 1 - n, 2**53 - 1) for n in range(MOST_EARLIER + 5))
    mark = Mark(2**32 - 1, 2**53 - 1, 2**53 - 1, many)
    file = MarkFile(tmp_path / "m")
    file._turn = 10**12
    await file.write(mark)
    assert MarkFile(tmp_path / "m").mark == mark._replace(earlier=many[5:])


async def test_a_disk_that_does_not_take_it_is_said_once_and_stops_nothing(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = tmp_path / "gone"
    folder.mkdir()
    file = MarkFile(folder / "m")
    folder.rmdir()
    for done in (1, 2):
        await file.write(Mark(7, done, done))
    folder.mkdir()
    await file.write(Mark(7, 3, 3))
    assert MarkFile(folder / "m").mark == file.mark == Mark(7, 3, 3)
    assert capsys.readouterr().out.count("ALARM") == 1


async def test_one_that_cannot_be_read_is_named(tmp_path: Path) -> None:
    (tmp_path / "m").mkdir()
    with pytest.raises(StorageError, match="m: the file cannot be read"):
        MarkFile(tmp_path / "m")
