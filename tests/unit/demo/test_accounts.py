"""Accounts: made once, private, the same at the next start."""

import re
from pathlib import Path

import pytest

from xmppgov.demo.accounts import BOTS, make_accounts, new_password
from xmppgov.demo.prosody import Ports, Prosody, write_secret

PEOPLE = "id,title,given_name,family_name,jid,lang\np1,M.,Jean,Petit,jean.petit@gov.localhost,fr\n"


@pytest.fixture
def server(tmp_path: Path) -> Prosody:
    country = tmp_path / "country"
    country.mkdir()
    (country / "people.csv").write_text(PEOPLE, "utf-8")
    (country / "bodies.csv").write_text("id,kind,name,short_name,parent,room,start,end\n", "utf-8")
    (country / "posts.csv").write_text("person_id,body_id,title,role,start,end\n", "utf-8")
    for name in BOTS:
        write_secret(tmp_path / "secrets" / name)
    return Prosody(tmp_path, Ports.from_base(1024))


def test_a_second_start_has_the_same_accounts(server: Prosody) -> None:
    first = make_accounts(server, server.state)
    files = {p: p.read_bytes() for p in (server.state / "prosody").rglob("*.dat")}
    assert make_accounts(server, server.state) == first
    assert {p: p.read_bytes() for p in (server.state / "prosody").rglob("*.dat")} == files
    assert all(server.has_account(login.jid) for login in first)
    assert all(server.has_account(f"{name}@gov.localhost") for name in BOTS)


def test_the_file_of_passwords_is_private(server: Prosody) -> None:
    make_accounts(server, server.state)
    assert (server.state / "accounts.json").stat().st_mode & 0o077 == 0


def test_no_password_is_in_the_servers_files(server: Prosody) -> None:
    logins = make_accounts(server, server.state)
    stored = b"".join(p.read_bytes() for p in (server.state / "prosody").rglob("*.dat"))
    assert not [login for login in logins if login.password.encode() in stored]


def test_passwords_differ_and_can_be_typed() -> None:
    passwords = {new_password() for _ in range(200)}
    assert len(passwords) == 200
    assert all(re.fullmatch(r"[a-z]{4}-[a-z]{6}", p) for p in passwords)
