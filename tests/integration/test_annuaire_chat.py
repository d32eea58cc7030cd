"""People ask the directory by an encrypted chat: real bot, real directory, real server."""

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from datetime import date
from pathlib import Path

from tests.people import OmemoPerson, person
from tests.streams import account_section, component_section
from xmppgov.bot.config import BotSection, BotSettings
from xmppgov.bot.wiring import build
from xmppgov.demo.prosody import Prosody
from xmppgov_annuaire.search import BOT as ANNUAIRE
from xmppgov_directory.__main__ import build as build_directory
from xmppgov_directory.config import DirectorySection, DirectorySettings
from xmppgov_directory.importer import Files, import_files
from xmppgov_directory.mapping import Mapping
from xmppgov_directory.store import Store

BOT, ALICE = "annuaire@gov.localhost", "alice@gov.localhost"
ACCOUNTS = [BOT, ALICE]
PROSODY_MODULES = ""

NAMES = [("Claire", "Dupont"), ("Benoît", "Œuvrard"), *(("Luc", f"Martin{n}") for n in range(14))]
PEOPLE = "id,given_name,family_name,jid\n" + "".join(
    f"p{n},{given},{family},{'alice' if n == 0 else f'p{n}'}@gov.localhost\n"
    for n, (given, family) in enumerate(NAMES)
)
BODIES = "id,kind,name\nmin-fin,ministry,Ministère des Finances\n"
POSTS = "person_id,body_id,title\n" + "".join(
    f"p{n},min-fin,Cheffe de bureau\n" for n in range(len(NAMES))
)


async def filled(folder: Path) -> Path:
    """Import a small country; return the database."""
    files = Files(folder / "people.csv", folder / "bodies.csv", folder / "posts.csv")
    for path, rows in ((files.people, PEOPLE), (files.bodies, BODIES), (files.posts, POSTS)):
        path.write_text(rows)
    store = await Store.open(folder / "directory.sqlite")
    mapping = Mapping()
    await import_files(store, files, mapping=mapping, today=date.today(), max_removals=1)
    await store.close()
    return folder / "directory.sqlite"


@asynccontextmanager
async def asking(server: Prosody, folder: Path, machines: set[str]) -> AsyncIterator[OmemoPerson]:
    """Alice, with the directory and its bot running."""
    directory = DirectorySettings(
        xmpp=component_section(server, "directory", "directory"),
        directory=DirectorySection(
            database=await filled(folder), domains={server.domain}, machines=machines
        ),
    )
    bot = BotSettings(
        xmpp=account_section(server, BOT),
        bot=BotSection(
            database=folder / "bot.sqlite",
            directory=f"directory.{server.domain}",
            domains={server.domain},
        ),
    )
    async with AsyncExitStack() as stack:
        await stack.enter_async_context(build_directory(directory))
        running = await stack.enter_async_context(build(ANNUAIRE, bot))
        await running.ready.wait()
        yield await stack.enter_async_context(person(server, ALICE, folder))


async def test_a_person_is_found(prosody: Prosody, tmp_path: Path) -> None:
    async with asking(prosody, tmp_path, {BOT}) as alice:
        await alice.send(BOT, "cherche dupont finances")
        answer = (await alice.wait_for("Claire Dupont")).text
        assert answer.splitlines() == [
            "Une personne :",
            "• Claire Dupont — Cheffe de bureau, Ministère des Finances",
            "  xmpp:alice@gov.localhost",
        ]
        await alice.send(BOT, "Find martin", language="en")
        many = (await alice.wait_for("14 people:")).text
        assert many.count("xmpp:") == 10
        assert "… and 4 more" in many
        await alice.send(BOT, "cherche oeuvrard")
        await alice.wait_for("Benoît Œuvrard")


async def test_what_cannot_be_answered_is_explained(prosody: Prosody, tmp_path: Path) -> None:
    async with asking(prosody, tmp_path, {BOT}) as alice:
        await alice.send(BOT, "bonjour")
        await alice.wait_for("Je retrouve les personnes")
        await alice.send(BOT, "cherche")
        await alice.wait_for("Qui cherchez-vous")
        await alice.send(BOT, "cherche d")
        await alice.wait_for(" 2 ")
        await alice.send(BOT, "cherche introuvable")
        await alice.wait_for("Personne pour « introuvable »")


async def test_a_bot_that_the_directory_refuses_says_so(prosody: Prosody, tmp_path: Path) -> None:
    async with asking(prosody, tmp_path, set()) as alice:
        await alice.send(BOT, "cherche dupont")
        async with alice.news:
            await alice.news.wait_for(lambda: alice.heard)
        assert "interne" not in alice.heard[0].text
        assert "Dupont" not in alice.heard[0].text
