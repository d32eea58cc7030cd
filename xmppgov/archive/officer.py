"""What officers hold: a key of their own, and a share of each key that resolves pseudonyms.

A resolving key exists as three shares only, any two of which give it back. Each share lies in a
file, sealed to one officer's key, and that key lies encrypted under a passphrase on the officer's
own machine. The public side of a resolving key comes with a commitment to each share, so that a
wrong share is known at once, and whose it is.
"""

from __future__ import annotations

import hmac
import json
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from hashlib import sha256
from typing import Annotated, Any, Literal, NamedTuple, TypeVar

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import ChaCha20Poly1305
from cryptography.hazmat.primitives.kdf.scrypt import Scrypt
from pydantic import Field, ValidationError

from xmppgov.archive.leaf import ROLES, Digest
from xmppgov.archive.model import Closed
from xmppgov.archive.sealing import KEY_SIZE, PrivateKey, PublicKey, SealBroken
from xmppgov.archive.shares import Share, restore, split
from xmppgov.errors import CheckFailed
from xmppgov.i18n import Texts

texts = Texts("xmppgov")
NEEDED = 2
SALT_SIZE = 16  # bytes
COST = 17  # scrypt's N is 2 to it: 128 MiB, a third of a second
LARGEST_COST = 20
Random = Callable[[int], bytes]
ModelT = TypeVar("ModelT", bound=Closed)
OfficerRole = Literal["archivist", "dpo", "security"]
Hex = Annotated[str, Field(pattern=r"^([0-9a-f]{2})+$", max_length=8192)]
_COMMITMENT = re.compile(r"(archivist|dpo|security) ([0-9a-f]{64})")
_PUBLIC = re.compile(r"[0-9a-f]{64}")


class KeyBroken(CheckFailed):
    """An officer's file is none, the passphrase is wrong, or they do not belong together."""


class KeyFile(Closed):
    """An officer's key: `box` holds the private key, under a passphrase (scrypt)."""

    v: Literal[1]
    file: Literal["xmppgov officer key"]
    role: OfficerRole
    public: Digest
    cost: Annotated[int, Field(ge=10, le=LARGEST_COST)]
    salt: Hex
    box: Hex


class ShareFile(Closed):
    """A share of the resolving key `resolving`, sealed to the officer's key `officer`.

    `archive` is the public key (vkey) of the archive whose requests it answers.
    """

    v: Literal[1]
    file: Literal["xmppgov officer share"]
    role: OfficerRole
    archive: Annotated[str, Field(min_length=1, max_length=400)]
    resolving: Digest
    x: Annotated[int, Field(ge=1, le=255)]
    officer: Digest
    box: Hex

    def info(self) -> bytes:
        """Return what the share is bound to."""
        words = (self.role, self.archive, self.resolving, str(self.x), self.officer)
        return b"xmppgov/share/v1\0" + "\0".join(words).encode()


class Generation(NamedTuple):
    """A resolving key's public side, with the commitment to the share of each role."""

    public: str
    commitments: Mapping[str, str]

    def has(self, role: str, share: Share) -> bool:
        """Tell whether a share is the one that the officer of `role` was given."""
        found = commitment(self.public, role, share)
        return hmac.compare_digest(found, self.commitments.get(role, ""))


def commitment(public: str, role: str, share: Share) -> str:
    """Return the commitment to a share, in hex; the share is as hard to guess as a key."""
    head = b"xmppgov/share-commitment/v1\0" + bytes.fromhex(public) + role.encode() + b"\0"
    return sha256(head + bytes([share.x]) + share.data).hexdigest()


def make_generation(
    officers: Mapping[str, PublicKey], archive: str, random: Random
) -> tuple[Generation, list[ShareFile]]:
    """Make a resolving key; return its public side and the officers' shares, and forget it."""
    private = PrivateKey(random(KEY_SIZE))
    public = private.public.raw.hex()
    shares = dict(zip(ROLES, split(private.raw, len(ROLES), NEEDED, random), strict=True))
    files = [seal_share(role, shares[role], officers[role], public, archive) for role in ROLES]
    committed = {role: commitment(public, role, shares[role]) for role in ROLES}
    return Generation(public, committed), files


def seal_share(role: str, share: Share, officer: PublicKey, public: str, archive: str) -> ShareFile:
    """Return a share of the resolving key `public` (hex), sealed to an officer's key."""
    fields: dict[str, Any] = {
        **{"v": 1, "file": "xmppgov officer share", "role": role, "archive": archive},
        **{"resolving": public, "x": share.x, "officer": officer.raw.hex(), "box": "00"},
    }
    unsealed = ShareFile.model_validate(fields)
    box = officer.seal(share.data, unsealed.info())
    return unsealed.model_copy(update={"box": box.hex()})


def restored(
    generation: Generation, role: str, shares: Sequence[Share], officer: PublicKey, archive: str
) -> ShareFile:
    """Return the share of `role`, put together from two others, sealed to an officer's key.

    Raises:
        KeyBroken: the shares are not those of this resolving key.
    """
    share = restore(shares, ROLES.index(role) + 1)
    if not generation.has(role, share):
        raise KeyBroken(texts("The shares do not give the one that was made."))
    return seal_share(role, share, officer, generation.public, archive)


def open_share(file: ShareFile, key: PrivateKey) -> Share:
    """Return the share in a file. Raises `KeyBroken` where it is sealed to another key."""
    try:
        return Share(file.x, key.open(bytes.fromhex(file.box), file.info()))
    except SealBroken as error:
        raise KeyBroken(texts("This share is sealed to another officer's key.")) from error


def make_key(
    role: str, passphrase: str, random: Random, cost: int = COST
) -> tuple[KeyFile, PublicKey]:
    """Make an officer's key, encrypted under a passphrase."""
    private, salt = PrivateKey(random(KEY_SIZE)), random(SALT_SIZE)
    public = private.public.raw.hex()
    cipher = _cipher(passphrase, salt, cost)
    box = cipher.encrypt(bytes(12), private.raw, _key_info(role, public))
    file = KeyFile.model_validate(
        {
            **{"v": 1, "file": "xmppgov officer key", "role": role, "public": public},
            **{"cost": cost, "salt": salt.hex(), "box": box.hex()},
        }
    )
    return file, private.public


def open_key(file: KeyFile, passphrase: str) -> PrivateKey:
    """Return an officer's key. Raises `KeyBroken` where the passphrase is wrong."""
    cipher = _cipher(passphrase, bytes.fromhex(file.salt), file.cost)
    try:
        raw = cipher.decrypt(bytes(12), bytes.fromhex(file.box), _key_info(file.role, file.public))
        key = PrivateKey(raw)
    except (InvalidTag, ValueError, SealBroken) as error:
        raise KeyBroken(texts("The passphrase is wrong.")) from error
    if key.public.raw.hex() != file.public:
        raise KeyBroken(texts("The key's file was changed."))
    return key


def read_file(model: type[ModelT], text: str) -> ModelT:
    """Read an officer's file. Raises `KeyBroken` where it is none of this sort."""
    try:
        return model.model_validate(json.loads(text))
    except (ValueError, RecursionError, ValidationError) as error:
        raise KeyBroken(texts("It is no file of this sort, or was changed.")) from error


def write_file(file: Closed) -> str:
    """Write an officer's file."""
    return json.dumps(file.model_dump(), indent=1) + "\n"


def read_generations(text: str) -> list[Generation]:
    """Read the public sides of an archive's resolving keys, the newest first.

    A block of lines for each: the key, then the role and the commitment of each share.

    Raises:
        ValueError: it has not this form.
    """
    return [_generation(block.split("\n")) for block in text.strip().split("\n\n")]


def write_generations(generations: Iterable[Generation]) -> str:
    """Write what `read_generations` reads."""
    blocks = (
        "\n".join([public, *(f"{role} {commitments[role]}" for role in sorted(commitments))])
        for public, commitments in generations
    )
    return "\n\n".join(blocks) + "\n"


def _generation(lines: Sequence[str]) -> Generation:
    matches = [_COMMITMENT.fullmatch(line) for line in lines[1:]]
    commitments = {match[1]: match[2] for match in matches if match}
    complete = len(commitments) == len(lines) - 1 and len(commitments) in (0, len(ROLES))
    if not complete or not _PUBLIC.fullmatch(lines[0]):
        raise ValueError("not the public side of a resolving key")
    return Generation(lines[0], commitments)


def _cipher(passphrase: str, salt: bytes, cost: int) -> ChaCha20Poly1305:
    scrypt = Scrypt(salt=salt, length=KEY_SIZE, n=1 << cost, r=8, p=1)
    return ChaCha20Poly1305(scrypt.derive(passphrase.encode()))


def _key_info(role: str, public: str) -> bytes:
    return b"xmppgov/officer-key/v1\0" + f"{role}\0{public}".encode()
