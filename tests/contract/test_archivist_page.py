"""The archivist's page: its configuration loads, its commands and its findings are complete."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import get_args

import typer.main
from pydantic import BaseModel

from xmppgov.config import load
from xmppgov_archive.commands import app
from xmppgov_archive.config import ArchiveSection, Config

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs" / "archivist.md").read_text("utf-8")


def test_its_configuration_loads_and_names_every_setting(tmp_path: Path) -> None:
    example = re.search(r"```toml\n(.*?)```", PAGE, re.DOTALL)
    assert example is not None
    file = tmp_path / "archive.toml"
    file.write_text(example[1])
    assert load(Config, file).archive.servers == ("gov.example",)
    assert {name for name in ArchiveSection.model_fields if name not in example[1]} == set()


def _settings(model: type[BaseModel]) -> Iterator[str]:
    """Yield each setting of a section and of the sections in it."""
    for name, field in model.model_fields.items():
        yield name
        for part in _models(field.annotation):
            yield from _settings(part)


def _models(annotation: object) -> Iterator[type[BaseModel]]:
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        yield annotation
    for part in get_args(annotation):
        yield from _models(part)


def test_its_table_has_every_setting() -> None:
    table = "".join(re.findall(r"^\| (`.*?) \|", PAGE, re.MULTILINE))
    named = {name.rpartition(".")[2] for name in re.findall(r"`([a-z_.]+)`", table)}
    assert set(_settings(ArchiveSection)) - named == set()


def test_its_commands_and_their_options_exist() -> None:
    group = typer.main.get_command(app)
    lines = re.findall(r"^    xmppgov archive (.*)$", PAGE, re.MULTILINE)
    assert len(lines) >= 6
    for line in lines:
        words = line.split()
        command = group.commands[words[0]]  # type: ignore[attr-defined]
        if hasattr(command, "commands"):
            command = command.commands[words[1]]
        known = {option for param in command.params for option in param.opts}
        assert {word for word in words if word.startswith("--")} <= known, line
    assert set(group.commands) == {line.split()[0] for line in lines}  # type: ignore[attr-defined]


def test_its_table_has_every_finding() -> None:
    sources = [
        *(ROOT / "xmppgov" / "archive").rglob("*.py"),
        *(ROOT / "components" / "xmppgov_archive").rglob("*.py"),
    ]
    pattern = r'(?:_say|report\.add)\(\s*"([a-z]+(?:-[a-z]+)*)"'
    codes = {code for file in sources for code in re.findall(pattern, file.read_text("utf-8"))}
    assert len(codes) > 12
    assert {code for code in codes if f"`{code}`" not in PAGE} == set()
