"""docs/operator.md: its configurations load, and its folders are those of the other files."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path

from xmppgov.archive.emitter.config import EmitterSection
from xmppgov.config import load
from xmppgov_archive.metrics.exposition import PREFIX, Figures, exposition
from xmppgov_directory.config import DirectorySettings
from xmppgov_rooms.config import RoomsSettings

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs" / "operator.md").read_text("utf-8")


def test_its_configurations_load(tmp_path: Path) -> None:
    directory, rooms, emitter = re.findall(r"```toml\n(.*?)```", PAGE, re.DOTALL)
    (tmp_path / "directory.toml").write_text(directory, "utf-8")
    (tmp_path / "rooms.toml").write_text(rooms, "utf-8")
    who_may_ask = load(DirectorySettings, tmp_path / "directory.toml").directory.machines
    settings = load(RoomsSettings, tmp_path / "rooms.toml")
    assert settings.xmpp.jid in who_may_ask
    assert settings.operator
    assert settings.operator.jid in settings.rooms.operators
    EmitterSection.model_validate(tomllib.loads(emitter)["emitter"])


def test_files_go_where_the_configurations_look_for_them() -> None:
    server = (ROOT / "prosody" / "prosody.cfg.lua").read_text("utf-8")
    unit = (ROOT / "systemd" / "xmppgov@.service").read_text("utf-8")
    for path in ("/usr/share/xmppgov/prosody", "/etc/prosody/secrets", "/etc/prosody/certs"):
        assert path in server
        assert path in PAGE
    assert "/opt/xmppgov/bin/xmppgov run %i" in unit
    assert "python3 -m venv /opt/xmppgov\n" in PAGE


def test_it_has_every_figure() -> None:
    printed = exposition(Figures(0, 0, 0, 0.0, 0, 0.0, 0, (), (), 0.0)).decode()
    figures = set(re.findall(rf"^# HELP {PREFIX}_(\w+)", printed, re.MULTILINE))
    table = "".join(re.findall(r"^\| (`.*?) \|", PAGE, re.MULTILINE))
    assert len(figures) > 15
    assert figures - set(re.findall(r"`(\w+)`", table)) == set()
