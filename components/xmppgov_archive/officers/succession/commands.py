"""`xmppgov archive officers reseal|inherit|receive`: shares go to a new key, or a new officer."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from xmppgov.archive.officer import ShareFile, open_key, open_share, read_file, seal_share
from xmppgov.archive.officer import write_file as written
from xmppgov.errors import ConfigurationError
from xmppgov.i18n import Texts
from xmppgov.storage.files import write_file
from xmppgov_archive.officers import keys
from xmppgov_archive.officers.account import AccountSection, needed, through_account
from xmppgov_archive.officers.asking import answered, asked
from xmppgov_archive.officers.passphrase import DescriptorOption, FileOption, passphrase

texts = Texts("xmppgov_archive")
FolderOption = Annotated[Path, typer.Option("--out", help="The folder for the share files.")]


def reseal(
    share: Annotated[list[Path], typer.Option(help="A share file of yours; may be repeated.")],
    key: Annotated[Path, typer.Option(help="The key file to which it is sealed.")],
    to: Annotated[str, typer.Option(help="The new key: its public side (hex), or its file.")],
    out: FolderOption,
    passphrase_file: FileOption = None,
    passphrase_fd: DescriptorOption = None,
) -> None:
    """Seal your own shares to another key, offline: your next machine's, or your successor's."""
    files = [keys.read_share(path) for path in share]
    if len({file.role for file in files}) != 1:
        raise ConfigurationError(texts("The shares are of several officers; give your own only."))
    public = keys.public_key(files[0].role, to)
    private = open_key(keys.read_key(key), passphrase(passphrase_file, passphrase_fd))
    for file in files:
        opened = open_share(file, private)
        _keep(seal_share(file.role, opened, public, file.resolving, file.archive), out)


@through_account
def inherit(
    account: AccountSection | None,
    key: Annotated[str, typer.Option(help="Your new key: its public side (hex), or its file.")],
    case: Annotated[str, typer.Option(help="The case number.")],
    resolving: Annotated[
        list[str] | None, typer.Option(help="Only the share of this key (hex); may be repeated.")
    ] = None,
) -> None:
    """Ask for the shares of your role, sealed to your key; two other officers approve."""
    officer = keys.public_key(None, key).raw.hex()
    form = {"officer": [officer], "keys": resolving or [], "case": [case]}
    asked(needed(account), "succession", {**form, "purpose": ["succession"]})


@through_account
def receive(
    account: AccountSection | None,
    number: Annotated[str, typer.Argument(metavar="REQUEST", help="The request's number.")],
    out: FolderOption,
) -> None:
    """Write the share files that two officers have granted you."""
    for row in answered(needed(account), number):
        _keep(read_file(ShareFile, row.get("share", "")), out)


def _keep(file: ShareFile, folder: Path) -> None:
    """Write a share to a new file, named by its role and the beginning of its key."""
    path = folder / f"{file.role}-{file.resolving[:8]}.share"
    keys.require_new(path)
    folder.mkdir(parents=True, exist_ok=True)
    write_file(path, written(file).encode(), mode=0o600)
    typer.echo(str(path))
