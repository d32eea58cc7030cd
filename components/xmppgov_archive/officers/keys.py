"""Officers' keys and shares as files: made once, never overwritten."""

from __future__ import annotations

import re
import secrets
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path

from xmppgov.archive.leaf import ROLES
from xmppgov.archive.officer import (
    Generation,
    KeyFile,
    ShareFile,
    make_generation,
    make_key,
    open_key,
    open_share,
    read_file,
    write_file,
    write_generations,
)
from xmppgov.archive.sealing import PrivateKey, PublicKey
from xmppgov.archive.shares import Share
from xmppgov.errors import ConfigurationError
from xmppgov.i18n import Texts
from xmppgov.storage import files
from xmppgov_archive.config import ArchiveSection
from xmppgov_archive.log.keys import load_signing_key
from xmppgov_archive.records.keys import load_generations

texts = Texts("xmppgov_archive")
_PUBLIC = re.compile(r"[0-9a-f]{64}")


def write_new_key(role: str, phrase: str, out: Path) -> str:
    """Make an officer's key in a new file; return its public side (hex)."""
    require_new(out)
    file, public = make_key(role, phrase, secrets.token_bytes)
    files.write_file(out, write_file(file).encode(), mode=0o600)
    return public.raw.hex()


def make_first(section: ArchiveSection, officers: Sequence[str], folder: Path) -> list[Path]:
    """Make an archive's first resolving key; return the files with the officers' shares.

    `officers` are `role=hex` or `role=file`, one for each role.
    """
    require_new(section.resolving_key_file)
    return _make(section, officers, folder, [])


def renew(section: ArchiveSection, officers: Sequence[str], folder: Path) -> list[Path]:
    """Make the next resolving key; what was sealed to earlier ones stays so."""
    return _make(section, officers, folder, load_generations(section.resolving_key_file))


def _make(
    section: ArchiveSection, officers: Sequence[str], folder: Path, earlier: list[Generation]
) -> list[Path]:
    """Write the shares first: a public key without them would be one that nobody has."""
    publics = public_keys(officers)
    names = {role: folder / _share_name(role, len(earlier) + 1) for role in ROLES}
    for path in names.values():
        require_new(path)
    generation, shares = make_generation(publics, _vkey(section), secrets.token_bytes)
    for share in shares:
        files.write_file(names[share.role], write_file(share).encode(), mode=0o600)
    text = write_generations([generation, *earlier])
    files.write_file(section.resolving_key_file, text.encode())
    return list(names.values())


def public_keys(officers: Sequence[str]) -> Mapping[str, PublicKey]:
    """Read `role=hex` or `role=file` of each role.

    Raises:
        ConfigurationError: a role is missing, unknown or named twice, or it has no key there.
    """
    named = [word.partition("=")[::2] for word in officers]
    if sorted(role for role, _ in named) != sorted(ROLES):
        raise ConfigurationError(
            texts("Name each officer once: --officer security=… --officer archivist=… …")
        )
    found = {role: public_key(role, value) for role, value in named}
    if len({key.raw for key in found.values()}) != len(ROLES):
        raise ConfigurationError(texts("Two officers have the same key; each needs their own."))
    return found


def read_key(path: Path) -> KeyFile:
    """Read an officer's key. Raises `ConfigurationError` or `KeyBroken`."""
    return read_file(KeyFile, read_text(path))


def read_share(path: Path) -> ShareFile:
    """Read an officer's share. Raises `ConfigurationError` or `KeyBroken`."""
    return read_file(ShareFile, read_text(path))


def open_shares(
    shares: Iterable[ShareFile], keys: Sequence[KeyFile], phrase: Callable[[KeyFile], str]
) -> list[Share]:
    """Open shares, each with the one of an officer's keys to which it is sealed.

    `phrase` says the passphrase of a key, and is asked for those that are needed, once.

    Raises:
        ConfigurationError: the key of a share is not among them.
        KeyBroken: a passphrase is wrong, or a file was changed.
    """
    files = {key.public: key for key in keys}
    opened: dict[str, PrivateKey] = {}
    found = []
    for share in shares:
        file = files.get(share.officer)
        if file is None:
            raise ConfigurationError(
                texts(
                    "The share of key {key}… is sealed to another officer's key than yours; name "
                    "that with --key, or ask for your shares anew: xmppgov archive officers "
                    "inherit",
                    key=share.resolving[:8],
                )
            )
        if file.public not in opened:
            opened[file.public] = open_key(file, phrase(file))
        found.append(open_share(share, opened[file.public]))
    return found


def public_key(role: str | None, value: str) -> PublicKey:
    """Read an officer's public key: its hex, a file with that, or the officer's key file.

    Raises:
        ConfigurationError: there is none, or it is of another role than `role`.
    """
    if _PUBLIC.fullmatch(value):
        return PublicKey(bytes.fromhex(value))
    text = read_text(Path(value))
    if _PUBLIC.fullmatch(text.strip()):
        return PublicKey(bytes.fromhex(text.strip()))
    file = read_file(KeyFile, text)
    if role is not None and file.role != role:
        raise ConfigurationError(
            texts("{path}: the key is of the role {role}.", path=value, role=file.role)
        )
    return PublicKey(bytes.fromhex(file.public))


def _vkey(section: ArchiveSection) -> str:
    """Return the key by which officers know the archive; made here where it never ran."""
    key = load_signing_key(
        section.signing_key_file, section.verifier_file, section.origin, secrets.token_bytes
    )
    return str(key.verifier)


def _share_name(role: str, generation: int) -> str:
    return f"{role}.share" if generation == 1 else f"{role}-{generation}.share"


def read_text(path: Path) -> str:
    """Read a file of an officer. Raises `ConfigurationError`."""
    try:
        return path.read_text("utf-8")
    except (OSError, UnicodeDecodeError) as error:
        reason = getattr(error, "strerror", None) or "UTF-8"
        raise ConfigurationError(
            texts("{path}: the file cannot be read: {reason}.", path=path, reason=reason)
        ) from error


def require_new(path: Path) -> None:
    """Raise `ConfigurationError` where there is a file already."""
    if path.exists():
        raise ConfigurationError(
            texts("{path}: it is there already, and is not overwritten.", path=path)
        )
