"""Officers at their own machines: keys, shares, a request and its answer, from the command line."""

from __future__ import annotations

import asyncio
import csv
import json
import os
import tomllib
from collections.abc import Sequence
from pathlib import Path

import pytest

from tests.officers import ACCOUNTS as PEOPLE
from tests.officers import World, world
from tests.unit.archive.batches import record
from xmppgov.archive.leaf import ROLES
from xmppgov.archive.officer import make_key, write_file
from xmppgov.config import load
from xmppgov.demo.certificates import make_certificates
from xmppgov.demo.prosody import Prosody
from xmppgov_archive.config import Config
from xmppgov_archive.officers.keys import make_first, renew

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

    def replace(self, *roles: str) -> None:
        """Some officers have a new key; the next resolving key goes to all three."""
        public = []
        for role in ROLES:
            path = self.folder / f"{role}.key"
            if role in roles:
                file, _ = make_key(role, PHRASE, os.urandom, 10)
                path = self.folder / f"{role}-new.key"
                path.write_text(write_file(file))
            public.append(f"{role}={path}")
        renew(load(Config, self.world.place.config()).archive, public, self.folder)

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

    def mine(
        self, role: str, shares: Sequence[str] = ("",), keys: Sequence[str] = ("",)
    ) -> tuple[str, ...]:
        files = [w for n in shares for w in ("--share", str(self.folder / f"{role}{n}.share"))]
        key = [w for n in keys for w in ("--key", str(self.folder / f"{role}{n}.key"))]
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
        assert file.stat().st_mode & 0o077 == 0  # it names people
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
        assert {row["kind"] for row in table} == {"msg.direct"}
        assert "msg.direct" not in shown
        assert shown.count("alice@gov.localhost") == 120
    assert PHRASE not in "".join(machines.said)


async def test_an_officer_is_replaced_and_approves_what_was_there_before(
    machines: Machines,
) -> None:
    run, folder = machines.run, machines.folder
    machines.have_keys()
    async with machines.world.running(record(1)):
        pass
    # Another data protection officer, who never had a share; the archivist has a new machine.
    machines.replace("dpo", "archivist")
    both = ("", "-2")
    async with machines.world.running():
        asked = ("officers", "inherit", "--key", str(folder / "dpo-new.key"), "--case", "RH/7")
        assert "RH/7" in await run(*asked, who="dpd")
        number = json.loads(await run("requests", "--json", who="rssi"))["requests"][0]["request"]
        theirs = machines.mine("archivist", both, ("", "-new"))
        assert not await run("approve", number, *theirs, who="archives")
        await run("approve", number, *machines.mine("security", both), who="rssi")
        received = ("officers", "receive", number, "--out", str(folder / "received"))
        shares = (await run(*received, who="dpd")).split()
        assert len(shares) == 2
        await run(*received, who="dpd", status=2)  # nothing is overwritten
        # What was sealed to the first key takes the share that the new officer has now.
        await run("request", *SCOPE, who="juge")
        number = json.loads(await run("requests", "--json", who="rssi"))["requests"][0]["request"]
        own = [word for share in shares for word in ("--share", share)]
        key = ("--key", str(folder / "dpo-new.key"), "--passphrase-file", str(machines.phrase))
        await run("approve", number, *own, *key, who="dpd")
        await run("approve", number, *machines.mine("security", both), who="rssi")
        answer = await run("answer", number, "--format", "ndjson", who="juge")
        assert "bob@gov.localhost" in answer
    await run("verify", "--config", str(machines.world.place.config()))


async def test_a_share_goes_to_another_key_without_anybody_else(machines: Machines) -> None:
    run, folder = machines.run, machines.folder
    machines.have_keys()
    file, _ = make_key("dpo", PHRASE, os.urandom, 10)
    (folder / "next.key").write_text(write_file(file))
    words = ("officers", "reseal", *machines.mine("dpo"), "--to", str(folder / "next.key"))
    (made,) = (await run(*words, "--out", str(folder / "next"))).split()
    async with machines.world.running(record(1)):
        text = await run("request", *SCOPE, "--out", "-", who="juge")
        phrase = ("--passphrase-file", str(machines.phrase))
        old = ("--share", made, *machines.mine("dpo")[2:])
        await run("approve", "-", *old, stdin=text, status=2)
        assert "sealed to another officer's key" in machines.said[-1]
        new = ("--share", made, "--key", str(folder / "next.key"), *phrase)
        code = await run("approve", "-", *new, stdin=text)
        number = json.loads(await run("requests", "--json", who="rssi"))["requests"][0]["request"]
        await run("hand-in", number, who="dpd", stdin=code)


async def test_no_code_is_printed_where_the_archive_refuses_it(machines: Machines) -> None:
    machines.have_keys()
    async with machines.world.running(record(1)):
        await machines.run("request", *SCOPE, who="juge")
        listed = json.loads(await machines.run("requests", "--json", who="rssi"))
        number = listed["requests"][0]["request"]
        words = ("approve", number, *machines.mine("dpo"))
        assert await machines.run(*words, who="rssi", status=1) == ""
        assert "another officer's share" in machines.said[-1]


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ('secret_file = "', 'secret_file = "wrong-', "password; see secret_file"),
        ('ca_file = "', 'ca_file = "other-', "not trusted; see ca_file"),
        ('ca_file = "', 'ca_file = "no-', "no-ca.pem: the file cannot be read"),
        ("port = ", "port = 1#", "see host and port"),
        ("[officer]", '[officer]\narchive = "nowhere.localhost"', "no such service"),
    ],
)
async def test_why_a_log_in_fails_is_one_sentence(
    machines: Machines, old: str, new: str, said: str
) -> None:
    file = machines.world.account("dpd")
    settings = tomllib.loads(file.read_text())["officer"]
    secret, trusted = Path(settings["secret_file"]), Path(settings["ca_file"])
    copies = {"": secret.read_text(), "wrong-": "another password"}
    for name, text in copies.items():
        (machines.folder / f"{name}secret").write_text(text)
        (machines.folder / f"{name}secret").chmod(0o600)
    (machines.folder / "ca.pem").write_bytes(trusted.read_bytes())
    make_certificates(machines.folder / "other", ["x.localhost"])
    (machines.folder / "other" / "ca.pem").rename(machines.folder / "other-ca.pem")
    text = file.read_text().replace(str(secret), "secret").replace(str(trusted), "ca.pem")
    file.write_text(text.replace(old, new))
    done = await asyncio.to_thread(machines.world.cli, "requests", "--account", str(file))
    assert done.returncode in (1, 2)
    assert said in done.stderr
    assert len(done.stderr.strip().splitlines()) == 1


async def test_a_request_is_shown_in_words(machines: Machines) -> None:
    machines.have_keys()
    async with machines.world.running(record(1)):
        shown = await machines.run("request", *SCOPE, who="juge")
        assert "alice@gov.localhost" in shown
        assert "xmppgov-request:" not in shown


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
        text = await run("requests", number, "--out", "-", who="rssi")
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
