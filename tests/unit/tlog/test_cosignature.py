"""Cosignatures: the vectors of the protocol page, round trips of keys, every bit, refusals."""

from __future__ import annotations

import struct

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.unit.tlog.notes import (
    CHECKPOINT,
    COSIGNERS,
    LOG,
    ORIGIN,
    OWN,
    TIME,
    VECTORS,
    W1,
    W2,
    W3,
    cosigned,
    policy,
)
from xmppgov.tlog.checkpoint import Checkpoint
from xmppgov.tlog.cosignature import (
    LATEST_TIME,
    Cosigner,
    Ed25519CosignerKey,
    MldsaCosignerKey,
    cosignatures,
    cosigned_at,
    parse_key,
    parse_private,
)
from xmppgov.tlog.errors import NoteInvalid
from xmppgov.tlog.note import Note, SigningKey, VerifierKey, open_note

NAMES = st.text(
    st.characters(
        codec="utf-8", exclude_categories=["Zs", "Zl", "Zp", "Cc"], exclude_characters="+"
    ),
    min_size=1,
    max_size=40,
)
SEEDS = st.binary(min_size=32, max_size=32)
CHECKPOINTS = st.builds(
    Checkpoint, NAMES, st.integers(0, 2**60), st.binary(min_size=32, max_size=32)
)
PRIVATE = {1: SigningKey, 4: Cosigner.ed25519, 6: Cosigner.mldsa}
PUBLIC = {1: (VerifierKey, 32), 4: (Ed25519CosignerKey, 32), 6: (MldsaCosignerKey, 1312)}


def test_the_keys_of_the_vectors_follow_from_their_seeds() -> None:
    for vector in VECTORS["keys"]:
        kind = parse_key(vector["vkey"]).TYPE
        made = PRIVATE[kind](vector["vkey"].split("+")[0], bytes.fromhex(vector["seed"]))
        assert str(made.verifier) == vector["vkey"]
        assert made.encode() == vector["private"]
        assert parse_private(vector["private"]).verifier == parse_key(vector["vkey"])


def _message(kind: int, name: str, time: int, text: str) -> bytes:
    """What is signed, written down from the specification once more."""
    if kind == 4:
        return b"cosignature/v1\ntime %d\n%s" % (time, text.encode())
    origin = VECTORS["checkpoint"]["origin"].encode()
    head = b"subtree/v1\n\0" + struct.pack(f">B{len(name)}sQ", len(name), name.encode(), time)
    tail = struct.pack(f">B{len(origin)}sQQ", len(origin), origin, 0, VECTORS["checkpoint"]["size"])
    return head + tail + bytes.fromhex(VECTORS["checkpoint"]["root"])


def test_the_messages_of_the_vectors_are_those_of_the_specification() -> None:
    keys = {vector["use"]: parse_key(vector["vkey"]) for vector in VECTORS["keys"]}
    text = VECTORS["checkpoint"]["text"]
    for vector in VECTORS["cosigned_messages"]:
        key, time = keys[vector["key"]], vector["time"]
        assert bytes.fromhex(vector["message"]) == _message(key.TYPE, key.name, time, text)
        assert isinstance(key, Ed25519CosignerKey | MldsaCosignerKey)
        assert bytes.fromhex(vector["message"]) == key.message(key.name, text, time)


def test_the_note_of_the_vectors_verifies_for_every_key() -> None:
    keys = [parse_key(vector["vkey"]) for vector in VECTORS["keys"]]
    note = open_note(VECTORS["cosigned"].encode(), keys)
    assert note.text == VECTORS["checkpoint"]["text"]
    cosigners = [k for k in keys if isinstance(k, Ed25519CosignerKey | MldsaCosignerKey)]
    times = {key.name: time for key, time in cosignatures(note, cosigners).items()}
    assert times == {
        ORIGIN: TIME,
        "temoin.example/w1": TIME + 1,
        "witness.example/w3": TIME + 2,
    }


def test_ed25519_signatures_of_the_vectors_are_made_again() -> None:
    text = VECTORS["checkpoint"]["text"]
    assert LOG.sign(text).line() in VECTORS["cosigned"]
    assert W1.sign(text, TIME + 1).line() in VECTORS["cosigned"]


@given(st.sampled_from([1, 4, 6]), NAMES, st.data())
def test_a_key_is_read_as_it_was_written(kind: int, name: str, data: st.DataObject) -> None:
    make, size = PUBLIC[kind]
    key = make(name, data.draw(st.binary(min_size=size, max_size=size)))
    assert parse_key(str(key)) == make.parse(f" {key}\n") == key
    for other, _ in PUBLIC.values():
        if other is not make:
            with pytest.raises(NoteInvalid):
                other.parse(str(key))


@given(st.sampled_from([1, 4, 6]), NAMES, SEEDS)
def test_a_private_key_is_read_as_it_was_written(kind: int, name: str, seed: bytes) -> None:
    key = PRIVATE[kind](name, seed)
    again = parse_private(key.encode())
    assert type(again) is type(key)
    assert (again.verifier, again.encode()) == (key.verifier, key.encode())
    changed = key.encode().replace(key.verifier.key_id.hex(), "00000000", 1)
    for wrong in (changed, key.encode()[1:], str(key.verifier), key.encode()[:-8]):
        with pytest.raises(NoteInvalid):
            parse_private(wrong)


@given(st.text(max_size=60) | st.binary(max_size=60).map(lambda b: b.decode("latin-1")))
def test_no_text_breaks_the_reader_of_keys(text: str) -> None:
    for read in (parse_key, parse_private, Cosigner.parse, VerifierKey.parse):
        with pytest.raises(NoteInvalid):
            read(text)


@given(CHECKPOINTS, st.integers(0, LATEST_TIME), st.sampled_from([W1, W3]))
def test_a_cosignature_verifies_and_says_when(
    checkpoint: Checkpoint, time: int, cosigner: Cosigner
) -> None:
    signature = cosigner.sign(checkpoint.text(), time)
    assert cosigner.verifier.verify(checkpoint.text(), signature.value)
    assert cosigned_at(signature.value) == time
    other = Checkpoint(checkpoint.origin, checkpoint.size + 1, checkpoint.root)
    assert not cosigner.verifier.verify(other.text(), signature.value)
    assert not cosigner.verifier.verify("no checkpoint\n", signature.value)


def test_one_seed_under_two_names_or_types_is_two_keys() -> None:
    text = CHECKPOINT.text()
    seed = bytes(range(64, 96))
    value = W1.sign(text, TIME).value
    assert VerifierKey(ORIGIN, W1.verifier.public).key_id != W1.verifier.key_id
    assert not VerifierKey(ORIGIN, W1.verifier.public).verify(text, value)
    assert not VerifierKey(ORIGIN, W1.verifier.public).verify(text, value[8:])
    renamed = MldsaCosignerKey("someone.example/else", W3.verifier.public)
    assert not renamed.verify(text, W3.sign(text, TIME).value)  # the message names the cosigner
    assert Cosigner.mldsa("a", seed).verifier.key_id != Cosigner.ed25519("a", seed).verifier.key_id


def test_every_flipped_bit_of_a_cosigned_note_is_found() -> None:
    """Whatever bit of text or signatures flips, the note is refused or the policy is not met."""
    whole = cosigned("archive", "w1", "w2").encode()
    wanted = policy()
    assert wanted.judge(whole).satisfied
    for position in range(len(whole) * 8):
        flipped = bytearray(whole)
        flipped[position // 8] ^= 1 << position % 8
        try:
            assert not wanted.judge(bytes(flipped)).satisfied, position
        except NoteInvalid:
            continue


@pytest.mark.parametrize("cosigner", COSIGNERS.values(), ids=COSIGNERS)
def test_a_value_that_is_too_short_or_too_late_is_no_cosignature(cosigner: Cosigner) -> None:
    text = CHECKPOINT.text()
    value = cosigner.sign(text, TIME).value
    for cut in (value[:-1], value[:8], value[:5], value + b"\0", value[8:]):
        assert not cosigner.verifier.verify(text, cut)
    late = cosigner.sign(text, LATEST_TIME + 1).value
    assert not cosigner.verifier.verify(text, late)
    assert cosigner.verifier.verify(text, cosigner.sign(text, LATEST_TIME).value)


def test_the_latest_of_two_cosignatures_by_one_key_counts() -> None:
    text = CHECKPOINT.text()
    note = Note(text, (W2.sign(text, TIME), W2.sign(text, TIME + 5), W2.sign(text, TIME + 2)))
    opened = open_note(note.encode(), [W2.verifier])
    assert cosignatures(opened, [W1.verifier, W2.verifier]) == {W2.verifier: TIME + 5}


def test_names_that_do_not_fit_the_message_are_refused() -> None:
    Cosigner.mldsa("é" * 127, bytes(32))
    with pytest.raises(NoteInvalid):
        Cosigner.mldsa("é" * 128, bytes(32))
    long = Checkpoint("o" * 256, 1, bytes(32)).text()
    with pytest.raises(NoteInvalid):
        OWN.sign(long, TIME)
    assert not OWN.verifier.verify(long, OWN.sign(CHECKPOINT.text(), TIME).value)
    assert W1.verifier.verify(long, W1.sign(long, TIME).value)


@pytest.mark.parametrize("make", [Cosigner.ed25519, Cosigner.mldsa])
def test_what_is_no_checkpoint_is_not_cosigned(make) -> None:  # type: ignore[no-untyped-def]
    for text in ("", "hello\n", "a\n1\n"):
        with pytest.raises(NoteInvalid):
            make("w", bytes(32)).sign(text, TIME)
    for seed in (b"", bytes(31), bytes(33)):
        with pytest.raises(NoteInvalid):
            make("w", seed)
