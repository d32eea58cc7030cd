"""The three officers of the demo's archive: their keys, their shares, their accounts' roles.

All lie in one folder here, passphrases beside them, so that one person can play all three.
Elsewhere each officer makes a key on a machine of their own (docs/archivist.md).
"""

from __future__ import annotations

import secrets
from collections.abc import Mapping, Sequence
from pathlib import Path

from xmppgov.archive.officer import (
    make_generation,
    make_key,
    write_file,
    write_generations,
)
from xmppgov.archive.sealing import KEY_SIZE, PrivateKey
from xmppgov.demo.accounts import Login
from xmppgov.demo.prosody import write_private
from xmppgov.tlog.note import SigningKey

ROLES = ("security", "archivist", "dpo")
"""Roles in the order of the accounts, which stand before the guest, the last one."""
COST = 14  # scrypt's N is 2 to it: the demo's passphrases are no secret


def make_officers(folder: Path) -> None:
    """Make a resolving key that nobody holds a share of, unless there is one."""
    public = folder / "resolving.pub"
    if public.exists():
        return
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    write_public(public, PrivateKey(secrets.token_bytes(KEY_SIZE)).public.raw.hex() + "\n")


def appoint(state: Path, config: Path, origin: str, logins: Sequence[Login], port: int) -> None:
    """Give the officers' accounts their roles in the archive's configuration, and keys at first.

    `port` is the server's, on which they log in.
    """
    officers = dict(zip(ROLES, logins[-4:-1], strict=True))
    folder = state / "archive-officers"
    if not (folder / "dpo.share").exists():
        _make_shares(folder, _vkey(state / "secrets" / "archive-signing.key", origin), officers)
    lines = [f'{role} = ["{login.jid}"]' for role, login in officers.items()]
    text = "\n".join(["", "[archive.officers]", *lines, ""])
    config.write_text(config.read_text("utf-8") + text, "utf-8")
    for role, login in officers.items():
        _write_account(state, folder / role, login, port)


def described(state: Path, logins: Sequence[Login]) -> list[dict[str, str]]:
    """Return what `ready.json` says of the officers."""
    folder = state / "archive-officers"
    return [
        {
            "role": role,
            "jid": login.jid,
            "key_file": str(folder / f"{role}.key"),
            "share_file": str(folder / f"{role}.share"),
            "account_file": str(folder / f"{role}.toml"),
            "passphrase_file": str(folder / f"{role}.passphrase"),
        }
        for role, login in zip(ROLES, logins[-4:-1], strict=True)
    ]


def _write_account(state: Path, file: Path, login: Login, port: int) -> None:
    """Write the file that `--account` names; it is written anew, for ports may be others."""
    write_private(file.with_suffix(".password"), login.password + "\n")
    lines = (
        "[officer]",
        f'jid = "{login.jid}"',
        'host = "127.0.0.1"',
        f"port = {port}",
        f'secret_file = "{file.name}.password"',
        f'ca_file = "{state.resolve() / "ca.pem"}"',
    )
    write_private(file.with_suffix(".toml"), "\n".join([*lines, ""]))


def _make_shares(folder: Path, vkey: str, officers: Mapping[str, Login]) -> None:
    """Write keys, shares and the public side; the private side is not kept."""
    publics = {}
    for role, login in officers.items():
        file, publics[role] = make_key(role, login.password, secrets.token_bytes, COST)
        write_private(folder / f"{role}.key", write_file(file))
        write_private(folder / f"{role}.passphrase", login.password + "\n")
    generation, shares = make_generation(publics, vkey, secrets.token_bytes)
    write_public(folder / "resolving.pub", write_generations([generation]))
    for share in shares:
        write_private(folder / f"{share.role}.share", write_file(share))


def write_public(path: Path, text: str) -> None:
    """Replace a file that everybody may read."""
    write_private(path, text)
    path.chmod(0o644)


def _vkey(file: Path, origin: str) -> str:
    """Return the archive's public key; its private side is made here, before its first start."""
    if not file.exists():
        write_private(file, SigningKey(origin, secrets.token_bytes(KEY_SIZE)).encode() + "\n")
    return str(SigningKey.parse(file.read_text("ascii").strip()).verifier)
