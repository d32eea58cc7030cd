"""The key under which texts lie in a bot's database; it lies elsewhere."""

from __future__ import annotations

from pathlib import Path

from xmppgov.bot.letters.cipher import Cipher
from xmppgov.config import read_secret
from xmppgov.errors import ConfigurationError
from xmppgov.i18n import Texts

texts = Texts("xmppgov.bot")


def read_cipher(path: Path, database: Path, *, setting: str, purpose: str) -> Cipher:
    """Read the key of texts at `path`, which must lie outside the database's folder.

    Args:
        setting: which setting names the file, for whoever has to correct it.
        purpose: see `Cipher`.

    Raises:
        ConfigurationError: it lies inside, is readable by others, or is too short.
    """
    file, folder = path.resolve(), database.parent.resolve()
    if file.is_relative_to(folder):
        raise ConfigurationError(
            texts(
                "{path}: the key of texts lies in the database's folder {folder}, and would leave "
                "with it; move it elsewhere and set {setting}.",
                path=path,
                folder=folder,
                setting=setting,
            )
        )
    try:
        return Cipher(read_secret(file), purpose)
    except ValueError as error:
        raise bad_key(file, error) from error


def bad_key(path: Path, error: ValueError) -> ConfigurationError:
    """Return the error about a key file, which says how to make one."""
    return ConfigurationError(
        texts(
            "{path}: not a usable key: {reason}; make one with: "
            "(umask 077; head -c 32 /dev/urandom | base64 > {path})",
            path=path,
            reason=error,
        )
    )
