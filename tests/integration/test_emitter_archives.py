"""Two archives beside one server, as docs/operator.md sets them up.

What is the chamber's lies in its archive only, everything else in the main one only, and of what
is left out nothing lies anywhere.
"""

from __future__ import annotations

import re
import sqlite3
from collections import Counter
from collections.abc import AsyncIterator, Iterator
from contextlib import AsyncExitStack, asynccontextmanager, closing
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.archive import pseudonyms, records
from tests.conftest import require_program
from tests.directory import ask, form
from tests.governance import Governance, governance
from tests.integration.alert_world import alerts_process, configuration, send
from tests.integration.capture_world import CANARY, Inbox, join, prepare, say
from tests.integration.test_archive_process import Running
from tests.keys import publish_keys
from tests.people import OmemoPerson, person
from tests.rooms import until
from tests.streams import logged_in
from xmppgov.demo.certificates import make_certificates
from xmppgov.demo.prosody import Ports, Prosody
from xmppgov.rooms.model import Standing
from xmppgov.tlog.cosignature import parse_key
from xmppgov.tlog.errors import NoteInvalid
from xmppgov.tlog.note import open_note
from xmppgov.xmpp.client import Account

ALICE, BOB = "alice@gov.localhost", "bob@gov.localhost"
SENATOR, COLLEAGUE = "senator@senat.localhost", "colleague@senat.localhost"
BOT = "alertes@senat.localhost"
PEOPLE = {jid.partition("@")[0]: jid for jid in (ALICE, BOB, SENATOR, COLLEAGUE)}
GOVERNANCE, DIRECTORY, MUC = (
    "governance.gov.localhost",
    "directory.gov.localhost",
    "rooms.gov.localhost",
)
ROOMS = ("grp-1", "com-1", "cab-1", "del-1", "pref-59")
KINDS = {"com-1": "committee", "cab-1": "cabinet", "del-1": "delegation", "pref-59": "prefecture"}
PAGE = (Path(__file__).parents[2] / "docs" / "operator.md").read_text("utf-8")
CHAMBER = PAGE.partition("## A chamber with an archive of its own")[2].partition("\n## ")[0]
SERVER = """
xmppgov_domains = { "gov.localhost", "senat.localhost" }
xmppgov_contacts = { ["alertes@senat.localhost"] = "Alertes" }
xmppgov_capture_level = {
	["class:group"] = "full", ["class:cabinet"] = "none", ["class:delegation"] = "counts",
}
local file = io.open(ENV_XMPPGOV_STATE .. "/secrets/archive")
local secret = file:read("l")
file:close()

VirtualHost "senat.localhost"

Component "archive.senat.localhost"
	component_secret = secret
	modules_enabled = { "xmppgov_capture" }
"""
EMITTERS = f"""
[archive.emitters]
"{GOVERNANCE}" = ["joined", "left"]
"{DIRECTORY}" = ["lookup"]
"{BOT}" = ["alert-sent", "alert-ack"]
"""


def example(language: str) -> str:
    """The example of docs/operator.md in a language, with the names of this machine."""
    (text,) = re.findall(rf"```{language}\n(.*?)```", CHAMBER, re.DOTALL)
    return str(text).replace(".example", ".localhost")


@pytest.fixture(scope="module")
def server(
    tmp_path_factory: pytest.TempPathFactory, request: pytest.FixtureRequest
) -> Iterator[Prosody]:
    require_program(request.config, "prosody")
    new = Prosody(tmp_path_factory.mktemp("p"), Ports.free(), modules="capture rooms keys contacts")
    make_certificates(new.state, [new.domain, "senat.localhost"])
    new.prepare()
    prepare(new, example("lua") + SERVER)
    for jid in (*PEOPLE.values(), BOT):
        new.add_account(jid, "secret")
    new.start()
    yield new
    new.stop()


def archive(server: Prosody, folder: Path, domain: str) -> Running:
    """The archive's process at a domain, which is started."""
    folder.mkdir()
    running = Running(server, folder)
    text = running.config.read_text().replace(f'["{GOVERNANCE}", ', "[")
    text = text.replace("archive.gov.localhost", f"archive.{domain}")
    running.config.write_text(text + EMITTERS)
    running.start()
    return running


@dataclass
class World:
    """One server and its services, the main archive, and the Senate's."""

    server: Prosody
    services: Governance
    main: Running
    senate: Running


@asynccontextmanager
async def world(server: Prosody, folder: Path) -> AsyncIterator[World]:
    async with AsyncExitStack() as stack:
        archives = [archive(server, folder / d, f"{d}.localhost") for d in ("gov", "senat")]
        for running in archives:
            stack.callback(running.kill, 15)
        emitter = example("toml")
        services = stack.enter_context(
            governance(
                server,
                folder,
                emitter,
                directory_more=emitter,
                domains=["gov.localhost", "senat.localhost"],
                machines=[BOT],
            )
        )
        yield World(server, services, *archives)


def told(archive: Running) -> Counter[tuple[str, str, str]]:
    """Kind, who did it and where or to whom, of everything that a person or the bot did."""
    if not (archive.folder / "archive-log" / "tiles" / "checkpoint").exists():
        return Counter()
    every = records(archive.config)  # first: its keys are there then
    names = {p: j for j in (*PEOPLE.values(), BOT) for p in pseudonyms(archive.config, "person", j)}
    for room in ROOMS:
        names |= dict.fromkeys(pseudonyms(archive.config, "room", f"{room}@{MUC}"), room)
    known = [(r["kind"], names.get(r["from"]), r.get("room") or r.get("to")) for r in every]
    return Counter((kind, who, names.get(place, place)) for kind, who, place in known if who)


async def seat_everybody(services: Governance) -> None:
    """Seat one of each domain in each room, the one that leaves no trace first."""
    institution = services.institution
    institution.kinds.update(KINDS)
    institution.people.update(PEOPLE)
    institution.protected.add("bob")
    for room in sorted(ROOMS):
        institution.seat("senator", room)
        if room != "pref-59":
            institution.seat("alice", room)
    institution.seat("bob", "grp-1")
    await institution.import_now()
    for room in ROOMS:
        await services.stands(room, "senator", Standing.ADMITTED)
    await services.stands("grp-1", "bob", Standing.ADMITTED)


async def talk(server: Prosody, alice: Account, senator: Account) -> None:
    """Say something in both rooms and to a colleague, and look somebody up."""
    for room in ("grp-1", "com-1"):
        address, inbox = f"{room}@{MUC}", Inbox(senator)
        await join(alice, "Alice Durand", address)
        await join(senator, "Senator Durand", address)
        say(alice, address, "groupchat")
        await inbox.get(CANARY)
    for one, other in ((alice, BOB), (senator, COLLEAGUE)):
        async with logged_in(server, other) as reader:
            inbox = Inbox(reader)
            say(one, other)
            await inbox.get(CANARY)
        await ask(one, "set", form(q="bob"), to=DIRECTORY)


@asynccontextmanager
async def alarm(server: Prosody, folder: Path, senator: OmemoPerson) -> AsyncIterator[None]:
    """The chamber's own bot, which has alerted the senator, who has confirmed."""
    config = configuration(server, folder, BOT)
    config.write_text(config.read_text() + example("toml"))
    async with alerts_process(config) as service:
        await send(service.config, "Crue de la Seine.")
        await senator.wait_for("Crue de la Seine.")
        await senator.send(BOT, "reçu")
        await senator.wait_for("vous avez confirmé")
        yield


MAIN = Counter(
    {
        ("room.joined", ALICE, "grp-1"): 1,
        ("room.joined", BOB, "grp-1"): 1,
        ("room.joined", SENATOR, "grp-1"): 1,
        ("room.joined", SENATOR, "pref-59"): 1,
        ("msg.room", ALICE, "grp-1"): 1,
        ("msg.direct", ALICE, BOB): 1,
        ("dir.access", ALICE, BOB): 1,
    }
)
SENATE = Counter(
    {
        ("room.joined", ALICE, "com-1"): 1,
        ("room.joined", SENATOR, "com-1"): 1,
        ("msg.room", ALICE, "com-1"): 1,
        ("msg.direct", SENATOR, COLLEAGUE): 1,
        ("dir.access", SENATOR, BOB): 1,
        ("alert.sent", BOT, SENATOR): 1,
        ("alert.ack", SENATOR, BOT): 1,
    }
)


def without_the_bot_s_talk(found: Counter[tuple[str, str, str]]) -> Counter[tuple[str, str, str]]:
    """Leave out the messages that an alert itself and its answer are."""
    talk = [key for key in found if BOT in key and key[0].startswith("msg.")]
    return Counter({key: n for key, n in found.items() if key not in talk})


async def has(archive: Running, wanted: Counter[tuple[str, str, str]]) -> None:
    """Wait until the archive has this, then find nothing else in it."""

    async def all_there() -> bool:
        return not wanted - told(archive)

    try:
        await until(all_there, 40)
    finally:
        assert without_the_bot_s_talk(told(archive)) == wanted


def verified_with_its_own_key(archive: Running, other: Running) -> None:
    """The archive is whole, its checkpoint is signed with its key and not with the other's."""
    report = archive.json("verify")
    assert (report["ok"], report["missing"]) == (True, 0), report
    log = archive.folder / "archive-log"
    checkpoint = (log / "tiles" / "checkpoint").read_bytes()
    keys = [parse_key(next(a.folder.rglob("verifier.vkey")).read_text()) for a in (archive, other)]
    open_note(checkpoint, keys[:1])
    with pytest.raises(NoteInvalid):
        open_note(checkpoint, keys[1:])


async def test_each_archive_has_its_own_and_nothing_of_the_other(
    server: Prosody, tmp_path: Path
) -> None:
    async with (
        world(server, tmp_path) as running,
        logged_in(server, ALICE) as alice,
        person(server, SENATOR, tmp_path / "people") as senator,
    ):
        async with logged_in(server, BOB) as bob:
            for account in (alice, bob):
                await publish_keys(account)
        await seat_everybody(running.services)
        await talk(server, alice, senator.account)
        async with alarm(server, tmp_path, senator):
            await has(running.main, MAIN)
            await has(running.senate, SENATE)
        verified_with_its_own_key(running.main, running.senate)
        verified_with_its_own_key(running.senate, running.main)
        with closing(sqlite3.connect(running.services.database)) as database:
            undecided = database.execute("SELECT count(*) FROM spool_undecided").fetchone()
        assert undecided == (0,)
        waiting = {s["server"]: s["waiting"] for s in running.senate.json("status")["spools"]}
        assert waiting.items() >= {GOVERNANCE: 0, DIRECTORY: 0, BOT: 0}.items()
