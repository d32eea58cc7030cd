"""`xmppgov archive officers …` and `approve`: what is done offline, on people's own machines."""

from __future__ import annotations

import re
import sys
import time
from collections.abc import Collection, Iterable
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.table import Column, Table

from xmppgov.archive.codes import seal_code
from xmppgov.archive.leaf import ROLES
from xmppgov.archive.officer import ShareFile
from xmppgov.archive.request import ARMOUR, Request, open_request, printable
from xmppgov.archive.sealing import PublicKey
from xmppgov.config import load
from xmppgov.errors import ConfigurationError, NotAllowed, Unreachable
from xmppgov.i18n import Text, Texts
from xmppgov.tlog.note import VerifierKey
from xmppgov_archive.config import Config
from xmppgov_archive.officers import keys
from xmppgov_archive.officers.account import AccountSection, through_account
from xmppgov_archive.officers.asking import hand_in, read_request
from xmppgov_archive.officers.passphrase import (
    DescriptorOption,
    FileOption,
    FilesOption,
    passphrase,
    phrases,
)
from xmppgov_archive.officers.succession.commands import inherit, receive, reseal

texts = Texts("xmppgov_archive")
_NUMBER = re.compile(r"[0-9a-fA-F]{8,64}")
app = typer.Typer(help="Make officers' keys, and shares of the key that resolves names.")
for command in (reseal, inherit, receive):
    app.command()(command)
ConfigOption = Annotated[Path, typer.Option("--config", help="The archive's configuration file.")]
OfficerOption = Annotated[
    list[str],
    typer.Option("--officer", help="ROLE=KEY: the public key (hex), or a file with it. Thrice."),
]
FolderOption = Annotated[
    Path | None,
    typer.Option("--out", help="The folder for the share files; else beside the key."),
]


@app.command()
def key(
    role: Annotated[str, typer.Option(help="archivist, dpo or security.")],
    out: Annotated[Path, typer.Option(help="The new file for the key.")],
    passphrase_file: FileOption = None,
    passphrase_fd: DescriptorOption = None,
) -> None:
    """Make an officer's own key, on the officer's own machine; print its public side.

    The file is encrypted with a passphrase. Neither of them ever leaves that machine.
    """
    if role not in ROLES:
        raise ConfigurationError(texts("The roles are: {names}.", names=", ".join(ROLES)))
    phrase = passphrase(passphrase_file, passphrase_fd, new=True)
    typer.echo(keys.write_new_key(role, phrase, out))
    _say(texts("{path}: written. Give the line above to whoever sets up the archive.", path=out))


@app.command()
def init(config: ConfigOption, officer: OfficerOption, out: FolderOption = None) -> None:
    """Make the key that resolves names, as three shares of which two are needed; forget it."""
    section = load(Config, config).archive
    folder = out or section.resolving_key_file.parent
    _handed_out(keys.make_first(section, officer, folder))


@app.command()
def rotate(config: ConfigOption, officer: OfficerOption, out: FolderOption = None) -> None:
    """Make the next key for names, when an officer or a machine changes; restart the archive.

    Names that are there stay sealed to the earlier keys: keep their shares, and approve with both.
    """
    section = load(Config, config).archive
    folder = out or section.resolving_key_file.parent
    _handed_out(keys.renew(section, officer, folder))


@through_account
def approve(
    request: Annotated[
        str,
        typer.Argument(
            metavar="REQUEST",
            help="Its text, a file with it, - for standard input; with an account, its number.",
        ),
    ],
    share: Annotated[list[Path], typer.Option(help="Your share file; several after a renewal.")],
    key: Annotated[
        list[Path], typer.Option(help="Your key file; several where shares are of several keys.")
    ],
    account: AccountSection | None,
    vkey: Annotated[
        str | None, typer.Option(help="The archive's public key, if your share's is an older one.")
    ] = None,
    passphrase_file: FilesOption = None,
    passphrase_fd: DescriptorOption = None,
) -> None:
    """Read a request, and approve it with your share: print a sealed code, offline.

    The code serves this request and no other. With an account it is handed in at once, and printed
    only where the archive cannot be reached.
    """
    shares = [keys.read_share(path) for path in share]
    known = [VerifierKey.parse(text) for text in {vkey or file.archive for file in shares}]
    asked = open_request(_request_text(request, account), known)
    show_request(Console(stderr=True), asked)
    if time.time() * 1000 >= asked.until:
        _say(texts("By this machine's clock the request has run out; the archive may refuse it."))
    fitting = _fitting(asked, shares)
    own = [keys.read_key(path) for path in key]
    opened = keys.open_shares(fitting, own, phrases(own, passphrase_file or (), passphrase_fd))
    public = PublicKey(bytes.fromhex(asked.key))
    _give(seal_code(opened, fitting[0].role, asked.hash, public), asked.id, account)


def _give(code: str, number: str, account: AccountSection | None) -> None:
    """Hand a code in; print it where there is no account, or where nobody can be reached."""
    if account is None:
        typer.echo(code)
        return
    try:
        _say(hand_in(account, number, code))
    except Unreachable:
        typer.echo(code)
        raise


def show_request(console: Console, request: Request) -> None:
    """Print a request as its reader has to know it before approving."""
    grid = Table.grid(Column(style="bold"), Column(overflow="fold"), padding=(0, 2))
    for label, value in request.words():
        grid.add_row(str(label), printable(str(value)))
    console.print(grid, markup=False, highlight=False)


def _fitting(request: Request, shares: Collection[ShareFile]) -> list[ShareFile]:
    """Return the shares that a request needs, in its order.

    Raises:
        ConfigurationError: one is missing, or they are of several roles.
        NotAllowed: the request is of the officer's own role.
    """
    by_key = {file.resolving: file for file in shares}
    missing = [key for key in request.resolving.split(" ") if key not in by_key]
    if missing:
        raise ConfigurationError(
            texts("The request needs your share of key {key}…; add --share.", key=missing[0][:8])
        )
    if len({file.role for file in shares}) != 1:
        raise ConfigurationError(texts("The shares are of several officers; give your own only."))
    found = [by_key[key] for key in request.resolving.split(" ")]
    if found[0].role == request.role:
        raise NotAllowed(texts("Nobody approves or refuses a request of their own role."))
    return found


def _request_text(given: str, account: AccountSection | None) -> str:
    """Return the text of a request: given itself, in a file, or read by its number."""
    if given == "-":
        return sys.stdin.read()
    if given.startswith(ARMOUR):
        return given
    if account is not None and _NUMBER.fullmatch(given):
        return read_request(account, given)
    return keys.read_text(Path(given))


def _handed_out(shares: Iterable[Path]) -> None:
    for path in shares:
        typer.echo(str(path))
    _say(
        texts(
            "The private key is forgotten. Give each officer their file and delete it here; "
            "restart the archive."
        )
    )


def _say(text: Text | str) -> None:
    Console(stderr=True).print(str(text), markup=False, highlight=False, soft_wrap=True)
