"""Configuration files: paths beside the file, unknown settings, the environment, secrets."""

import gc
import sys
from pathlib import Path

import pytest

from xmppgov.config import ConfigPath, Section, Settings, XmppSection, load, read_secret
from xmppgov.errors import ConfigurationError
from xmppgov.xmpp.client import Account
from xmppgov.xmpp.component import Component


class Place(Section):
    file: ConfigPath


class Some(Settings):
    number: int = 1
    top: ConfigPath | None = None
    place: Place


def _write(folder: Path, text: str) -> Path:
    path = folder / "some.toml"
    path.write_text(text, "utf-8")
    return path


def test_a_relative_path_is_beside_the_file_at_any_depth(tmp_path: Path) -> None:
    path = _write(tmp_path, 'top = "a"\n[place]\nfile = "b/c"\n')
    settings = load(Some, path)
    assert (settings.top, settings.place.file) == (tmp_path / "a", tmp_path / "b/c")


def test_an_absolute_path_stays(tmp_path: Path) -> None:
    assert load(Some, _write(tmp_path, '[place]\nfile = "/x/y"\n')).place.file == Path("/x/y")


def test_the_environment_wins(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XMPPGOV_NUMBER", "7")
    assert load(Some, _write(tmp_path, 'number = 2\n[place]\nfile = "b"\n')).number == 7


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ('colour = 1\n[place]\nfile = "b"\n', "colour: unknown setting"),
        ('[place]\nfile = "b"\nsize = 1\n', "place.size: unknown setting"),
        ('number = "many"\n[place]\nfile = "b"\n', "number: "),
        ("[place\n", "not valid TOML"),
        ("", "place: this setting is missing"),
        ('[place]\nfiel = "b"\n', "place.fiel: unknown setting"),
        ('[rooms]\nfile = "b"\n', "[rooms] is none of its sections, and [place] is missing"),
    ],
)
def test_what_is_wrong_is_named(tmp_path: Path, text: str, said: str) -> None:
    path = _write(tmp_path, text)
    with pytest.raises(ConfigurationError) as caught:
        load(Some, path)
    assert said in str(caught.value)
    assert str(path) in str(caught.value)


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match=r"none\.toml"):
        load(Some, tmp_path / "none.toml")


def test_a_secret_that_others_can_read_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "secret"
    path.write_text("hidden\n")
    path.chmod(0o644)
    with pytest.raises(ConfigurationError) as caught:
        read_secret(path)
    assert "chmod 600" in str(caught.value)
    assert "hidden" not in str(caught.value)
    path.chmod(0o600)
    assert read_secret(path) == "hidden"


def test_a_stream_without_its_secret_leaves_no_traceback(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    left: list[object] = []
    monkeypatch.setattr(sys, "unraisablehook", left.append)
    section = XmppSection(jid="a@gov.localhost", port=5222, secret_file=tmp_path / "none")
    for make in (
        lambda: Account(section),
        lambda: Component(section, name="x", identity=("component", "x")),
    ):
        with pytest.raises(ConfigurationError):
            make()
    gc.collect()
    assert left == []
