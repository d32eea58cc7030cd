"""What an address is: capture and archive agree, so the archive refuses no record for one."""

from __future__ import annotations

import xml.etree.ElementTree as ET
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.unit.prosody.test_capture_libraries import lua
from xmppgov.archive.stanza import parse_batch
from xmppgov.errors import BadRequest

BLANKS = " \t\n\r\v\f\x1c\x1f\x7f\x80\x85\x9f\xa0\u1680\u2000\u200a\u2028\u2029\u202f\u205f\u3000"
GOOD = [
    "alice@gov.example",
    "gov.example",
    "a@b",
    "x",
    "élodie@éducation.example",
    "李@例え.テスト",
    "a\u200bb@gov.example",
    "\U0001f600@gov.example",
    "o'neil&co@gov.example",
    "[::1]",
    "a" * 1023 + "@" + "b" * 1023,
    "é" * 511 + "@gov.example",
]
BAD = [
    "",
    "@",
    "a@",
    "@gov.example",
    "a@b@c",
    "a/b",
    "alice@gov.example/phone",
    "a" * 1024,
    "a" * 1024 + "@b",
    "a@" + "b" * 1024,
    "é" * 512 + "@gov.example",
    "é" * 512,
    *(f"bob@gov{blank}example" for blank in BLANKS),
    *(f"b{blank}b@gov.example" for blank in BLANKS),
]
IS_BARE = """
local address = module:require "address"
for i = 3, #arg do print(address.is_bare(unhex(arg[i]))) end
"""


def archive_takes(address: str) -> bool:
    """Whether the archive takes a record with this address, in each of its places."""
    record = {"seq": "1", "id": "019ab0c4-7d6e-7c55-8f0e-5a1f5be0c7aa", "t": "1", "path": "c2s"}
    record |= {"kind": "muc-pm", "size": "1", "enc": "none", "state": "accepted"}
    places = {"from": "x", "to": "x", "room": "x"}
    verdicts = set()
    for place in places:
        batch = ET.Element("batch", {"epoch": "1", "first": "1", "last": "1"})
        ET.SubElement(batch, "{urn:xmppgov:archive:0}record", record | places | {place: address})
        try:
            parse_batch(batch)
            verdicts.add(True)
        except BadRequest:
            verdicts.add(False)
    (verdict,) = verdicts
    return verdict


def capture_takes(folder: Path, addresses: list[str]) -> list[bool]:
    """Whether the capture writes each address into a record."""
    printed = lua(folder, IS_BARE, *(address.encode().hex() for address in addresses))
    return [word == "true" for word in printed.split()]


@pytest.mark.parametrize(("addresses", "verdict"), [(GOOD, True), (BAD, False)])
def test_examples(tmp_path: Path, addresses: list[str], verdict: bool) -> None:
    assert [a for a in addresses if archive_takes(a) is not verdict] == []
    taken = capture_takes(tmp_path, addresses)
    assert [a for a, took in zip(addresses, taken, strict=True) if took is not verdict] == []


@settings(max_examples=10)
@given(
    addresses=st.lists(
        st.text(st.characters(exclude_categories=["Cs"]), max_size=12)
        | st.text("ab@/ \u3000é", max_size=6),
        min_size=30,
        max_size=30,
    )
)
def test_both_agree(tmp_path_factory: pytest.TempPathFactory, addresses: list[str]) -> None:
    taken = capture_takes(tmp_path_factory.mktemp("lua"), addresses)
    assert taken == [archive_takes(address) for address in addresses]


def test_broken_utf8_is_no_address(tmp_path: Path) -> None:
    broken = [b"\xff", b"a\xc3", b"\xed\xa0\x80@b", b"a@\xf5\x80\x80\x80", b"\xc0\xafx"]
    printed = lua(tmp_path, IS_BARE, *(address.hex() for address in broken))
    assert printed.split() == ["false"] * len(broken)
