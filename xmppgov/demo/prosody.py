"""An embedded Prosody below one folder, on loopback: its files, its accounts, its process."""

from __future__ import annotations

import hashlib
import hmac
import os
import secrets
import shutil
import socket
import subprocess
import time
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path

import xmppgov
from xmppgov.demo.certificates import make_certificates
from xmppgov.errors import ConfigurationError, Unreachable
from xmppgov.i18n import Texts

texts = Texts("xmppgov")
ALL_MODULES = "capture policy keys rooms contacts delivery uploads"
SUBDOMAINS = ("directory", "archive", "governance", "rooms", "invites", "upload")
SCRAM_ITERATIONS = 4096
FIRST_PORT, PORT_BLOCK, PORT_BLOCKS = 10_000, 10, 2_200


@dataclass(frozen=True)
class Ports:
    """The ports of one embedded stack."""

    c2s: int
    s2s: int
    component: int
    http: int
    webhook: int
    log: int
    metrics: int
    witness1: int
    witness2: int
    witness3: int

    @classmethod
    def from_base(cls, base: int) -> Ports:
        """Return the consecutive ports from `base`."""
        return cls(*range(base, base + PORT_BLOCK))

    @classmethod
    def free(cls) -> Ports:
        """Return consecutive ports on which nothing listens now.

        They are below the range from which the kernel serves whoever connects: a port from there
        could be gone before the server that it was meant for listens.
        """
        while True:
            ports = cls.from_base(FIRST_PORT + PORT_BLOCK * secrets.randbelow(PORT_BLOCKS))
            if not any(listening(port) for port in asdict(ports).values()):
                return ports


def prosody_folder() -> Path:
    """Return the folder of our server modules and configurations."""
    packaged = Path(__file__).parent / "prosody"
    return packaged if packaged.is_dir() else Path(xmppgov.__file__).parents[1] / "prosody"


def notices_file() -> Path:
    """Return the file of fixed sentences that bots may send in clear."""
    return Path(xmppgov.__file__).parent / "notices.json"


@dataclass
class Prosody:
    """One server: `prepare()` its folder, add accounts, `start()`, `stop()` or `kill()`."""

    state: Path
    ports: Ports
    domain: str = "gov.localhost"
    modules: str = ALL_MODULES
    web: Path | None = None
    environment: Mapping[str, str] = field(default_factory=dict)
    process: subprocess.Popen[bytes] | None = None

    def prepare(self) -> None:
        """Make folders, certificates and component secrets that do not exist yet."""
        for name in ("prosody", "spool", "secrets", "log"):
            (self.state / name).mkdir(parents=True, exist_ok=True, mode=0o700)
        names = [self.domain, *(f"{sub}.{self.domain}" for sub in SUBDOMAINS)]
        make_certificates(self.state, names)
        for component in ("directory", "archive", "rooms"):
            write_secret(self.state / "secrets" / component)

    def add_account(self, jid: str, password: str) -> None:
        """Write an account of Prosody's internal_hashed storage; only while the server is down."""
        file = self._account_file(jid)
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(_scram_record(password), "utf-8")

    def has_account(self, jid: str) -> bool:
        """Tell whether the account is there."""
        return self._account_file(jid).exists()

    def _account_file(self, jid: str) -> Path:
        user, host = (_store_name(part) for part in jid.split("@"))
        return self.state / "prosody" / host / "accounts" / f"{user}.dat"

    def start(self) -> None:
        """Start the process and return when it accepts clients and components.

        Raises:
            ConfigurationError: Prosody is not installed, or stops at once (its log says why).
            Unreachable: it does not answer within 15 seconds.
        """
        with (self.state / "log" / "prosody.log").open("ab") as log:
            self.process = subprocess.Popen(
                self.command(),
                env=self.environ(),
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
        self._wait_until_ready()

    def command(self) -> list[str]:
        """Return the command that runs this server in the foreground.

        Raises:
            ConfigurationError: Prosody is not installed.
        """
        executable = shutil.which(
            "prosody", path=os.environ.get("PATH", "") + ":/usr/bin:/usr/sbin"
        )
        if executable is None:
            raise ConfigurationError(texts("Prosody is not installed; run: apt install prosody"))
        return [executable, "-F", "--config", str(prosody_folder() / "demo.cfg.lua")]

    def stop(self, timeout: float = 10.0) -> None:
        """Ask the server to stop and wait; kill it after `timeout` seconds."""
        if self.process is None:
            return
        self.process.terminate()
        try:
            self.process.wait(timeout)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
        self.process = None

    def kill(self) -> None:
        """SIGKILL the server."""
        if self.process is not None:
            self.process.kill()
            self.process.wait()
            self.process = None

    def environ(self) -> dict[str, str]:
        """Return the environment that the configuration reads, ours and the caller's."""
        ours = {
            "XMPPGOV_STATE": str(self.state),
            "XMPPGOV_DOMAIN": self.domain,
            "XMPPGOV_PROSODY": str(prosody_folder()),
            "XMPPGOV_MODULES": self.modules,
            "XMPPGOV_NOTICES": str(notices_file()),
            "XMPPGOV_WEB": str(self.web or self.state),
        }
        ports = {
            f"XMPPGOV_PORT_{name.upper()}": str(port) for name, port in asdict(self.ports).items()
        }
        return {**os.environ, **ours, **ports, **self.environment}

    def _wait_until_ready(self) -> None:
        deadline = time.monotonic() + 15
        for port in (self.ports.c2s, self.ports.component):
            while not listening(port):
                log = self.state / "log" / "prosody.log"
                if self.process is None or self.process.poll() is not None:
                    raise ConfigurationError(
                        texts("Prosody stopped at once; its log says why: {log}", log=log)
                    )
                if time.monotonic() > deadline:
                    raise Unreachable(
                        texts("Prosody does not answer; its log says why: {log}", log=log)
                    )
                time.sleep(0.02)


def write_secret(path: Path) -> None:
    """Write a new random secret to `path`, readable by its owner only, unless it exists."""
    if path.exists():
        return
    path.parent.mkdir(parents=True, exist_ok=True)
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "w") as file:
        file.write(secrets.token_urlsafe(24) + "\n")


def write_private(path: Path, text: str) -> None:
    """Replace `path` by `text` in one step; readable by its owner only."""
    new = path.with_name(path.name + ".new")
    descriptor = os.open(new, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(descriptor, "w", encoding="utf-8") as file:
        file.write(text + "\n")
    new.replace(path)


def _store_name(name: str) -> str:
    """Encode a name as Prosody's file storage does: anything but letters and digits as %xx."""
    return "".join(
        c if c.isascii() and c.isalnum() else "".join(f"%{b:02x}" for b in c.encode()) for c in name
    )


def _scram_record(password: str) -> str:
    """Return the RFC 5802 SCRAM-SHA-1 keys of `password` as a Prosody data file."""
    salt = secrets.token_hex(16)
    salted = hashlib.pbkdf2_hmac("sha1", password.encode(), salt.encode(), SCRAM_ITERATIONS)
    client_key = hmac.digest(salted, b"Client Key", "sha1")
    stored_key = hashlib.sha1(client_key, usedforsecurity=False).hexdigest()
    server_key = hmac.digest(salted, b"Server Key", "sha1").hex()
    return (
        f'return {{ ["salt"] = "{salt}"; ["iteration_count"] = {SCRAM_ITERATIONS}; '
        f'["stored_key"] = "{stored_key}"; ["server_key"] = "{server_key}"; }};\n'
    )


def listening(port: int) -> bool:
    """Tell whether something accepts connections on loopback `port`."""
    with socket.socket() as probe:
        probe.settimeout(0.2)
        return probe.connect_ex(("127.0.0.1", port)) == 0
