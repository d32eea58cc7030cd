"""Cosignatures: who signs that a checkpoint is consistent with all it saw (https://c2sp.org/tlog-cosignature).

Two types: Ed25519 (0x04) over the note's text behind a line with the time, and ML-DSA-44 (0x06)
over a structure that names cosigner, time, log, size and root. A signature's value is the time as
64 bits, then the signature itself.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import ClassVar

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.asymmetric.mldsa import MLDSA44PrivateKey, MLDSA44PublicKey

from xmppgov.i18n import Texts
from xmppgov.tlog.checkpoint import Checkpoint
from xmppgov.tlog.errors import NoteInvalid
from xmppgov.tlog.note import (
    KEY_SIZE,
    Note,
    Signature,
    SigningKey,
    VerifierKey,
    encode_private,
    is_ed25519,
    split_key,
    split_private,
)

texts = Texts("xmppgov")
COSIGNATURE, SUBTREE = 0x04, 0x06
TIME_SIZE = 8  # bytes
LATEST_TIME = 2**63 - 1  # seconds since the epoch
LABEL = b"subtree/v1\n\0"
LONGEST_NAME = 255  # bytes, of a cosigner and of a log, in an ML-DSA-44 message


class CosignerKey(VerifierKey):
    """A cosigner's public key; `message` is what the type signs."""

    __slots__ = ()

    @classmethod
    def message(cls, name: str, text: str, time: int) -> bytes:
        """Return what the cosigner `name` signs for a checkpoint's `text` at `time`.

        Raises:
            NoteInvalid: the type cannot sign this text.
        """
        raise NotImplementedError

    def verify(self, text: str, signature: bytes) -> bool:
        """Tell whether this key made `signature`, time and all, over a checkpoint's `text`."""
        time = cosigned_at(signature)
        try:
            message = self.message(self.name, text, time)
        except NoteInvalid:
            return False
        return time <= LATEST_TIME and self._verify(message, signature[TIME_SIZE:])

    def _verify(self, message: bytes, signature: bytes) -> bool:
        raise NotImplementedError


@dataclass(frozen=True, slots=True)
class Ed25519CosignerKey(CosignerKey):
    """An Ed25519 cosigner (type 0x04)."""

    TYPE: ClassVar[int] = COSIGNATURE

    @classmethod
    def message(cls, name: str, text: str, time: int) -> bytes:
        """Return two lines and the text; they do not name the cosigner."""
        return f"cosignature/v1\ntime {time}\n{text}".encode()

    def _verify(self, message: bytes, signature: bytes) -> bool:
        return is_ed25519(self.public, signature, message)


@dataclass(frozen=True, slots=True)
class MldsaCosignerKey(CosignerKey):
    """An ML-DSA-44 cosigner (type 0x06, FIPS 204)."""

    TYPE: ClassVar[int] = SUBTREE
    PUBLIC_SIZE: ClassVar[int] = 1312

    def __post_init__(self) -> None:
        VerifierKey.__post_init__(self)
        _vector(self.name)

    @classmethod
    def message(cls, name: str, text: str, time: int) -> bytes:
        """Return a `cosigned_message` for the whole tree of the checkpoint `text`."""
        checkpoint = Checkpoint.parse(text)
        start, end = (n.to_bytes(8, "big") for n in (0, checkpoint.size))
        head = LABEL + _vector(name) + time.to_bytes(TIME_SIZE, "big")
        return head + _vector(checkpoint.origin) + start + end + checkpoint.root

    def _verify(self, message: bytes, signature: bytes) -> bool:
        try:
            MLDSA44PublicKey.from_public_bytes(self.public).verify(signature, message)
        except (InvalidSignature, ValueError):
            return False
        return True


class Cosigner:
    """A cosigner's private key; `seed` is 32 random bytes."""

    def __init__(self, verifier: CosignerKey, seed: bytes, sign: Callable[[bytes], bytes]) -> None:
        self.verifier, self._seed, self._sign = verifier, seed, sign

    @classmethod
    def ed25519(cls, name: str, seed: bytes) -> Cosigner:
        """Return the Ed25519 cosigner (0x04) of a seed (RFC 8032)."""
        private = Ed25519PrivateKey.from_private_bytes(_seed(seed))
        public = private.public_key().public_bytes_raw()
        return cls(Ed25519CosignerKey(name, public), seed, private.sign)

    @classmethod
    def mldsa(cls, name: str, seed: bytes) -> Cosigner:
        """Return the ML-DSA-44 cosigner (0x06) of a seed (FIPS 204, ξ)."""
        private = MLDSA44PrivateKey.from_seed_bytes(_seed(seed))
        public = private.public_key().public_bytes_raw()
        return cls(MldsaCosignerKey(name, public), seed, private.sign)

    @classmethod
    def parse(cls, skey: str) -> Cosigner:
        """Read what `encode` writes.

        Raises:
            NoteInvalid: it is no private key of a cosigner.
        """
        for kind, make in ((COSIGNATURE, cls.ed25519), (SUBTREE, cls.mldsa)):
            if _private_type(skey) == kind:
                key = make(*split_private(skey, kind))
                if key.encode() == skey.strip():
                    return key
        raise _unknown_type()

    def encode(self) -> str:
        """Write the private key as `PRIVATE+KEY+name+hex(id)+base64(type, seed)`."""
        return encode_private(self.verifier, self._seed)

    def sign(self, text: str, time: int) -> Signature:
        """Cosign a checkpoint's `text` at `time`, in seconds since the epoch.

        Raises:
            NoteInvalid: the text is no checkpoint, or the log's name is too long for ML-DSA-44.
        """
        Checkpoint.parse(text)
        key = self.verifier
        value = self._sign(key.message(key.name, text, time))
        return Signature(key.name, key.key_id, time.to_bytes(TIME_SIZE, "big") + value)


def parse_key(vkey: str) -> VerifierKey:
    """Read a vkey of any type that is known here: 0x01, 0x04 or 0x06.

    Raises:
        NoteInvalid: it is none.
    """
    kind = split_key(vkey.strip())[2]
    for known in (VerifierKey, Ed25519CosignerKey, MldsaCosignerKey):
        if kind == known.TYPE:
            return known.parse(vkey)
    raise _unknown_type()


def parse_private(skey: str) -> SigningKey | Cosigner:
    """Read a private key of any type that is known here.

    Raises:
        NoteInvalid: it is none.
    """
    if _private_type(skey) == VerifierKey.TYPE:
        return SigningKey.parse(skey)
    return Cosigner.parse(skey)


def cosigned_at(value: bytes) -> int:
    """Return the time, in seconds since the epoch, that a cosignature's value begins with."""
    return int.from_bytes(value[:TIME_SIZE], "big")


def cosignatures(note: Note, keys: Iterable[CosignerKey]) -> dict[CosignerKey, int]:
    """Return which of `keys` have cosigned a note that was opened with them, and when.

    Where one has signed more than once, its latest time counts.
    """
    times: dict[CosignerKey, int] = {}
    for key in keys:
        for signature in note.signatures:
            if (signature.name, signature.key_id) == (key.name, key.key_id):
                times[key] = max(times.get(key, 0), cosigned_at(signature.value))
    return times


def _private_type(skey: str) -> int:
    return split_key(skey.strip().removeprefix("PRIVATE+KEY+"))[2]


def _seed(seed: bytes) -> bytes:
    if len(seed) != KEY_SIZE:
        raise _unknown_type()
    return seed


def _vector(name: str) -> bytes:
    """Return `opaque name<1..2^8-1>` (RFC 8446 §3.4)."""
    data = name.encode()
    if not 1 <= len(data) <= LONGEST_NAME:
        raise NoteInvalid(texts("A name of more than 255 bytes cannot be signed with ML-DSA-44."))
    return bytes([len(data)]) + data


def _unknown_type() -> NoteInvalid:
    return NoteInvalid(
        texts("It is no key of a signed note, or none of a type that is needed here.")
    )
