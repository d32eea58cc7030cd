"""A whole demo as a person starts it: what it says, what comes back, what a second start keeps."""

from __future__ import annotations

import json
import os
import re
import signal
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest

from tests.conftest import require_program
from tests.demo_process import Demo, free_base_port
from tests.unit.components.archive.mirror import Mirror
from xmppgov.tlog.policy import Policy

WITNESSES = ["witness1", "witness2", "witness3"]
PARTS = {"prosody", "directory", "archive", "rooms", "alerts", "annuaire", *WITNESSES}


@pytest.fixture(scope="module")
def demo(
    tmp_path_factory: pytest.TempPathFactory, request: pytest.FixtureRequest
) -> Iterator[Demo]:
    require_program(request.config, "prosody")
    running = Demo(tmp_path_factory.mktemp("demo") / "state", free_base_port())
    running.start()
    yield running
    running.kill()


def until(holds: Callable[[], bool], what: str, seconds: float = 30) -> None:
    deadline = time.monotonic() + seconds
    while not holds():
        assert time.monotonic() < deadline, f"not within {seconds} s: {what}"
        time.sleep(0.05)


def alive(pid: int) -> bool:
    try:
        state = Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0]
    except OSError:
        return False
    return state != "Z"


def test_ready_json_says_what_the_design_says(demo: Demo) -> None:
    ready = demo.ready
    assert (ready["version"], ready["domain"], ready["host"]) == (1, "gov.localhost", "127.0.0.1")
    names = ["c2s", "s2s", "component", "http", "webhook", "log", "metrics", *WITNESSES]
    assert ready["ports"] == {n: demo.base_port + i for i, n in enumerate(names)}
    assert set(ready["config"]) == PARTS - {"prosody"}
    assert set(ready["pids"]) == PARTS
    assert all(alive(pid) for pid in ready["pids"].values())
    paths = [ready["ca_file"], ready["archive"]["tiles_dir"], ready["webhook"]["secret_file"]]
    assert all(
        Path(p).is_absolute() and Path(p).exists() for p in [*paths, *ready["config"].values()]
    )
    assert (Path(ready["archive"]["tiles_dir"]) / "cosigned").exists()
    assert ready["archive"]["verifier_key"].startswith("archive.gov.localhost/log+")
    assert (demo.state / "ready.json").stat().st_mode & 0o077 == 0


def test_anybody_can_mirror_the_log_and_see_who_witnessed_it(demo: Demo) -> None:
    archive = demo.ready["archive"]
    port = demo.ready["ports"]["log"]
    assert archive["log_url"] == f"http://127.0.0.1:{port}/"
    mirror = Mirror("127.0.0.1", port, archive["verifier_key"])
    mirror.update()
    policy = Policy.parse(mirror.get("policy")[2])
    assert policy.encode() == Path(archive["policy_file"]).read_bytes()
    verdict = policy.judge(mirror.get("cosigned")[2])
    assert verdict.satisfied
    assert len(verdict.cosigned) >= 3
    assert [w.url for w in policy.witnesses if w.url] == archive["witnesses"]
    with urllib.request.urlopen(f"http://127.0.0.1:{port + 1}/metrics", timeout=10) as answer:
        assert b"xmppgov_archive_cosigned_entries" in answer.read()


def test_the_accounts_are_those_of_the_design(demo: Demo) -> None:
    accounts = demo.ready["accounts"]
    assert 10 <= len(accounts) <= 14
    assert set(accounts[0]["groups"]) & set(accounts[1]["groups"])
    members = [g for a in accounts for g in a["groups"]]
    assert sum(members.count(group) >= 2 for group in set(members)) >= 3
    assert accounts[-1]["jid"].endswith("@invites.gov.localhost")
    assert len({a["password"] for a in accounts}) == len(accounts)


def test_the_web_client_is_served_with_its_wasm(demo: Demo) -> None:
    url = demo.ready["web_url"]
    for path, kind in (("", "text/html"), ("converse/curve25519_compiled.wasm", "")):
        with urllib.request.urlopen(url + path, timeout=10) as answer:
            assert answer.status == 200
            assert kind in answer.headers["Content-Type"]


def test_the_screen_fits_eighty_columns_and_names_everybody(demo: Demo) -> None:
    until(lambda: "Ctrl-C" in demo.output, "the table")
    table = demo.output.split(demo.ready["web_url"])[1].split(" 1. ")[0]
    assert max(len(line) for line in table.splitlines()) <= 80
    flat = "".join(table.split())
    for account in demo.ready["accounts"]:
        assert "".join(account["jid"].split()) in flat
        assert account["password"] in flat


def test_its_officers_open_names_two_by_two(demo: Demo, tmp_path: Path) -> None:
    ready = demo.ready
    officers = {one["role"]: one for one in ready["archive"]["officers"]}
    assert [one["jid"] for one in officers.values()] == [
        account["jid"] for account in ready["accounts"][-4:-1]
    ]
    passwords = {account["jid"]: account["password"] for account in ready["accounts"]}
    assert all(
        Path(one["passphrase_file"]).stat().st_mode & 0o077 == 0 for one in officers.values()
    )

    def run(role: str, *words: str) -> str:
        jid, secret = officers[role]["jid"], tmp_path / role
        secret.touch(mode=0o600)
        secret.write_text(passwords[jid])
        server = f"{ready['host']}:{ready['ports']['c2s']}"
        account = ("--as", jid, "--password-file", str(secret), "--server", server)
        return demo.cli("archive", *words, *account, "--ca-file", ready["ca_file"]).stdout

    today = datetime.now(UTC).date().isoformat()
    scope = ("--person", ready["accounts"][0]["jid"], "--from", today, "--to", today)
    run("dpo", "request", "--purpose", "audit", "--case", "1", *scope)
    number = json.loads(run("security", "requests", "--json"))["requests"][0]["request"]
    for role in ("security", "archivist"):
        mine = officers[role]
        files = ("--share", mine["share_file"], "--key", mine["key_file"])
        run(role, "approve", number, *files, "--passphrase-file", mine["passphrase_file"])
    answer = [
        json.loads(line) for line in run("dpo", "answer", number, "--format", "ndjson").splitlines()
    ]
    assert officers["dpo"]["jid"] in answer[0]["watermark"]


def test_the_archivist_s_example_runs_as_it_stands(demo: Demo, tmp_path: Path) -> None:
    page = (Path(__file__).parents[2] / "docs" / "archivist.md").read_text("utf-8")
    commands = re.findall(r"^    \.venv/bin/xmppgov (archive .*)$", page, re.MULTILINE)
    assert len(commands) == 9
    first, *others = (c.replace("demo-state", str(demo.state)) for c in commands)
    asked = shell(first, tmp_path)
    number = re.search(r"\b[0-9a-f]{8}\b", asked)
    assert number is not None, asked
    said = [shell(command.replace("NUMERO", number[0]), tmp_path) for command in others]
    assert len((tmp_path / "code.txt").read_text().splitlines()) == 4
    assert "charles-amine.mauroy@gov.localhost" in said[1]
    assert f"Demande {number[0]}" in " ".join(said[-2].split())
    assert "audit" in said[-1]


def shell(command: str, folder: Path) -> str:
    """Run a line of a page, as it stands, in French; return all that it says."""
    done = subprocess.run(
        ["bash", "-c", f'"{sys.executable}" -m xmppgov.cli.main {command}'],
        cwd=folder,
        env={**os.environ, "LANG": "fr_FR.UTF-8"},
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout + done.stderr


def test_a_second_demo_on_its_ports_is_refused_with_the_port(demo: Demo, tmp_path: Path) -> None:
    options = ["--state", str(tmp_path / "other"), "--base-port", str(demo.base_port)]
    done = demo.cli("demo", *options, check=False)
    assert done.returncode == 2
    assert str(demo.base_port) in done.stderr
    assert not (tmp_path / "other").exists()


def test_a_second_demo_on_its_folder_is_refused(demo: Demo) -> None:
    options = ["--state", str(demo.state), "--base-port", str(free_base_port())]
    done = demo.cli("demo", *options, check=False)
    assert done.returncode == 2
    assert (demo.state / "ready.json").exists()


@pytest.mark.parametrize("name", sorted(PARTS))
def test_a_killed_process_comes_back_alone(demo: Demo, name: str) -> None:
    before = demo.ready["pids"]
    os.kill(before[name], signal.SIGKILL)
    until(lambda: demo.ready["pids"][name] != before[name], f"{name} is started again")
    after = demo.ready["pids"]
    assert alive(after[name])
    assert {k: v for k, v in after.items() if k != name} == {
        k: v for k, v in before.items() if k != name
    }


def test_a_second_start_goes_on_with_what_was_there(demo: Demo) -> None:
    before, pids = demo.ready, demo.ready["pids"].values()
    assert demo.stop() == 0
    assert not any(alive(pid) for pid in pids)
    assert not (demo.state / "ready.json").exists()
    demo.start()
    after = demo.ready
    for key in ("accounts", "archive", "webhook", "config", "ports"):
        assert after[key] == before[key]
    verified = demo.cli("archive", "verify", *demo.config("archive"))
    assert verified.returncode == 0


def test_nothing_survives_the_demo_being_killed(demo: Demo) -> None:
    pids = demo.ready["pids"]
    demo.kill()
    until(lambda: not any(alive(pid) for pid in pids.values()), "everything is gone")


def test_a_taken_port_is_named_before_anything_starts(demo: Demo, tmp_path: Path) -> None:
    base = free_base_port()
    with socket.create_server(("127.0.0.1", base + 3)):
        options = ["--state", str(tmp_path / "s"), "--base-port", str(base)]
        done = demo.cli("demo", *options, check=False)
    assert done.returncode == 2
    assert str(base + 3) in done.stderr
    assert "--base-port" in done.stderr
    assert not (tmp_path / "s").exists()


def test_what_was_left_is_valid_json(demo: Demo) -> None:
    accounts = json.loads((demo.state / "accounts.json").read_text("utf-8"))
    assert len(accounts) >= 24
