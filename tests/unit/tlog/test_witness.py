"""What log and witness say to each other: round trips, and answers that are none."""

from __future__ import annotations

from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.unit.tlog.notes import CHECKPOINT, LOG, OWN, TIME, W1, W2, W3
from xmppgov.tlog.checkpoint import LARGEST_SIZE
from xmppgov.tlog.errors import RequestInvalid
from xmppgov.tlog.witness import (
    AddCheckpoint,
    checkpoint_path,
    parse_conflict,
    parse_cosignatures,
)

TEXT = CHECKPOINT.text()
HASHES = st.lists(st.binary(min_size=32, max_size=32), max_size=63).map(tuple)
EXAMPLE = """old 20852014
PlRNCrwHpqhGrupue0L7gxbjbMiKA9temvuZZDDpkaw=
jrJZDmY8Y7SyJE0MWLpLozkIVMSMZcD5kvuKxPC3swk=
5+pKlUdi2LeF/BcMHBn+Ku6yhPGNCswZZD1X/6QgPd8=
/6WVhPs2CwSsb5rYBH5cjHV/wSmA79abXAwhXw3Kj/0=

example.com/behind-the-sofa
20852163
CsUYapGGPo4dkMgIAUqom/Xajj7h2fB2MPA3j2jxq2I=

— example.com/behind-the-sofa \
Az3grlgtzPICa5OS8npVmf1Myq/5IZniMp+ZJurmRDeOoRDe4URYN7u5/Zhcyv2q1gGzGku9nTo+zyWE+xeMcTOAYQ8=
"""


def test_the_example_of_the_specification() -> None:
    request = AddCheckpoint.parse(EXAMPLE.encode())
    assert (request.old, len(request.proof)) == (20852014, 4)
    assert request.checkpoint.startswith(b"example.com/behind-the-sofa\n")
    assert request.encode() == EXAMPLE.encode()


@given(st.integers(0, LARGEST_SIZE), HASHES, st.binary(max_size=40))
def test_a_request_is_read_as_it_was_written(
    old: int, proof: tuple[bytes, ...], note: bytes
) -> None:
    request = AddCheckpoint(old, proof, note)
    assert AddCheckpoint.parse(request.encode()) == request


@given(st.binary(max_size=80) | st.integers(0, 300))
def test_a_request_that_is_read_is_written_as_it_was(data: bytes | int) -> None:
    body = data if isinstance(data, bytes) else EXAMPLE.encode()[:data] + b"A\n\n"
    try:
        request = AddCheckpoint.parse(body)
    except RequestInvalid:
        return
    assert request.encode() == body


@given(st.integers(0, LARGEST_SIZE), st.binary(max_size=30))
def test_sizes_of_a_conflict(size: int, junk: bytes) -> None:
    assert parse_conflict(b"%d\n" % size) == size
    with suppress(RequestInvalid):
        assert b"%d\n" % parse_conflict(junk) == junk
    for wrong in (b"%d" % size, b"0%d\n" % size, b"%d\n\n" % size, b"", b"1" * 40 + b"\n"):
        with pytest.raises(RequestInvalid):
            parse_conflict(wrong)


def _body(*lines: str) -> bytes:
    return "".join(lines).encode()


def test_cosignatures_by_known_keys_are_taken_and_others_ignored() -> None:
    mine = W1.sign(TEXT, TIME)
    body = _body(W2.sign("o\n1\n" + TEXT.split("\n")[2] + "\n", TIME).line(), mine.line())
    assert parse_cosignatures(TEXT, body, [W1.verifier]) == [mine]
    both = _body(mine.line(), W3.sign(TEXT, TIME).line())
    assert len(parse_cosignatures(TEXT, both, [W1.verifier, W3.verifier])) == 2


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"\n",
        b"<html>\n",
        W1.sign(TEXT, TIME).line().encode()[:-1],
        W2.sign(TEXT, TIME).line().encode(),
        W1.sign(TEXT, 0).line().encode(),
        W1.sign(TEXT.replace("\n1\n", "\n2\n"), TIME).line().encode(),
        LOG.sign(TEXT).line().encode(),
        OWN.sign(TEXT, TIME).line().encode(),
        b"x\n\n" + W1.sign(TEXT, TIME).line().encode(),
        W1.sign(TEXT, TIME).line().encode() + b"junk\n",
    ],
)
def test_an_answer_without_the_cosignature_is_refused(body: bytes) -> None:
    with pytest.raises(RequestInvalid):
        parse_cosignatures(TEXT, body, [W1.verifier])


def test_the_path_of_a_log_at_a_witness() -> None:
    path = checkpoint_path("example.com/behind-the-sofa")
    assert path.endswith("/checkpoint")
    assert len(path) == 64 + len("/checkpoint")
    assert path != checkpoint_path("example.com/behind-the-sofa\n")
