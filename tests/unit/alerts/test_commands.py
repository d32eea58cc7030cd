"""`xmppgov alert` against a running webhook: what it prints, its exit statuses, its sentences."""

import asyncio
import json
import os
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from tests.unit.alerts.world import World, free_port, world
from xmppgov_alerts.config import SenderSettings, WebhookSection

SENT = ("send", "--to", "group:grp-1", "--severity", "Severe")


async def alert(config: Path, *arguments: str, text: str = "") -> tuple[int, str, str]:
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "xmppgov.cli.main", "alert", *arguments),
        *(("--config", str(config)) if "--help" not in arguments else ()),
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
        env={**os.environ, "LC_ALL": "en_GB.UTF-8", "COLUMNS": "80", "NO_COLOR": "1"},
    )
    out, err = await process.communicate(text.encode())
    return process.returncode or 0, out.decode(), err.decode()


def written(folder: Path, section: WebhookSection) -> Path:
    """Write the configuration of a webhook."""
    assert SenderSettings(webhook=section)
    lines = ["[webhook]", f"port = {section.port}"]
    for key in section.keys:
        scope = json.dumps(list(key.scope))
        lines += ["[[webhook.keys]]", f'name = "{key.name}"', f'secret_file = "{key.secret_file}"']
        lines += [f"scope = {scope}"]
    (file := folder / "alerts.toml").write_text("\n".join(lines))
    return file


@asynccontextmanager
async def served(folder: Path) -> AsyncIterator[tuple[World, Path]]:
    async with world(folder, one={}, narrow={"scope": ["group:grp-2"]}) as w:
        yield w, written(folder, w.section)


async def test_an_alert_is_sent_and_followed(tmp_path: Path) -> None:
    async with served(tmp_path) as (w, config):
        status, out, err = await alert(config, *SENT, "-", text="Évacuez.\n")
        assert (status, len(out.strip())) == (0, 16)
        assert "Accepted for 3 people, 2 of them with an account." in err
        assert "Évacuez." in await w.alerts.render(out.strip(), "alice@gov.example")
        status, table, err = await alert(config, "status", out.strip())
        assert (status, err) == (0, "")
        assert table.splitlines()[3].startswith("no account  Zoé")
        assert max(map(len, table.splitlines())) <= 80
        status, document, _ = await alert(config, "status", out.strip(), "--json")
        assert json.loads(document)["counts"]["queued"] == 2


async def test_the_text_comes_from_a_file_and_an_id_repeats(tmp_path: Path) -> None:
    async with served(tmp_path) as (_, config):
        (file := tmp_path / "text").write_text("Depuis un fichier.")
        repeated = [
            await alert(config, *SENT, "--file", str(file), "--id", "r1", "--json")
            for _ in range(2)
        ]
        assert {status for status, _, _ in repeated} == {0}
        assert len({json.loads(out)["id"] for _, out, _ in repeated}) == 1


async def test_refusals_are_one_sentence_and_status_1(tmp_path: Path) -> None:
    async with served(tmp_path) as (_, config):
        refused = {
            ("group:nobody",): "group:nobody: the directory knows no such audience.",
            ("body:pref-59",): "body:pref-59: outside the scope of this key.",
            ("group:grp-1", "--key", "narrow"): "group:grp-1: outside the scope of this key.",
        }
        asked = [
            alert(config, "send", "--to", target, "--severity", "Minor", "-", *more, text="x")
            for target, *more in refused
        ]
        results = await asyncio.gather(*asked, alert(config, "status", "0" * 16))
        sentences = [*refused.values(), "There is no such alert."]
        assert results == [(1, "", f"{sentence}\n") for sentence in sentences]


async def test_following_ends_when_nothing_can_change(tmp_path: Path) -> None:
    async with served(tmp_path) as (w, config):
        _, answer = await w.post({"to": ["group:grp-3"], "severity": "Minor", "text": "x"})
        status, out, err = await alert(config, "status", answer["id"], "--watch")
        assert (status, err) == (0, "")
        assert "no account" in out


async def test_misuse_is_status_2(tmp_path: Path) -> None:
    async with served(tmp_path) as (_, config):
        misused = [
            SENT,
            (*SENT, "x", "--key", "other"),
            ("send", "--to", "group:a", "--severity", "Huge", "x"),
            (*SENT, "--file", str(tmp_path / "none")),
        ]
        results = await asyncio.gather(*(alert(config, *arguments) for arguments in misused))
        assert [status for status, _, _ in results] == [2] * 4


async def test_nothing_listens(tmp_path: Path) -> None:
    async with served(tmp_path) as (w, _):
        section = w.section
    config = written(tmp_path, section.model_copy(update={"port": free_port()}))
    status, _, err = await alert(config, *SENT, "x")
    assert status == 1
    assert "Start it (xmppgov run alerts)" in err


@pytest.mark.parametrize("command", ["send", "update", "cancel", "status", "report"])
async def test_help_names_every_option_and_warns(tmp_path: Path, command: str) -> None:
    status, out, _ = await alert(tmp_path, command, "--help")
    assert status == 0
    assert "--config" in out
    assert command in ("status", "report") or "visible" in out


async def test_a_severity_is_known_in_small_letters(tmp_path: Path) -> None:
    async with served(tmp_path) as (_, config):
        small = ("send", "--to", "group:grp-1", "--severity", "severe", "--json")
        status, document, err = await alert(config, *small, "-", text="Évacuez.\n")
        assert (status, json.loads(document)["severity"]) == (0, "Severe"), err


async def test_an_exercise_is_updated_called_off_and_written_as_a_table(tmp_path: Path) -> None:
    async with served(tmp_path) as (_, config):
        sending = (*SENT, "--status", "exercise", "-")
        _, out, _ = await alert(config, *sending, text="Évacuez.")
        status, new, err = await alert(config, "update", out.strip(), "-", text="Rentrez.")
        assert (status, len(new.strip())) == (0, 16), err
        status, shown, err = await alert(config, "status", new.strip())
        lines = [line.strip() for line in shown.splitlines()]
        assert (status, lines[0], lines[-1]) == (0, "EXERCICE — EXERCISE", lines[0]), err
        status, document, err = await alert(config, "cancel", out.strip(), "--json")
        assert (status, json.loads(document)["msg_type"]) == (0, "Cancel"), err
        status, table, err = await alert(config, "report", new.strip())
        assert (status, len(table.splitlines())) == (0, 4), err
        status, _, err = await alert(config, "cancel", out.strip())
        assert (status, err) == (1, "This alert is cancelled already.\n")
