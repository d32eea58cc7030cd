"""The rules of tlog-witness, asked over HTTP and compared with a model written from them."""

from __future__ import annotations

import asyncio
import tempfile
from dataclasses import dataclass
from pathlib import Path

import pytest
from aiohttp.test_utils import TestClient
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.unit.components.witness.conftest import KEYS, served
from tests.unit.components.witness.histories import (
    FORK,
    LOG,
    MAIN,
    NOW,
    ORIGIN,
    STRANGER,
    WHOLE,
    History,
    signed_by,
)
from xmppgov.tlog.checkpoint import Checkpoint
from xmppgov.tlog.cosignature import cosignatures
from xmppgov.tlog.note import Note, SigningKey, open_note
from xmppgov.tlog.witness import AddCheckpoint, checkpoint_path, parse_conflict, parse_cosignatures

PATH = "/" + checkpoint_path(ORIGIN)
SIGNERS = {
    "log": [LOG],
    "log and others": [SigningKey("x.example/w", bytes(32)), LOG],
    "a stranger": [STRANGER],
}
PROOFS = ("right", "empty", "longer", "shorter", "changed")


@dataclass(frozen=True)
class Asked:
    """One request, in the terms of the specification."""

    history: History
    old: int
    size: int
    origin: str
    signer: str
    proof: str
    root: bytes | None

    @property
    def hashes(self) -> tuple[bytes, ...]:
        right = self.history.proof(self.old, self.size)
        return {
            "right": right,
            "empty": (),
            "longer": (*right, bytes(32)),
            "shorter": right[:-1],
            "changed": (bytes(32), *right[1:]),
        }[self.proof]

    @property
    def checkpoint(self) -> Checkpoint:
        checkpoint = self.history.checkpoint(self.size, self.origin)
        return Checkpoint(self.origin, self.size, self.root or checkpoint.root)

    def body(self) -> bytes:
        text = self.checkpoint.text()
        if self.signer == "the log, wrongly":
            note = Note(text, (LOG.sign("other\n"),)).encode()
        else:
            note = signed_by(text, SIGNERS[self.signer])
        return AddCheckpoint(self.old, self.hashes, note).encode()


@dataclass
class Model:
    """What a witness has cosigned last, and what the specification says of a request."""

    leaves: tuple[bytes, ...] = ()

    def status(self, asked: Asked) -> int:
        if asked.origin != ORIGIN:
            return 404
        if not asked.signer.startswith("log"):
            return 403
        if asked.old > asked.size:
            return 400
        if asked.old != len(self.leaves):
            return 409
        return 200 if self._extends(asked) else 422

    def _extends(self, asked: Asked) -> bool:
        honest = asked.checkpoint == asked.history.checkpoint(asked.size)
        if asked.old == 0:
            return not asked.hashes and (honest or asked.size > 0)
        same = asked.history.leaves[: asked.old] == self.leaves
        return honest and same and asked.hashes == asked.history.proof(asked.old, asked.size)


ASKED = st.builds(
    Asked,
    history=st.sampled_from([MAIN, MAIN, FORK]),
    old=st.integers(0, WHOLE),
    size=st.integers(0, WHOLE),
    origin=st.sampled_from([ORIGIN] * 9 + ["unknown.example/log"]),
    signer=st.sampled_from(["log"] * 9 + ["log and others", "a stranger", "the log, wrongly"]),
    proof=st.sampled_from(["right"] * 6 + list(PROOFS)),
    root=st.none() | st.sampled_from([bytes(32), None, None, None]),
)


async def _compare(client: TestClient, model: Model, asked: Asked) -> None:
    expected = model.status(asked)
    response = await client.post("/add-checkpoint", data=asked.body())
    body = await response.read()
    assert response.status == expected, (asked, body)
    if expected == 409:
        assert parse_conflict(body) == len(model.leaves)
        assert body == b"%d\n" % len(model.leaves)
        assert response.headers["Content-Type"] == "text/x.tlog.size"
    if expected == 200:
        text = asked.checkpoint.text()
        assert len(parse_cosignatures(text, body, KEYS)) == len(KEYS)
        served = await (await client.get(PATH)).read()
        note = open_note(served, [LOG.verifier, *KEYS])
        assert note.text == text
        assert cosignatures(note, KEYS) == dict.fromkeys(KEYS, NOW)
        assert Note(text, (LOG.sign(text),)).encode() + body == served
        model.leaves = asked.history.leaves[: asked.size]


async def _play(steps: list[Asked | int]) -> None:
    with tempfile.TemporaryDirectory() as folder:
        async with served(Path(folder) / "witness.db") as client:
            model = Model()
            for step in steps:
                if isinstance(step, int):  # an honest log that goes on from where it is
                    old, size = len(model.leaves), min(len(model.leaves) + step, WHOLE)
                    whose = FORK if model.leaves == FORK.leaves[:old] else MAIN
                    step = Asked(whose, old, size, ORIGIN, "log", "right", None)
                await _compare(client, model, step)
                if step.root is not None and step.size and len(model.leaves) == step.size:
                    return  # it has cosigned a first tree that is of no history here


@settings(max_examples=150)
@given(st.lists(ASKED | st.integers(0, 4), max_size=8))
def test_every_request_is_answered_as_the_specification_says(steps: list[Asked | int]) -> None:
    asyncio.run(_play(steps))


GOOD = MAIN.request(0, 3)
HEAD, NOTE = GOOD.split(b"\n\n", 1)
HASH = b"47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU="


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"\n",
        b"old 0\n",
        b"old 0\n\n",
        HEAD + b"\n" + NOTE,
        b"\n\n" + NOTE,
        b"old\n\n" + NOTE,
        b"old \n\n" + NOTE,
        b"old 00\n\n" + NOTE,
        b"old 01\n\n" + NOTE,
        b"old -1\n\n" + NOTE,
        b"old +1\n\n" + NOTE,
        b"old 0 \n\n" + NOTE,
        b" old 0\n\n" + NOTE,
        b"Old 0\n\n" + NOTE,
        b"old 0\r\n\r\n" + NOTE,
        b"old 9223372036854775808\n\n" + NOTE,
        b"old \xd9\xa1\n\n" + NOTE,
        b"old 0\nAAAA\n\n" + NOTE,
        b"old 0\n" + HASH[:-1] + b"\n\n" + NOTE,
        b"old 0\n" + HASH[:-2] + b"V=\n\n" + NOTE,
        b"old 0\n" + HASH + b" \n\n" + NOTE,
        b"old 0\n" + (HASH + b"\n") * 64 + b"\n" + NOTE,
        b"old 0\n\n" + NOTE[:-1],
        b"old 0\n\n" + NOTE.split(b"\n\n")[0] + b"\n",
        b"old 0\n\n" + NOTE.replace(b"\n3\n", b"\n03\n"),
        b"old 0\n\n" + NOTE.replace(b"\n3\n", b"\n9223372036854775808\n"),
        b"old 0\n\n" + NOTE.replace(b"\n3\n", b"\n"),
        b"old 0\n\n\xff" + NOTE,
        b"old 0\n\n\n" + NOTE,
    ],
)
async def test_malformed_requests_are_bad(body: bytes, tmp_path: Path) -> None:
    async with served(tmp_path / "witness.db") as client:
        assert (await client.post("/add-checkpoint", data=body)).status == 400
        assert (await client.get(PATH)).status == 404
        assert (await client.post("/add-checkpoint", data=GOOD)).status == 200


@settings(max_examples=60)
@given(st.binary(max_size=80) | st.integers(0, len(GOOD) - 1))
def test_no_bytes_break_it(data: bytes | int) -> None:
    """Nothing but an answer of the specification comes, whatever comes in."""
    body = bytearray(GOOD) if isinstance(data, int) else bytearray(data)
    if isinstance(data, int):
        body[data] ^= 1

    async def ask() -> int:
        with tempfile.TemporaryDirectory() as folder:
            async with served(Path(folder) / "witness.db") as client:
                return (await client.post("/add-checkpoint", data=bytes(body))).status

    assert asyncio.run(ask()) in (400, 403, 404, 409)


async def test_the_first_checkpoint_may_be_of_nothing(tmp_path: Path) -> None:
    async with served(tmp_path / "witness.db") as client:
        for body, status in (
            (MAIN.request(0, 0), 200),
            (MAIN.request(0, 0), 200),
            (AddCheckpoint(0, (bytes(32),), MAIN.note(2)).encode(), 422),
            (AddCheckpoint(0, (), Checkpoint(ORIGIN, 0, bytes(32)).sign(LOG)).encode(), 422),
            (MAIN.request(0, 4), 200),
            (MAIN.request(0, 0), 409),
            (MAIN.request(4, 4), 200),
            (FORK.request(4, 9), 200),
            (MAIN.request(9, 9), 422),
        ):
            assert (await client.post("/add-checkpoint", data=body)).status == status


async def test_only_the_two_paths_and_methods_are_there(tmp_path: Path) -> None:
    async with served(tmp_path / "witness.db") as client:
        await client.post("/add-checkpoint", data=GOOD)
        assert (await client.get(PATH)).status == 200
        for method, path, status in (
            ("GET", "/add-checkpoint", 405),
            ("PUT", "/add-checkpoint", 405),
            ("POST", PATH, 405),
            ("GET", "/", 404),
            ("GET", PATH.upper(), 404),
            ("GET", PATH + "/", 404),
            ("GET", "/" + "0" * 64 + "/checkpoint", 404),
            ("GET", "/../witness.db", 404),
            ("POST", "/add-checkpoint/", 404),
        ):
            assert (await client.request(method, path)).status == status, (method, path)


async def test_a_large_body_is_cut_off(tmp_path: Path) -> None:
    async with served(tmp_path / "witness.db") as client:
        large = await client.post("/add-checkpoint", data=b"x" * 300_000)
        assert large.status == 413


async def test_a_refusal_is_said_in_the_readers_language(tmp_path: Path) -> None:
    async with served(tmp_path / "witness.db") as client:
        body = GOOD.replace(ORIGIN.encode(), b"other")
        for language, word in (("fr-FR,fr;q=0.9", "témoin"), ("en", "witness")):
            headers = {"Accept-Language": language}
            response = await client.post("/add-checkpoint", data=body, headers=headers)
            assert word in await response.text()
