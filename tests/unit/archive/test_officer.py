"""Officers' files and sealed codes: what opens, what does not, and what people do to text."""

from __future__ import annotations

import os
import random
from itertools import combinations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from xmppgov.archive.codes import CodeInvalid, open_code, read_code, seal_code
from xmppgov.archive.leaf import ROLES
from xmppgov.archive.officer import (
    Generation,
    KeyBroken,
    KeyFile,
    ShareFile,
    make_generation,
    make_key,
    open_key,
    open_share,
    read_file,
    read_generations,
    write_file,
    write_generations,
)
from xmppgov.archive.sealing import PrivateKey
from xmppgov.archive.shares import Share, combine

CHEAP = 10
REQUEST = "ab" * 32
KEY = PrivateKey(bytes(range(32)))
SHARES = [Share(2, bytes(range(32, 64))), Share(2, bytes(range(64, 96)))]
VKEY = "archive.example+12345678+AAAA"


def officers() -> dict[str, PrivateKey]:
    return {role: PrivateKey(os.urandom(32)) for role in ROLES}


def test_any_two_officers_have_the_key_and_each_share_is_committed_to() -> None:
    keys = officers()
    publics = {role: key.public for role, key in keys.items()}
    generation, files = make_generation(publics, VKEY, os.urandom)
    shares = {file.role: open_share(file, keys[file.role]) for file in files}
    for pair in combinations(ROLES, 2):
        key = PrivateKey(combine([shares[role] for role in pair]))
        assert key.public.raw.hex() == generation.public
    for role, share in shares.items():
        assert generation.has(role, share)
        assert not generation.has(role, share._replace(data=bytes(32)))
        assert not any(generation.has(other, share) for other in ROLES if other != role)
    assert all(shares[role].data.hex() not in write_generations([generation]) for role in ROLES)


def test_a_share_opens_for_its_officer_only_and_as_it_was_made() -> None:
    keys = officers()
    publics = {role: key.public for role, key in keys.items()}
    _, (archivist, dpo, _) = make_generation(publics, VKEY, os.urandom)
    for file, key in (
        (archivist, keys["dpo"]),
        (archivist.model_copy(update={"role": "dpo"}), keys["archivist"]),
        (archivist.model_copy(update={"archive": "evil+1+A"}), keys["archivist"]),
        (archivist.model_copy(update={"x": 2}), keys["archivist"]),
        (archivist.model_copy(update={"box": dpo.box}), keys["archivist"]),
    ):
        with pytest.raises(KeyBroken):
            open_share(file, key)


def test_a_key_opens_with_its_passphrase_only() -> None:
    file, public = make_key("dpo", "correct horse", os.urandom, CHEAP)
    text = write_file(file)
    assert read_file(KeyFile, text) == file
    assert open_key(file, "correct horse").public.raw == public.raw
    assert open_key(file, "correct horse").raw.hex() not in text
    for broken in (
        file.model_copy(update={"role": "security"}),
        file.model_copy(update={"public": "00" * 32}),
        file.model_copy(update={"box": "00" * 48}),
    ):
        with pytest.raises(KeyBroken):
            open_key(broken, "correct horse")
    with pytest.raises(KeyBroken):
        open_key(file, "correct horses")


@given(st.text(max_size=60))
def test_what_is_no_file_is_said(text: str) -> None:
    for model in (KeyFile, ShareFile):
        with pytest.raises(KeyBroken):
            read_file(model, text)


def test_generations_are_written_and_read() -> None:
    keys = {role: key.public for role, key in officers().items()}
    several = [make_generation(keys, VKEY, os.urandom)[0] for _ in range(3)]
    assert read_generations(write_generations(several)) == several
    assert read_generations("ab" * 32 + "\n") == [Generation("ab" * 32, {})]
    line = write_generations(several[:1]).split("\n")
    for wrong in ("", "xy" * 32, "\n".join(line[:2]), "\n".join([*line[:3], line[2]])):
        with pytest.raises(ValueError, match="resolving"):
            read_generations(wrong)


@given(st.sampled_from(ROLES), st.integers(1, 4), st.randoms())
def test_a_code_survives_what_people_do_to_it(role: str, count: int, chance: random.Random) -> None:
    shares = [Share(chance.randrange(1, 256), chance.randbytes(32)) for _ in range(count)]
    code = seal_code(shares, role, REQUEST, KEY.public)
    look = str.maketrans("01", "OI") if chance.random() < 0.5 else str.maketrans("1", "l")
    spoilt = "".join(
        chance.choice(["", " ", "\n", "-", " "]) + chance.choice([c.lower(), c.translate(look)])
        for c in code
    )
    read = read_code(spoilt)
    assert read == read_code(code)
    assert (read.role, open_code(read, REQUEST, KEY)) == (role, shares)


def test_a_code_is_short_and_says_nothing() -> None:
    code = seal_code(SHARES[:1], "dpo", REQUEST, KEY.public)
    assert len("".join(code.split())) == 140
    assert max(map(len, code.split("\n"))) < 45
    assert seal_code(SHARES[:1], "dpo", REQUEST, KEY.public) != code


def test_every_wrong_character_of_a_code_is_found() -> None:
    code = "".join(seal_code(SHARES[:1], "archivist", REQUEST, KEY.public).split())
    for position, letter in enumerate(code):
        other = "7" if letter != "7" else "8"
        with pytest.raises(CodeInvalid):
            read_code(code[:position] + other + code[position + 1 :])
        with pytest.raises(CodeInvalid):
            read_code(code[:position] + code[position + 1 :])


@given(st.text(max_size=400) | st.text("0123456789ABCDEFGHJKMNPQRSTVWXYZU", max_size=400))
def test_what_is_no_code_is_said(text: str) -> None:
    with pytest.raises(CodeInvalid):
        read_code(text)


def test_a_code_opens_for_its_request_and_role_only() -> None:
    code = read_code(seal_code(SHARES, "security", REQUEST, KEY.public))
    assert open_code(code, REQUEST, KEY) == SHARES
    for wrong in (code._replace(role="dpo"), code._replace(box=code.box[:-1] + b"\0")):
        with pytest.raises(CodeInvalid):
            open_code(wrong, REQUEST, KEY)
    with pytest.raises(CodeInvalid):
        open_code(code, "cd" * 32, KEY)
    with pytest.raises(CodeInvalid):
        open_code(code, REQUEST, PrivateKey(bytes(32)))
