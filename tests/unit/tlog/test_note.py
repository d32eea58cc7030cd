"""Signed notes and checkpoints: C2SP's own example, round trips, refusals."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from xmppgov.tlog.checkpoint import Checkpoint, open_checkpoint
from xmppgov.tlog.errors import NoteInvalid
from xmppgov.tlog.note import Note, SigningKey, VerifierKey, open_note

VKEY = "example.com/foo+530d903a+AekyeRrm56hApGFkyQR4ZCbV54Id2LKaANYcrnKv3U2k"
SIGNATURE = (
    "Uw2QOkn8srV1yJGh2VYRlL1Tnagv1YEq6TfXppzi2ONncAlTgK7Ztg1ERYNZXsYjOBH3mFXmRKuwHjG1Yu72IneyaQM="
)
NOTE = f"This is an example message.\n\n— example.com/foo {SIGNATURE}\n".encode()
KEY = SigningKey("archive.gov.example/2026", bytes(range(32)))
OTHER = SigningKey("archive.gov.example/2026", bytes(range(1, 33)))
ORIGIN = "archive.gov.example/2026"


def test_the_example_of_the_specification_verifies() -> None:
    note = open_note(NOTE, [VerifierKey.parse(VKEY)])
    assert note.text == "This is an example message.\n"
    assert note.encode() == NOTE
    assert str(VerifierKey.parse(VKEY)) == VKEY


def test_every_flipped_bit_of_the_note_is_refused() -> None:
    key = VerifierKey.parse(VKEY)
    for position in range(len(NOTE) * 8):
        flipped = bytearray(NOTE)
        flipped[position // 8] ^= 1 << position % 8
        with pytest.raises(NoteInvalid):
            open_note(bytes(flipped), [key])


def test_signatures_by_unknown_keys_are_ignored() -> None:
    text = "hello\n"
    note = Note(text, tuple(SigningKey(f"w{n}", bytes([n] * 32)).sign(text) for n in range(16)))
    signed = Note(text, (*note.signatures, KEY.sign(text)))
    assert open_note(signed.encode(), [KEY.verifier]) == signed
    with pytest.raises(NoteInvalid):
        open_note(note.encode(), [KEY.verifier])


def test_a_wrong_signature_by_a_known_key_spoils_the_note() -> None:
    text = "hello\n"
    wrong = Note(text, (KEY.sign(text), OTHER.sign("other\n")))
    with pytest.raises(NoteInvalid):
        open_note(wrong.encode(), [KEY.verifier, OTHER.verifier])


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"\n",
        b"text\n",
        b"text\n\n",
        b"text\n\nno dash\n",
        "text\n\n— name AAAA\n".encode(),
        "text\n\n— name AAAAAAAAAAA\n".encode(),
        "text\n\n— name AAAAAAAAAAAA".encode(),
        "text\t\n\n— name AAAAAAAAAAAA\n".encode(),
        "text\n\n— na+me AAAAAAAAAAAA\n".encode(),
        "text\n\n— na\u00a0me AAAAAAAAAAAA\n".encode(),
        b"\xff\n\n",
    ],
)
def test_malformed_notes_are_refused(data: bytes) -> None:
    with pytest.raises(NoteInvalid):
        Note.parse(data)


@given(st.binary(max_size=200) | st.text(max_size=80).map(str.encode))
def test_a_note_that_parses_is_written_as_it_was(data: bytes) -> None:
    try:
        note = Note.parse(data)
    except NoteInvalid:
        return
    assert note.encode() == data


@given(st.text(st.characters(codec="utf-8", exclude_categories=["Cc"]), max_size=60))
def test_any_text_can_be_signed_and_opened(line: str) -> None:
    text = line + "\n"
    assert open_note(Note(text, (KEY.sign(text),)).encode(), [KEY.verifier]).text == text


@pytest.mark.parametrize("vkey", ["", "a+b", VKEY.replace("530d", "530e"), VKEY[:-4], VKEY[:-1]])
def test_malformed_keys_are_refused(vkey: str) -> None:
    with pytest.raises(NoteInvalid):
        VerifierKey.parse(vkey)


def test_a_signing_key_is_read_as_it_was_written() -> None:
    again = SigningKey.parse(KEY.encode())
    assert again.verifier == KEY.verifier
    assert again.sign("x\n") == KEY.sign("x\n")
    for wrong in ("", KEY.encode()[1:], KEY.encode()[:-4], str(KEY.verifier)):
        with pytest.raises(NoteInvalid):
            SigningKey.parse(wrong)


@given(st.integers(0, 2**60), st.binary(min_size=32, max_size=32))
def test_a_checkpoint_is_read_as_it_was_signed(size: int, root: bytes) -> None:
    checkpoint = Checkpoint(ORIGIN, size, root)
    assert Checkpoint.parse(checkpoint.text()) == checkpoint
    assert open_checkpoint(checkpoint.sign(KEY), [KEY.verifier], ORIGIN) == checkpoint


def test_a_checkpoint_of_another_log_is_refused() -> None:
    with pytest.raises(NoteInvalid):
        open_checkpoint(Checkpoint("other", 1, bytes(32)).sign(KEY), [KEY.verifier], ORIGIN)


@pytest.mark.parametrize(
    "text", ["", "o\n1\n", "o\n01\nAA==\n", "o\n-1\nAA==\n", "\n1\nAA==\n", "o\n1\nAA==\n\n"]
)
def test_malformed_checkpoints_are_refused(text: str) -> None:
    with pytest.raises(NoteInvalid):
        Checkpoint.parse(text)
