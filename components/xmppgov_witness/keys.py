"""The witness's private keys, each in a file of its own, made at the first start."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from xmppgov.config import read_secret
from xmppgov.errors import ConfigurationError
from xmppgov.i18n import Texts
from xmppgov.storage.files import make_secret
from xmppgov.tlog.cosignature import COSIGNATURE, SUBTREE, Cosigner
from xmppgov.tlog.errors import NoteInvalid
from xmppgov.tlog.note import KEY_SIZE
from xmppgov_witness.config import WitnessSection

texts = Texts("xmppgov_witness")
Random = Callable[[int], bytes]
MAKE = {COSIGNATURE: Cosigner.ed25519, SUBTREE: Cosigner.mldsa}


def load_cosigners(section: WitnessSection, random: Random) -> list[Cosigner]:
    """Read the witness's keys, making those that do not exist: Ed25519, then ML-DSA-44.

    Raises:
        ConfigurationError: a file is no such key, is another witness's, or others can read it.
    """
    files = {COSIGNATURE: section.key_file, SUBTREE: section.mldsa_key_file}
    return [
        _load(file, kind, section.name, random) for kind, file in files.items() if file is not None
    ]


def _load(file: Path, kind: int, name: str, random: Random) -> Cosigner:
    make_secret(file, lambda: MAKE[kind](name, random(KEY_SIZE)).encode())
    try:
        key = Cosigner.parse(read_secret(file))
    except NoteInvalid as error:
        raise ConfigurationError(texts("{path}: it is no witness's key.", path=file)) from error
    if kind != key.verifier.TYPE or key.verifier.name != name:
        raise ConfigurationError(
            texts("{path}: the key is of another type, or not of {name}.", path=file, name=name)
        )
    return key
