"""Signed notes: text signed by one or more keys (https://c2sp.org/signed-note)."""

from __future__ import annotations

import base64
import binascii
from collections.abc import Iterable
from dataclasses import dataclass
from hashlib import sha256
from typing import ClassVar, Self

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

from xmppgov.i18n import Texts
from xmppgov.tlog.errors import NoteInvalid

texts = Texts("xmppgov")
ED25519 = 0x01
KEY_SIZE = 32  # bytes, of a public key and of a seed
LARGEST_NOTE = 1_000_000  # bytes; 16 post-quantum signatures are below 110,000
PRIVATE_PREFIX = "PRIVATE+KEY+"


@dataclass(frozen=True, slots=True)
class Signature:
    """One signature line of a note: the key's name, its 4-byte id, the signature's bytes."""

    name: str
    key_id: bytes
    value: bytes

    def line(self) -> str:
        """Return the line as it stands in the note, newline included."""
        return f"— {self.name} {base64.b64encode(self.key_id + self.value).decode()}\n"


@dataclass(frozen=True, slots=True)
class Note:
    """A parsed note: its text, which ends in a newline, and its signatures, verified or not."""

    text: str
    signatures: tuple[Signature, ...]

    @classmethod
    def parse(cls, data: bytes) -> Note:
        """Read a note.

        Raises:
            NoteInvalid: it is no signed note.
        """
        note = _decode(data)
        end = note.rfind("\n\n")
        if end < 0:
            raise _malformed()
        lines = note[end + 2 :].split("\n")
        if len(lines) < 2 or lines.pop() != "":
            raise _malformed()
        return cls(note[: end + 1], tuple(_parse_signature(line) for line in lines))

    def encode(self) -> bytes:
        """Write the note; the inverse of `parse`."""
        return (self.text + "\n" + "".join(s.line() for s in self.signatures)).encode()


@dataclass(frozen=True, slots=True)
class VerifierKey:
    """A public key with its name: Ed25519 over the note's text (type 0x01).

    `xmppgov.tlog.cosignature` has the other types as subclasses.
    """

    TYPE: ClassVar[int] = ED25519
    PUBLIC_SIZE: ClassVar[int] = KEY_SIZE

    name: str
    public: bytes

    def __post_init__(self) -> None:
        if len(self.public) != self.PUBLIC_SIZE:
            raise _bad_key()
        _check_name(self.name)

    @property
    def key_id(self) -> bytes:
        """The first four bytes of SHA-256(name, newline, type, public key)."""
        material = self.name.encode() + b"\n" + bytes([self.TYPE]) + self.public
        return sha256(material).digest()[:4]

    @classmethod
    def parse(cls, vkey: str) -> Self:
        """Read a vkey of this type: `name+hex(id)+base64(type, public key)`.

        Raises:
            NoteInvalid: it is no vkey of this type, or its id is not its own.
        """
        name, key_id, kind, public = split_key(vkey.strip())
        if kind != cls.TYPE:
            raise _bad_key()
        key = cls(name, public)
        if key.key_id.hex() != key_id:
            raise _bad_key()
        return key

    def __str__(self) -> str:
        material = base64.b64encode(bytes([self.TYPE]) + self.public).decode()
        return f"{self.name}+{self.key_id.hex()}+{material}"

    def verify(self, text: str, signature: bytes) -> bool:
        """Tell whether this key made `signature` over a note's `text`."""
        return is_ed25519(self.public, signature, text.encode())


class SigningKey:
    """An Ed25519 private key with its name; `seed` is 32 random bytes (RFC 8032)."""

    def __init__(self, name: str, seed: bytes) -> None:
        if len(seed) != KEY_SIZE:
            raise _bad_key()
        self._seed = seed
        self._private = Ed25519PrivateKey.from_private_bytes(seed)
        self.verifier = VerifierKey(name, self._private.public_key().public_bytes_raw())

    @classmethod
    def parse(cls, skey: str) -> SigningKey:
        """Read what `encode` writes, the form that Go's sumdb/note uses.

        Raises:
            NoteInvalid: it is no such key.
        """
        key = cls(*split_private(skey, ED25519))
        if key.encode() != skey.strip():
            raise _bad_key()
        return key

    def encode(self) -> str:
        """Write the private key as `PRIVATE+KEY+name+hex(id)+base64(type, seed)`."""
        return encode_private(self.verifier, self._seed)

    def sign(self, text: str) -> Signature:
        """Sign a note's text."""
        verifier = self.verifier
        return Signature(verifier.name, verifier.key_id, self._private.sign(text.encode()))


def split_key(key: str) -> tuple[str, str, int, bytes]:
    """Return name, id (hexadecimal), type and key of `name+hex(id)+base64(type, key)`.

    Raises:
        NoteInvalid: it has not this form.
    """
    parts = key.split("+", 2)
    if len(parts) != 3:
        raise _bad_key()
    material = _unbase64(parts[2])
    if not material:
        raise _bad_key()
    return parts[0], parts[1], material[0], material[1:]


def split_private(skey: str, kind: int) -> tuple[str, bytes]:
    """Return name and seed of a private key of type `kind`; its id is still to be compared.

    Raises:
        NoteInvalid: it is no private key of this type.
    """
    if not skey.strip().startswith(PRIVATE_PREFIX):
        raise _bad_key()
    name, _, found, seed = split_key(skey.strip().removeprefix(PRIVATE_PREFIX))
    if found != kind:
        raise _bad_key()
    return name, seed


def encode_private(verifier: VerifierKey, seed: bytes) -> str:
    """Write a private key as `PRIVATE+KEY+name+hex(id)+base64(type, seed)`."""
    material = base64.b64encode(bytes([verifier.TYPE]) + seed).decode()
    return f"{PRIVATE_PREFIX}{verifier.name}+{verifier.key_id.hex()}+{material}"


def is_ed25519(public: bytes, signature: bytes, message: bytes) -> bool:
    """Tell whether `signature` is that of the public key over `message` (RFC 8032)."""
    try:
        Ed25519PublicKey.from_public_bytes(public).verify(signature, message)
    except (InvalidSignature, ValueError):
        return False
    return True


def open_note(data: bytes, keys: Iterable[VerifierKey]) -> Note:
    """Read a note and check every signature by a key of `keys`; signatures by others are ignored.

    Raises:
        NoteInvalid: it is malformed, a known key's signature is wrong, or no known key signed.
    """
    note = Note.parse(data)
    known = {(key.name, key.key_id): key for key in keys}
    signed = False
    for signature in note.signatures:
        key = known.get((signature.name, signature.key_id))
        if key is None:
            continue
        if not key.verify(note.text, signature.value):
            raise NoteInvalid(texts("The signature of {name} is wrong.", name=key.name))
        signed = True
    if not signed:
        raise NoteInvalid(texts("No trusted key has signed it."))
    return note


def _decode(data: bytes) -> str:
    try:
        note = data.decode() if len(data) <= LARGEST_NOTE else ""
    except UnicodeDecodeError as error:
        raise _malformed() from error
    if not note or any(c < " " and c != "\n" for c in note):
        raise _malformed()
    return note


def _parse_signature(line: str) -> Signature:
    parts = line.split(" ")
    if len(parts) != 3 or parts[0] != "—":
        raise _malformed()
    _check_name(parts[1])
    value = _unbase64(parts[2])
    if len(value) < 5:
        raise _malformed()
    return Signature(parts[1], value[:4], value[4:])


def _check_name(name: str) -> None:
    """Refuse a key name that is empty, no UTF-8, or has a plus, a space or a control character."""
    if not name or any(c == "+" or c.isspace() or c < " " or _is_surrogate(c) for c in name):
        raise _malformed()


def _is_surrogate(character: str) -> bool:
    return "\ud800" <= character <= "\udfff"


def _unbase64(value: str) -> bytes:
    try:
        data = base64.b64decode(value, validate=True)
    except (binascii.Error, ValueError) as error:
        raise _malformed() from error
    # One value has one encoding: unused bits of the last character must be zero.
    if base64.b64encode(data).decode() != value:
        raise _malformed()
    return data


def _malformed() -> NoteInvalid:
    return NoteInvalid(texts("It is not a well-formed signed note."))


def _bad_key() -> NoteInvalid:
    return NoteInvalid(
        texts("It is no key of a signed note, or none of a type that is needed here.")
    )
