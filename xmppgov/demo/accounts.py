"""The accounts of the demo: a few dozen people of the country can log in, a dozen are shown.

Passwords are random, made once, and kept in `accounts.json`, which only its owner can read.
"""

from __future__ import annotations

import json
import secrets
from dataclasses import asdict, dataclass
from datetime import date
from pathlib import Path
from typing import Any

from xmppgov.demo.cast import cast
from xmppgov.demo.prosody import Prosody, write_private

CONSONANTS, VOWELS = "bdfgklmnprstvz", "aeiou"
SYLLABLES = 5  # of 70 each: 31 bits, for a server on loopback
BOTS = ("alertes", "annuaire", "operateur")


@dataclass(frozen=True)
class Login:
    """Who can log in, as the table shows them; `groups` are the ids of bodies with a room."""

    jid: str
    password: str
    name: str
    post: str = ""
    groups: tuple[str, ...] = ()
    shown: bool = False


def make_accounts(server: Prosody, state: Path) -> list[Login]:
    """Give the server every account that it does not have yet; return those to show, in order."""
    file = state / "accounts.json"
    if file.exists():
        logins = [_login(entry) for entry in json.loads(file.read_text("utf-8"))]
    else:
        people = cast(state / "country", server.domain, date.today())
        logins = [Login(**asdict(person), password=new_password()) for person in people]
        entries = [asdict(login) for login in logins]
        write_private(file, json.dumps(entries, ensure_ascii=False, indent=1))
    for login in logins:
        _ensure(server, login.jid, login.password)
    for name in BOTS:
        secret = (state / "secrets" / name).read_text("utf-8").strip()
        _ensure(server, f"{name}@{server.domain}", secret)
    return [login for login in logins if login.shown]


def new_password() -> str:
    """Return a password that can be read aloud and typed: `tiru-mepofa`."""
    pairs = [secrets.choice(CONSONANTS) + secrets.choice(VOWELS) for _ in range(SYLLABLES)]
    return "".join(pairs[:2]) + "-" + "".join(pairs[2:])


def _login(entry: dict[str, Any]) -> Login:
    return Login(**{**entry, "groups": tuple(entry["groups"])})


def _ensure(server: Prosody, jid: str, password: str) -> None:
    if not server.has_account(jid):
        server.add_account(jid, password)
