"""No word that anybody sent is in a file of ours, or in clear in a file of the server's."""

from __future__ import annotations

import base64
import subprocess
import sys
import urllib.request
import uuid
import zipfile
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest

from tests.canary import paths
from tests.canary.canaries import Canaries
from tests.chaos.world import World, world
from tests.demo_process import Demo, running_demo
from tests.rooms import Occupant, until

SERVERS_OWN = "prosody"


@pytest.fixture
def demo(tmp_path: Path, request: pytest.FixtureRequest) -> Iterator[Demo]:
    """A demo of its own; whatever it wrote is below its folder."""
    with running_demo(tmp_path / "state", request.config) as running:
        yield running


async def _alert(running: World, canary: Canaries) -> None:
    """An alert with words in it, answered with words."""
    text = canary("text of an alert")
    alert = {"to": [f"group:{running.group}"], "severity": "Severe", "text": text}
    alert_id = await running.alerts.send(alert, uuid.uuid4().hex)
    bot = running.demo.ready["services"]["alerts"]
    for someone in running.residents:
        assert text in (await someone.wait_for(text)).text
        await someone.send(bot, f"reçu {canary('words of an answer')}")
        await someone.send(bot, "reçu")

    async def answered() -> bool:
        report = await running.alerts.report(alert_id)
        states = {r["jid"]: r["state"] for r in report["recipients"]}
        return all(states[someone.jid] == "acknowledged" for someone in running.residents)

    await until(answered)


async def _send_everything(running: World, canary: Canaries) -> None:
    alice, bob = running.residents
    services = running.demo.ready["services"]
    room = Occupant(alice.account, f"{running.group}@{services['muc']}")
    async with paths.strange_device(running.server, bob.jid, canary):
        paths.one_to_one(alice, bob.jid, canary)
        paths.one_to_one(alice, services["annuaire"], canary)
        paths.one_to_one(alice, services["directory"], canary)
        paths.one_to_one(alice, services["archive"], canary)
        await paths.of_files(
            alice, f"upload.{running.server.domain}", bob.account.boundjid.full, canary
        )
        paths.presences(alice, bob.jid, canary)
        await paths.in_a_room(room, canary)
        await paths.to_services(alice, services["annuaire"], services["directory"], canary)
        await alice.send(bob.jid, text := canary("encrypted body"))
        await bob.wait_for(text)
        await _alert(running, canary)
        await paths.settled(alice)


async def _recorded(running: World) -> int:
    async def some() -> int:
        status = running.demo.json("archive", "status", *running.demo.config("archive"))
        return int(status["records"])

    return int(await until(some))


def _export(demo: Demo) -> None:
    """Hand out everything in every form."""
    today, config = datetime.now(UTC).date().isoformat(), demo.config("archive")
    asked = demo.cli("archive", "query", *config, "--day", today, "--json")
    (demo.state / "query.json").write_text(asked.stdout)
    whole = ("archive", "export", *config, "--from", today, "--to", today, "--purpose", "transfer")
    parties = ("--agreement", "A", "--agency", "B", "--transferring", "C")
    for form in ("ndjson", "csv", "ecs", "seda"):
        out = demo.state / f"export.{form}"
        demo.cli(*whole, "--format", form, *parties, "--out", str(out))
        assert out.stat().st_size > 100, form
    with zipfile.ZipFile(demo.state / "export.seda") as package:
        package.extractall(demo.state / "seda")


def _ask(demo: Demo) -> None:
    """Ask over HTTP and by command for what else the archive says of itself."""
    ready, folder = demo.ready, demo.state / "asked"
    folder.mkdir()
    log, metrics = ready["archive"]["log_url"], ready["ports"]["metrics"]
    urls = [f"{log}{path}" for path in ("checkpoint", "cosigned", "policy")]
    for number, url in enumerate([*urls, f"http://127.0.0.1:{metrics}/metrics"]):
        with urllib.request.urlopen(url, timeout=10) as response:
            (folder / f"{number}.http").write_bytes(response.read())
    config = demo.config("archive")
    for words in (("status",), ("verify",), ("requests",), ("transparency",), ("retention", "due")):
        said = demo.cli("archive", *words, *config, check=False)
        (folder / "-".join(words)).write_text(said.stdout + said.stderr)


def _in_memory(demo: Demo, canary: Canaries) -> list[str]:
    """Return what a core dump of the archive or of a witness would show."""
    pids = demo.ready["pids"]
    names = ["archive", *(name for name in pids if name.startswith("witness"))]
    found = [(place, name) for name in names for place in canary.found_in_memory(pids[name])]
    # Whoever writes to the archive itself shows it the address that they write to.
    return [f"{place}: {name}" for place, name in found if (place, name) != ("resource", "archive")]


async def test_no_word_is_kept_anywhere(demo: Demo, tmp_path: Path) -> None:
    canary = Canaries()
    async with world(demo, tmp_path) as running:
        await running.everybody_goes_on()
        await _send_everything(running, canary)
        await running.everybody_goes_on()
        assert await _recorded(running) > 10
        in_memory = _in_memory(demo, canary)
    _export(demo)
    _ask(demo)
    assert len(canary.places) > 30
    while_running = in_memory + canary.found_in(demo.state) + _in_memory(demo, canary)
    demo.stop()
    assert not while_running, "\n".join(while_running)
    assert not (left := canary.found_in(demo.state)), "\n".join(left)


def test_the_memory_of_a_process_is_searched() -> None:
    """With a string that it holds, and one that it does not."""
    canary = Canaries()
    held = canary("held")
    script = "import sys; kept = [sys.stdin.readline()]; print(flush=True); sys.stdin.readline()"
    pipe = subprocess.PIPE
    with subprocess.Popen([sys.executable, "-c", script], stdin=pipe, stdout=pipe) as process:
        process.stdin.write(f"{held}\n".encode())
        process.stdin.flush()
        process.stdout.readline()
        canary("not held")
        found = canary.found_in_memory(process.pid)
        process.stdin.close()
    assert found == ["held"]


def test_the_search_finds_what_is_there(tmp_path: Path) -> None:
    canary = Canaries()
    (tmp_path / "a").write_text(canary("plain"))
    (tmp_path / "b").write_bytes(b"zz" + canary("hex").encode().hex().encode())
    for offset in range(3):
        word = canary(f"base64 {offset}").encode()
        (tmp_path / f"c{offset}").write_bytes(base64.b64encode(b"y" * offset + word + b"tail"))
    canary("absent")
    assert [line.split(":")[0] for line in canary.found_in(tmp_path)] == [
        "base64 0", "base64 1", "base64 2", "hex", "plain",
    ]  # fmt: skip
