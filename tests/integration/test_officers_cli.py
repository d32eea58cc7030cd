"""Officers at their own machines: keys, shares, a request and its answer, from the command line."""

from __future__ import annotations

import asyncio
import csv
import json
import os
from pathlib import Path

import pytest

from tests.officers import ACCOUNTS as PEOPLE
from tests.officers import World, world
from tests.unit.archive.batches import record
from xmppgov.archive.leaf import ROLES
from xmppgov.archive.officer import make_key, write_file
from xmppgov.config import load
from xmppgov.demo.prosody import Prosody
from xmppgov_archive.config import Config
from xmppgov_archive.officers.keys import make_first

PROSODY_MODULES = "policy"
ACCOUNTS = PEOPLE
PHRASE = "une phrase assez longue"
WHO = {"security": "rssi", "archivist": "archives", "dpo": "dpd"}


class Machines:
    """The command line of everybody, each with the account's file and an officer's own files."""

    def __init__(self, world: World) -> None:
        self.world, self.folder = world, world.place.folder
        self.phrase = self.folder / "phrase"
        self.phrase.touch(mode=0o600)
        self.phrase.write_text(PHRASE)
        self.said: list[str] = []

    async def run(self, *words: str, who: str = "", stdin: str = "", status: int = 0) -> str:
        """Run a command as somebody; return what it prints for scripts."""
        account = ("--account", str(self.world.account(who))) if who else ()
        done = await asyncio.to_thread(self.world.cli, *words, *account, stdin=stdin)
        assert done.returncode == status, done.stdout + done.stderr
        self.said.append(done.stderr)
        return done.stdout

    def have_keys(self) -> None:
        """Each officer has a key and a share, as the commands make them, at less cost."""
        place = self.world.place
        config = load(Config, place.config()).archive
        place.section.resolving_key_file.unlink()
        public = []
        for role in ROLES:
            file, key = make_key(role, PHRASE, os.urandom, 10)
            (self.folder / f"{role}.key").write_text(write_file(file))
            public.append(f"{role}={key.raw.hex()}")
        make_first(config, public, self.folder)

    async def make_keys(self) -> None:
        """Each officer makes a key; the operator makes the shares."""
        public = {}
        for role in ROLES:
            words = ("officers", "key", "--role", role, "--out", str(self.folder / f"{role}.key"))
            secret = ("--passphrase-file", str(self.phrase))
            public[role] = (await self.run(*words, *secret)).strip()
        officers = [w for role, key in public.items() for w in ("--officer", f"{role}={key}")]
        config = self.folder / "init.toml"
        config.write_text(self.world.place.config().read_text())
        self.world.place.section.resolving_key_file.unlink()
        await self.run("officers", "init", *officers, "--config", str(config))

    def mine(self, role: str) -> tuple[str, ...]:
        files = ("--share", str(self.folder / f"{role}.share"))
        key = ("--key", str(self.folder / f"{role}.key"))
        return (*files, *key, "--passphrase-file", str(self.phrase))


@pytest.fixture
def machines(prosody: Prosody, tmp_path: Path) -> Machines:
    return Machines(world(prosody, tmp_path))


SCOPE = (
    *("--purpose", "judicial", "--case", "2026/114", "--rows", "200"),
    *("--person", "alice@gov.localhost", "--from", "2025-11-01", "--to", "2025-11-30"),
)


async def test_from_keys_to_an_answer(machines: Machines) -> None:
    folder, run = machines.folder, machines.run
    await machines.make_keys()
    async with machines.world.running(*(record(n) for n in range(1, 121))):
        file = folder / "request.txt"
        await run("request", *SCOPE, "--out", str(file), who="juge")
        listed = json.loads(await run("requests", "--json", who="archives"))
        (row,) = listed["requests"]
        number = row["request"]
        assert row["case"] == "2026/114"
        # One officer approves offline and hands the code in from another machine.
        code = await run("approve", str(file), *machines.mine("archivist"))
        assert "alice@gov.localhost" in machines.said[-1]
        await run("hand-in", number, who="archives", stdin=code.lower().replace(" ", "\n"))
        # The other does both at once.
        await run("approve", number, *machines.mine("dpo"), who="dpd")
        assert "granted" in machines.said[-1]
        lines = await run("answer", number, "--format", "ndjson", who="juge")
        rows = [json.loads(line) for line in lines.splitlines()]
        marks = [row["watermark"] for row in rows if "watermark" in row]
        assert len(rows) - len(marks) == 120
        assert len(marks) == 3
        assert all("juge@gov.localhost" in mark and number in mark for mark in marks)
        out = folder / "answer.csv"
        await run("answer", number, "--format", "csv", "--out", str(out), who="juge")
        table = list(csv.DictReader(x for x in out.open() if not x.startswith("#")))
        assert {(row["from"], row["to"]) for row in table} == {
            ("alice@gov.localhost", "bob@gov.localhost")
        }
        assert out.stat().st_mode & 0o077 == 0
        shown = await run("answer", number, who="juge")
        assert max(map(len, shown.splitlines())) <= 80
    assert PHRASE not in "".join(machines.said)


async def test_refusals_and_mistakes_are_one_line(machines: Machines) -> None:
    run = machines.run
    machines.have_keys()
    async with machines.world.running(record(1)):
        await run("request", *SCOPE, who="juge")
        number = json.loads(await run("requests", "--json", who="rssi"))["requests"][0]["request"]
        await run("hand-in", number, "nonsense", who="rssi", status=1)
        assert "copy it again" in machines.said[-1]
        await run("refuse", number, who="rssi")
        await run("hand-in", number, "nonsense", who="dpd", status=1)
        await run("requests", who="alice", status=1)
        shown = await run("requests", who="dpd")
        assert max(map(len, shown.splitlines())) <= 80
        assert "refused" in shown
    assert all(len(said.strip().splitlines()) <= 2 for said in machines.said)


async def test_no_name_and_no_code_is_in_a_log(
    machines: Machines, capfd: pytest.CaptureFixture[str]
) -> None:
    run = machines.run
    machines.have_keys()
    async with machines.world.running(record(1, to="zoe.canary@gov.localhost")):
        await run("request", *SCOPE, "--person", "zoe.canary@gov.localhost", who="juge")
        number = json.loads(await run("requests", "--json", who="rssi"))["requests"][0]["request"]
        text = await run("requests", number, who="rssi")
        codes = []
        for role in ("security", "dpo"):
            code = await run("approve", "-", *machines.mine(role), stdin=text)
            await run("hand-in", number, who=WHO[role], stdin=code)
            codes += code.split()
        answer = await run("answer", number, "--format", "ndjson", who="juge")
        assert "zoe.canary" in answer
    logged = "".join(capfd.readouterr()) + machines.world.server_log()
    assert "a request was granted" in logged
    for canary in ("canary", "2026/114", *codes):
        assert canary not in logged
