"""A small directory for tests: its three files, its database, and its component on a server."""

from __future__ import annotations

import xml.etree.ElementTree as ET
from collections.abc import AsyncIterator, Collection
from contextlib import asynccontextmanager
from datetime import date
from pathlib import Path

from slixmpp.exceptions import IqError

from tests.streams import component_section
from xmppgov.archive.emitter.config import EmitterSection
from xmppgov.demo.prosody import Prosody
from xmppgov.xmpp.client import Account
from xmppgov_directory.__main__ import build
from xmppgov_directory.component import DirectoryComponent
from xmppgov_directory.config import DirectorySection, DirectorySettings
from xmppgov_directory.diff import Diff
from xmppgov_directory.importer import Files, import_files
from xmppgov_directory.mapping import Mapping
from xmppgov_directory.store import Store

DAY = date(2026, 11, 23)
PEOPLE = """id,title,given_name,family_name,jid,lang
p1,Mme,Alice,Durand,alice@gov.localhost,fr
p2,M.,Benoît,Œuvrard,bob@gov.localhost,
p3,M.,Charles,de Gaulle,,
p4,Mme,Marie-Thérèse,L'Haÿ-Dupont,,
p5,M.,Jean,Dupont,jean.dupont@gov.localhost,
p6,M.,Émile,Ancien,,
p7,Mme,Flore,Future,,
p8,M.,Dupont,Martin,,
"""
BODIES = """id,kind,name,short_name,parent,room,start,end
etat,state,République,,,no,,
an,chamber,Assemblée nationale,AN,etat,no,,
grp-1,group,Groupe Horizon commun,GHC,an,yes,2024-07-18,
grp-2,group,Groupe Écologie,GE,an,yes,,
min-eco,ministry,Ministère de l'Économie et des Finances,Bercy,etat,no,,
budget,directorate,Direction du budget,,min-eco,no,,
closed,committee,Commission close,,an,yes,,2025-12-31
"""
POSTS = """person_id,body_id,title,role,start,end
p1,grp-1,Présidente,chair,2024-07-18,
p1,grp-1,Membre,member,2024-07-18,
p2,grp-1,Membre,member,2024-07-18,2026-11-23
p2,closed,Membre,member,,
p3,grp-2,Président,chair,,
p4,an,Députée,member,,
p5,budget,Chef de bureau,member,,
p6,grp-1,Membre,member,2020-01-01,2026-11-22
p7,grp-1,Membre,member,2026-11-24,
p8,grp-2,Membre,member,,
"""


def protect(people: str, *ids: str) -> str:
    """Return the people's file with a column that says who of them is protected."""
    head, *rows = people.splitlines()
    marked = [f"{row},{'yes' if row.split(',')[0] in ids else ''}" for row in rows]
    return "\n".join([f"{head},protected", *marked]) + "\n"


SEARCH, FORM = "{jabber:iq:search}", "{jabber:x:data}"
RSM = "{http://jabber.org/protocol/rsm}"


def write_files(
    folder: Path, people: str = PEOPLE, bodies: str = BODIES, posts: str = POSTS
) -> Files:
    """Write the three files."""
    folder.mkdir(parents=True, exist_ok=True)
    files = Files(*(folder / f"{name}.csv" for name in ("people", "bodies", "posts")))
    for path, text in zip(
        (files.people, files.bodies, files.posts), (people, bodies, posts), strict=True
    ):
        path.write_text(text, "utf-8")
    return files


async def import_into(store: Store, files: Files, day: date = DAY, most: float = 1.0) -> Diff:
    """Import our own files."""
    return await import_files(store, files, mapping=Mapping(), today=day, max_removals=most)


@asynccontextmanager
async def running_directory(
    server: Prosody,
    folder: Path,
    *,
    files: Files | None = None,
    per_minute: int = 100000,
    keep: bool = False,
    services: Collection[str] = (),
    bots: dict[str, str] | None = None,
    emitter: EmitterSection | None = None,
) -> AsyncIterator[DirectoryComponent]:
    """The directory component on `server`, filled with `files`, or with what it has (`keep`)."""
    path = folder / "directory.sqlite"
    if not keep:
        store = await Store.open(path)
        await import_into(store, files or write_files(folder / "files"), date.today())
        await store.close()
    section = DirectorySection(
        database=path,
        domains=frozenset({server.domain}),
        machines=frozenset(f"{name}.{server.domain}" for name in ("governance", "archive"))
        | {f"annuaire@{server.domain}"},
        services=frozenset(services),
        searches_per_minute=per_minute,
    )
    xmpp = component_section(server, "directory", "directory")
    whole = DirectorySettings(xmpp=xmpp, directory=section, bots=bots or {}, emitter=emitter)
    async with build(whole) as component:
        await component.stream.wait_until("session_start", 15)
        yield component


async def ask(
    account: Account, kind: str, payload: str, *, lang: str | None = None, to: str | None = None
) -> ET.Element:
    """Send an IQ to the directory and return the answer's payload. Raises `IqError`."""
    to = to or f"directory.{account.boundjid.domain.removeprefix('invites.')}"
    iq = account.make_iq_get(ito=to) if kind == "get" else account.make_iq_set(ito=to)
    if lang:
        iq["lang"] = lang
    iq.append(ET.fromstring(payload))
    answer = await iq.send(timeout=10)
    return answer.xml[0]


async def refused(account: Account, kind: str, payload: str, *, lang: str | None = None) -> tuple:
    """Return the condition, type and text of the refusal of an IQ."""
    try:
        await ask(account, kind, payload, lang=lang)
    except IqError as error:
        return error.condition, error.iq["error"]["type"], error.text
    raise AssertionError("the directory answered")


def form(page: str = "", **fields: str) -> str:
    """Write a submitted search form; `page` is the inside of an XEP-0059 set."""
    filled = "".join(f"<field var='{k}'><value>{v}</value></field>" for k, v in fields.items())
    cut = f"<set xmlns='http://jabber.org/protocol/rsm'>{page}</set>" if page else ""
    return (
        "<query xmlns='jabber:iq:search'><x xmlns='jabber:x:data' type='submit'>"
        "<field var='FORM_TYPE' type='hidden'><value>jabber:iq:search</value></field>"
        f"{filled}</x>{cut}</query>"
    )


def column(query: ET.Element, name: str) -> list[str]:
    """Return one reported column of the results."""
    path = f"{FORM}x/{FORM}item/{FORM}field[@var='{name}']/{FORM}value"
    return [value.text or "" for value in query.findall(path)]
