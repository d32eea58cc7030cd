"""Profanity in a terminal: a client that nobody here wrote, driven by tmux as by a person."""

from __future__ import annotations

import os
import shutil
import subprocess
import time
from collections.abc import Callable
from pathlib import Path

COLUMNS, ROWS = 180, 50
PATIENCE = 40.0  # seconds


class Profanity:
    """One Profanity in a terminal of its own; its files lie below `home`."""

    def __init__(self, home: Path) -> None:
        self._socket = home / "tmux"
        home.mkdir(parents=True, exist_ok=True)
        environment = {
            "HOME": str(home),
            "XDG_CONFIG_HOME": str(home / "config"),
            "XDG_DATA_HOME": str(home / "data"),
            "PATH": os.environ["PATH"],
            "TERM": "xterm-256color",
            "LANG": "C.UTF-8",
        }
        words = [f"{key}={value}" for key, value in environment.items()]
        size = ["-x", str(COLUMNS), "-y", str(ROWS)]
        self._tmux("-f", "/dev/null", "new-session", "-d", *size, "env", "-i", *words, "profanity")
        self.wait_for("Profanity")

    def _tmux(self, *arguments: str) -> str:
        command = [shutil.which("tmux") or "tmux", "-S", str(self._socket), *arguments]
        return subprocess.run(command, check=True, capture_output=True, text=True).stdout

    def screen(self) -> str:
        """Return what the terminal shows."""
        return self._tmux("capture-pane", "-p")

    def type(self, line: str) -> None:
        """Type one line and Enter."""
        self._tmux("send-keys", "-l", line)
        self._tmux("send-keys", "Enter")

    def wait_until(self, holds: Callable[[str], bool], what: str) -> str:
        """Return the screen once `holds(screen)`; fail with the screen where it never does."""
        deadline = time.monotonic() + PATIENCE
        while not holds(screen := self.screen()):
            if time.monotonic() > deadline:
                raise AssertionError(f"Profanity never showed {what}; its screen:\n{screen}")
            time.sleep(0.05)
        return screen

    def wait_for(self, words: str) -> str:
        """Return the screen once it shows `words`."""
        return self.wait_until(lambda screen: words in screen, repr(words))

    def log_in(self, jid: str, password: str, port: int) -> None:
        """Connect by TLS, encrypt always, and make OMEMO keys."""
        self.type("/omemo policy always")
        self.type("/omemo trustmode blind")
        self.type(f"/connect {jid} server 127.0.0.1 port {port} tls trust")
        self.wait_for("Enter password:")
        self.type(password)
        self.wait_for("logged in successfully")
        self.type("/omemo gen")
        self.wait_for("Device ID")

    def open_chat(self, jid: str) -> None:
        """Go to the conversation with `jid`; from a room, /msg would look for an occupant."""
        self.type("/win 1")
        self.type(f"/msg {jid}")

    def close(self) -> None:
        """End the client and its terminal."""
        self._tmux("kill-server")
