"""An officer's passphrase: typed, or from a file or a descriptor for scripts; never an argument."""

from __future__ import annotations

import os
import warnings
from collections.abc import Callable, Sequence
from getpass import GetPassWarning
from pathlib import Path
from typing import Annotated

import typer

from xmppgov.archive.officer import KeyFile
from xmppgov.config import read_secret
from xmppgov.errors import ConfigurationError
from xmppgov.i18n import Texts

texts = Texts("xmppgov_archive")
SHORTEST, LONGEST = 10, 1000  # characters
FileOption = Annotated[
    Path | None,
    typer.Option("--passphrase-file", help="A file with the passphrase, that only you may read."),
]
FilesOption = Annotated[
    list[Path] | None,
    typer.Option(
        "--passphrase-file",
        help="A file with the passphrase, that only you may read; with several keys, one each.",
    ),
]
DescriptorOption = Annotated[
    int | None,
    typer.Option("--passphrase-fd", help="An open file descriptor to read the passphrase from."),
]


def passphrase(file: Path | None, descriptor: int | None, *, new: bool = False) -> str:
    """Return the passphrase; asks for it where neither a file nor a descriptor is given.

    Raises:
        ConfigurationError: the file is open to others; the descriptor is none; a new one is short.
    """
    if file is not None:
        found = read_secret(file)
    elif descriptor is not None:
        found = _from_descriptor(descriptor)
    else:
        found = _typed(new)
    if new and len(found) < SHORTEST:
        raise ConfigurationError(texts("A passphrase has at least {n} characters.", n=SHORTEST))
    return found


def _typed(new: bool) -> str:
    asked = texts("New passphrase: ") if new else texts("Passphrase: ")
    again = str(texts("The same again: ")) if new else False
    with warnings.catch_warnings():
        # Where there is no terminal the library says so in English; the line is read all the same.
        warnings.simplefilter("ignore", GetPassWarning)
        return str(
            typer.prompt(
                str(asked), hide_input=True, confirmation_prompt=again, err=True, prompt_suffix=""
            )
        )


def phrases(
    keys: Sequence[KeyFile], files: Sequence[Path], descriptor: int | None
) -> Callable[[KeyFile], str]:
    """Return what says the passphrase of a key; one file or one descriptor serves for all.

    Raises:
        ConfigurationError: there are several files, and not one for each key.
    """
    if len(files) not in (0, 1, len(keys)):
        raise ConfigurationError(
            texts("Name one --passphrase-file, or one for each --key, in the same order.")
        )
    if descriptor is not None:
        said = passphrase(None, descriptor)
        return lambda _key: said
    several = dict(zip((key.public for key in keys), files, strict=len(files) > 1))
    one = files[0] if files else None
    return lambda key: passphrase(several.get(key.public, one), None)


def _from_descriptor(descriptor: int) -> str:
    try:
        data = os.read(descriptor, LONGEST)
    except OSError as error:
        raise ConfigurationError(
            texts("The passphrase cannot be read: {reason}.", reason=error.strerror)
        ) from error
    return data.decode("utf-8", "replace").strip()
