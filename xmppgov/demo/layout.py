"""What lies in the demo's folder before anything runs: keys, accounts, configuration, the country.

A second start finds all of it and changes none but the configuration, whose ports may differ.
"""

from __future__ import annotations

import fcntl
import os
import sys
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TextIO

from xmppgov.config import XmppSection
from xmppgov.demo.accounts import Login, make_accounts
from xmppgov.demo.officers import appoint
from xmppgov.demo.process import Program, run_once
from xmppgov.demo.prosody import Ports, Prosody, listening
from xmppgov.demo.ready import NAME, Ready
from xmppgov.demo.screen import Screen
from xmppgov.demo.settings import write_settings
from xmppgov.demo.web import lay_web_folder, require_converse
from xmppgov.errors import ConfigurationError
from xmppgov.i18n import Texts

texts = Texts(__package__)
DOMAIN = "gov.localhost"
TABLES = ("people", "bodies", "posts")


@dataclass(frozen=True)
class Layout:
    """A folder that is ready to be run from."""

    state: Path
    domain: str
    ports: Ports
    prosody: Prosody
    config: dict[str, Path]
    logins: list[Login]
    lock: TextIO
    """Held while the demo runs; two demos on one folder would spoil it."""

    @property
    def tiles(self) -> Path:
        """The folder of the archive's public files."""
        return self.state / "archive-public" / "log"

    def log(self, name: str) -> Path:
        """Return the file that takes the output of the process `name`."""
        return self.state / "log" / f"{name}.log"

    def operator(self) -> XmppSection:
        """Return how the operator's account reaches the server."""
        return XmppSection(
            jid=f"operateur@{self.domain}/demo",
            port=self.ports.c2s,
            secret_file=self.state / "secrets" / "operateur",
            ca_file=self.state / "ca.pem",
        )

    def ready(self) -> Ready:
        """Return what `ready.json` says."""
        key = self.tiles.parent / "verifier.vkey"
        return Ready(
            state=self.state,
            domain=self.domain,
            ports=self.ports,
            logins=self.logins,
            verifier_key=key.read_text("utf-8").strip() if key.exists() else "",
            tiles_dir=self.tiles,
            policy_file=self.tiles.parent / "policy",
            config=self.config,
        )


async def lay_out(state: Path, ports: Ports, screen: Screen) -> Layout:
    """Make `state` hold everything that the processes need.

    Raises:
        ConfigurationError: a port is taken, another demo runs on this folder, the web client or
            Prosody is not installed.
    """
    require_free(ports)
    require_converse()
    prosody = Prosody(state, ports, DOMAIN, web=state / "web")
    prosody.command()
    state.mkdir(parents=True, exist_ok=True, mode=0o700)
    lock = _lock(state)
    (state / NAME).unlink(missing_ok=True)
    with screen.step(texts("Keys, certificates and configuration in {state}", state=state)):
        prosody.prepare()
        config = write_settings(state, DOMAIN, ports)
        lay_web_folder(state / "web", DOMAIN)
    await _import_country(state, config["directory"], screen)
    with screen.step(texts("Accounts")):
        logins = make_accounts(prosody, state)
        appoint(state, config["archive"], f"archive.{DOMAIN}/log", logins, ports.c2s)
    return Layout(state, DOMAIN, ports, prosody, config, logins, lock)


def require_free(ports: Ports) -> None:
    """Raise where something listens on one of `ports`.

    Raises:
        ConfigurationError: names the port and how to choose others.
    """
    for use, port in asdict(ports).items():
        if listening(port):
            raise ConfigurationError(
                texts(
                    "Port {port} ({use}) is taken; stop what listens there or choose another "
                    "--base-port (PORT= of make).",
                    port=port,
                    use=use,
                )
            )


def _lock(state: Path) -> TextIO:
    lock = (state / "lock").open("w")
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError as error:
        lock.close()
        raise ConfigurationError(
            texts(
                "Another demo runs on {state}; choose another --state (STATE= of make).",
                state=state,
            )
        ) from error
    return lock


async def _import_country(state: Path, config: Path, screen: Screen) -> None:
    """Generate the country's tables and import them, once; `imported` says that both were done."""
    folder = state / "country"
    done = folder / "imported"
    if done.exists():
        return
    if not (folder / f"{TABLES[-1]}.csv").exists():
        from xmppgov.demo.country import write_country

        with screen.step(texts("A synthetic country: 6,000 people, their bodies and posts")):
            write_country(folder)
    tables = [str(folder / f"{name}.csv") for name in TABLES]
    command = [sys.executable, "-m", "xmppgov.cli.main", "directory", "import"]
    program = Program(
        "directory import",
        [*command, "--config", str(config), *tables],
        os.environ,
        state / "log" / "import.log",
    )
    with screen.step(texts("Importing it into the directory")):
        await run_once(program)
    done.touch()
