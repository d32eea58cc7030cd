"""Keys and boxes: generations, keys that were destroyed, boxes that were moved."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from tests.unit.archive.batches import START
from xmppgov.storage.files import destroy_file
from xmppgov_archive.records.keys import KeyRing, body_name
from xmppgov_archive.records.rest import AtRest, BoxBroken, Content

CONTENT = Content(b"d" * 16, b"s" * 32, b"a record")
MONTH, CLASS = "2025-11", "messages"


@pytest.fixture
def keys(tmp_path: Path) -> KeyRing:
    return KeyRing(tmp_path / "keys", os.urandom)


def test_a_row_names_its_key_only_where_it_is_not_the_first(keys: KeyRing) -> None:
    rest = AtRest(keys)
    first, name = rest.seal(7, START, CLASS, CONTENT)
    assert name is None
    keys.renew(MONTH, CLASS, 2)
    second, name = rest.seal(8, START, CLASS, CONTENT)
    assert name == "body2-2025-11-messages"
    assert rest.open(7, START, CLASS, first, None) == CONTENT
    assert rest.open(8, START, CLASS, second, name) == CONTENT
    for index, box, key in ((7, second, name), (8, first, None), (7, first, name)):
        with pytest.raises(BoxBroken):
            rest.open(index, START, CLASS, box, key)


def test_generations_are_those_of_one_month_and_class(keys: KeyRing) -> None:
    wanted = {n: body_name(MONTH, "a", n) for n in (1, 2, 12)}
    others = [("2025-10", "a", 1), (MONTH, "a.b", 2), (MONTH, "2025-11-a", 1), (MONTH, "ba", 3)]
    for name in [*wanted.values(), *(body_name(*other) for other in others), "month-2025-11"]:
        keys.of(name)
    assert keys.bodies(MONTH, "a") == wanted
    assert keys.bodies(MONTH, "a.b") == {2: "body2-2025-11-a.b"}
    assert keys.bodies(MONTH, "axb") == {}
    assert len(keys.names()) == 8


def test_a_destroyed_key_opens_nothing_and_is_nowhere(keys: KeyRing, tmp_path: Path) -> None:
    rest = AtRest(keys)
    box, _ = rest.seal(7, START, CLASS, CONTENT)
    name = body_name(MONTH, CLASS)
    file = tmp_path / "keys" / f"{name}.key"
    secret = file.read_bytes()
    kept = file.open("rb")  # whoever held the file open reads nothing of it
    rest.destroy(name)
    assert not file.exists()
    assert len(left := kept.read()) == len(secret)
    assert not any(left[n : n + 4] in secret for n in range(29))
    kept.close()
    with pytest.raises(BoxBroken):
        rest.open(7, START, CLASS, box, None)
    assert keys.find(name) is None
    assert secret not in b"".join(bytes(c) for c in rest._ciphers)
    rest.destroy(name)  # again, after a crash
    again, _ = rest.seal(7, START, CLASS, CONTENT)
    assert file.read_bytes() != secret
    assert rest.open(7, START, CLASS, again, None) == CONTENT


def test_a_file_that_cannot_be_overwritten_is_not_removed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = tmp_path / "a.key"
    file.write_bytes(b"secret")

    def full(_descriptor: int) -> None:
        raise OSError(5, "Input/output error")

    with monkeypatch.context() as patched:
        patched.setattr(os, "fsync", full)
        with pytest.raises(OSError, match="Input/output"):
            destroy_file(file)
    assert file.exists()
    destroy_file(file)
    assert not file.exists()
    destroy_file(tmp_path / "nowhere" / "b.key")


def test_a_box_with_any_bit_of_it_changed_or_cut_does_not_open(keys: KeyRing) -> None:
    rest = AtRest(keys)
    box, _ = rest.seal(7, START, CLASS, CONTENT)
    for position in range(len(box) * 8):
        flipped = bytearray(box)
        flipped[position // 8] ^= 1 << position % 8
        with pytest.raises(BoxBroken):
            rest.open(7, START, CLASS, bytes(flipped), None)
    for end in range(len(box)):
        with pytest.raises(BoxBroken):
            rest.open(7, START, CLASS, box[:end], None)
