"""docs/witness.md: its configuration loads and names every setting, its commands exist."""

from __future__ import annotations

import re
from pathlib import Path

import typer.main

from xmppgov.config import ListenSection, load
from xmppgov_witness.commands import app
from xmppgov_witness.config import Config, LogKeySection, WitnessSection

PAGE = (Path(__file__).parents[2] / "docs" / "witness.md").read_text("utf-8")


def test_its_configuration_loads_and_names_every_setting(tmp_path: Path) -> None:
    example = re.search(r"```toml\n(.*?)```", PAGE, re.DOTALL)
    assert example is not None
    file = tmp_path / "witness.toml"
    file.write_text(example[1], "utf-8")
    assert list(load(Config, file).log_keys()) == ["archive.gov.example/2026"]
    sections = (WitnessSection, ListenSection, LogKeySection)
    names = {name for section in sections for name in section.model_fields}
    assert {name for name in names if name not in example[1]} == set()


def test_its_commands_exist() -> None:
    group = typer.main.get_command(app)
    commands = re.findall(r"^    xmppgov witness (\w+)", PAGE, re.MULTILINE)
    assert set(commands) == set(group.commands)  # type: ignore[attr-defined]
