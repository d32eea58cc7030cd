"""Settings and keys: what is refused at start, and what the sentence says."""

from pathlib import Path
from typing import Any

import pytest

from xmppgov.config import load
from xmppgov.errors import ConfigurationError
from xmppgov_alerts.config import (
    AlertsSection,
    KeySection,
    SenderSettings,
    WebhookSection,
    read_cipher,
    read_senders,
)


def secret(path: Path, text: str, mode: int = 0o600) -> Path:
    path.parent.mkdir(exist_ok=True)
    path.touch(mode=mode)
    path.chmod(mode)
    path.write_text(text)
    return path


def webhook(*files: Path, **more: Any) -> WebhookSection:
    keys = [
        KeySection(name=f"k{n}", secret_file=file, scope=["group:*"])
        for n, file in enumerate(files)
    ]
    return WebhookSection(port=1, keys=keys, **more)


def test_the_key_of_texts_must_lie_outside_the_databases_folder(tmp_path: Path) -> None:
    inside = secret(tmp_path / "db" / "key", "k" * 40)
    outside = secret(tmp_path / "keys" / "key", "k" * 40)
    (link := tmp_path / "keys" / "link").symlink_to(inside)
    database = tmp_path / "db" / "alerts.sqlite"
    for path in (inside, link, tmp_path / "keys" / ".." / "db" / "key"):
        with pytest.raises(ConfigurationError, match="database's folder"):
            read_cipher(AlertsSection(text_key_file=path), database)
    read_cipher(AlertsSection(text_key_file=outside), database)


@pytest.mark.parametrize(
    ("text", "mode", "reason"),
    [("short", 0o600, "shorter"), ("k" * 40, 0o644, "chmod 600"), ("", 0o600, "empty")],
)
def test_a_bad_key_of_texts(tmp_path: Path, text: str, mode: int, reason: str) -> None:
    path = secret(tmp_path / "keys" / "key", text, mode)
    with pytest.raises(ConfigurationError, match=reason) as refused:
        read_cipher(AlertsSection(text_key_file=path), tmp_path / "db" / "alerts.sqlite")
    assert str(path) in str(refused.value)
    assert "k" * 40 not in str(refused.value)


def test_two_keys_need_two_secrets(tmp_path: Path) -> None:
    one, other = (secret(tmp_path / n, "s" * 32) for n in ("one", "other"))
    with pytest.raises(ConfigurationError, match="same secret"):
        read_senders(webhook(one, other))
    assert list(read_senders(webhook(one))) == ["k0"]


@pytest.mark.parametrize(
    ("line", "reason"),
    [
        ("scope = []", "scope"),
        ('scope = ["*"]', "scope"),
        ('scope = ["group:*"]\nmax_severity = "Huge"', "max_severity"),
        ('scope = ["group:*"]\nscopes = 1', "unknown setting"),
        ('scope = ["group:*"]\n[[webhook.keys]]\nname="a"\nsecret_file="s"\nscope=["group:*"]',
         "same name"),
    ],
)  # fmt: skip
def test_a_wrong_setting_is_named(tmp_path: Path, line: str, reason: str) -> None:
    (file := tmp_path / "alerts.toml").write_text(
        f'[webhook]\nport = 1\n[[webhook.keys]]\nname = "a"\nsecret_file = "s"\n{line}\n'
    )
    with pytest.raises(ConfigurationError, match=reason):
        load(SenderSettings, file)


def test_the_command_line_needs_the_webhook_alone(tmp_path: Path) -> None:
    (file := tmp_path / "alerts.toml").write_text(
        '[webhook]\nport = 17004\n[[webhook.keys]]\nname = "a"\nsecret_file = "s"\n'
        'scope = ["group:*"]\n[something]\nelse = 1\n'
    )
    settings = load(SenderSettings, file).webhook
    assert settings.address == "http://127.0.0.1:17004"
    assert settings.keys[0].secret_file == tmp_path / "s"
    assert "s" * 5 not in repr(settings)


def test_an_unknown_time_zone_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="time zone"):
        AlertsSection(text_key_file=tmp_path, time_zone="Europe/Atlantis")
