"""The demo's officers: what everybody may read, what only its owner, and an account file each."""

from __future__ import annotations

from pathlib import Path

from xmppgov.archive.officer import read_generations
from xmppgov.config import load
from xmppgov.demo.accounts import Login
from xmppgov.demo.officers import ROLES, appoint, make_officers
from xmppgov_archive.officers.account import AccountFile


def test_the_public_key_is_public_and_nothing_else_is(tmp_path: Path) -> None:
    folder, config = tmp_path / "archive-officers", tmp_path / "archive.toml"
    config.write_text("")
    (tmp_path / "secrets").mkdir()
    people = (*ROLES, "guest")
    logins = [Login(f"{name}@gov.localhost", "password", name, "post", ()) for name in people]
    make_officers(folder)
    appoint(tmp_path, config, "archive.gov.localhost/log", logins, 17000)
    modes = {file.name: file.stat().st_mode & 0o777 for file in folder.iterdir()}
    assert modes.pop("resolving.pub") == 0o644
    assert set(modes.values()) == {0o600}
    assert len(read_generations((folder / "resolving.pub").read_text())) == 1
    for role in ROLES:
        account = load(AccountFile, folder / f"{role}.toml").officer
        assert (account.jid, account.port) == (f"{role}@gov.localhost", 17000)
        assert account.secret_file.read_text().strip() == "password"
