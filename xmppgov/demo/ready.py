"""`ready.json`: what a test, a benchmark or a person's script needs to know of a running demo.

Written when everything answers, rewritten whenever a process gets another id, removed at start.
"""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from xmppgov.demo.accounts import Login
from xmppgov.demo.officers import described
from xmppgov.demo.prosody import Ports, write_private
from xmppgov.demo.witnesses import witness_urls

VERSION = 1
NAME = "ready.json"


@dataclass(frozen=True)
class Ready:
    """Everything in the file but the process ids."""

    state: Path
    domain: str
    ports: Ports
    logins: list[Login]
    verifier_key: str
    tiles_dir: Path
    policy_file: Path
    config: dict[str, Path]

    def document(self, pids: dict[str, int]) -> dict[str, Any]:
        """Return the JSON document; all paths are absolute."""
        return {
            "version": VERSION,
            "domain": self.domain,
            "host": "127.0.0.1",
            "ports": asdict(self.ports),
            "ca_file": str(self.state / "ca.pem"),
            "services": services(self.domain),
            "web_url": web_url(self.ports),
            "accounts": [
                {"jid": a.jid, "password": a.password, "name": a.name, "groups": list(a.groups)}
                for a in self.logins
            ],
            "archive": {
                "verifier_key": self.verifier_key,
                "tiles_dir": str(self.tiles_dir),
                "log_url": log_url(self.ports),
                "officers": described(self.state, self.logins),
                "policy_file": str(self.policy_file),
                "witnesses": witness_urls(self.ports),
            },
            "webhook": {
                "url": f"http://127.0.0.1:{self.ports.webhook}/",
                "secret_file": str(self.state / "secrets" / "webhook"),
            },
            "config": {name: str(path) for name, path in self.config.items()},
            "pids": pids,
        }

    def write(self, pids: dict[str, int]) -> None:
        """Write the file in one step, readable by its owner only: it holds passwords."""
        write_private(
            self.state / NAME, json.dumps(self.document(pids), ensure_ascii=False, indent=1)
        )


def web_url(ports: Ports) -> str:
    """Return the address of the web client."""
    return f"http://127.0.0.1:{ports.http}/"


def log_url(ports: Ports) -> str:
    """Return the address of the archive's public log."""
    return f"http://127.0.0.1:{ports.log}/"


def services(domain: str) -> dict[str, str]:
    """Return the address of each service of `domain`."""
    return {
        "directory": f"directory.{domain}",
        "archive": f"archive.{domain}",
        "rooms": f"governance.{domain}",
        "muc": f"rooms.{domain}",
        "guests": f"invites.{domain}",
        "alerts": f"alertes@{domain}",
        "annuaire": f"annuaire@{domain}",
    }
