"""The officers' page: each example opens with the one before it, its tables are the program's."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from xmppgov.archive.codes import open_code, read_code
from xmppgov.archive.officer import (
    Generation,
    KeyFile,
    ShareFile,
    open_key,
    open_share,
    read_file,
    read_generations,
)
from xmppgov.archive.request import Request, open_request, parse_document
from xmppgov.archive.sealing import PrivateKey
from xmppgov.archive.shares import combine
from xmppgov.config import load
from xmppgov.tlog.note import VerifierKey
from xmppgov_archive.officers.account import AccountFile
from xmppgov_archive.officers.dialogue import Dialogue
from xmppgov_archive.officers.model import NODES
from xmppgov_archive.officers.policy import TRANSITIONS

PAGE = (Path(__file__).parents[2] / "docs" / "protocol" / "officers.md").read_text("utf-8")


def blocks(kind: str) -> list[str]:
    return re.findall(rf"^```{kind}\n(.*?)^```", PAGE, re.DOTALL | re.MULTILINE)


@pytest.fixture
def request_() -> Request:
    return parse_document(blocks("document")[0].strip().encode())


@pytest.fixture
def generation() -> Generation:
    (found,) = read_generations(blocks("resolving")[0])
    return found


def test_the_share_opens_with_the_key_and_is_committed_to(generation: Generation) -> None:
    key = open_key(read_file(KeyFile, blocks("key")[0]), "une phrase assez longue")
    file = read_file(ShareFile, blocks("share")[0])
    assert file.officer == key.public.raw.hex()
    assert generation.has("archivist", open_share(file, key))


def test_the_request_travels_and_has_its_hash(request_: Request) -> None:
    vkey = re.search(r"log's key of this example is `(.*?)`", PAGE)
    assert vkey is not None
    travelled = open_request(blocks("request")[0], [VerifierKey.parse(vkey[1])])
    assert travelled == request_
    assert f"`{request_.hash}`" in PAGE


def test_two_codes_give_the_resolving_key(request_: Request, generation: Generation) -> None:
    private = re.search(r"private key is\n`([0-9a-f]{64})`", PAGE)
    assert private is not None
    key = PrivateKey(bytes.fromhex(private[1]))
    assert key.public.raw.hex() == request_.key
    codes = [read_code(text) for text in blocks("code")]
    assert [code.role for code in codes] == ["archivist", "dpo"]
    shares = [open_code(code, request_.hash, key)[0] for code in codes]
    assert all(generation.has(c.role, s) for c, s in zip(codes, shares, strict=True))
    assert PrivateKey(combine(shares)).public.raw.hex() == generation.public
    assert request_.resolving == generation.public


def test_its_table_is_the_life_of_a_request() -> None:
    rows = re.findall(r"^\| ([a-z]+) \| ([a-z]+) \| ([a-z]+) \|$", PAGE, re.MULTILINE)
    assert set(rows[1:]) == {(*known, after) for known, after in TRANSITIONS.items()}


def test_its_table_has_every_command() -> None:
    dialogue = Dialogue(None, lambda: 0, lambda: 0.0)  # type: ignore[arg-type]
    named = set(re.findall(rf"^\| `{NODES}([a-z]+)` \|", PAGE, re.MULTILINE))
    assert named == {c.node.removeprefix(NODES) for c in dialogue.commands([])} | {
        "request",
        "succession",
    }


def test_its_account_loads(tmp_path: Path) -> None:
    file = tmp_path / "officer.toml"
    file.write_text(blocks("toml")[0])
    account = load(AccountFile, file).officer
    assert account.stream().host == "xmpp.gov.example"
    assert account.archive == "archive.gov.example"
