"""A unit of few people would tell who wrote: the archive hears of the unit above it."""

from __future__ import annotations

import asyncio
import itertools
import time
import xml.etree.ElementTree as ET
from pathlib import Path

from slixmpp.exceptions import IqError, IqTimeout

from tests.directory import running_directory, write_files
from tests.officers import EMITTER, HOST, emitter
from tests.streams import component_section
from tests.unit.archive.batches import batch, record
from tests.unit.components.archive.conftest import EPOCH, Place
from xmppgov.archive.stanza import write_batch
from xmppgov.demo.prosody import Prosody
from xmppgov.directory.model import UNIT_SIZE
from xmppgov.xmpp.component import Component
from xmppgov_archive.__main__ import build
from xmppgov_archive.config import ArchiveSection, Config
from xmppgov_archive.inspection.service import inspected
from xmppgov_archive.inspection.store import Criteria

PROSODY_MODULES = ""
NUMBERS = itertools.count(1)
ALICE, BOB = "alice@gov.localhost", "bob@gov.localhost"
BODIES = """id,kind,name,short_name,parent,room,start,end
etat,state,République,,,no,,
direction,directorate,Direction,,etat,no,,
bureau,office,Bureau de quelques-uns,,direction,no,,
"""


def country(folder: Path) -> tuple[str, str]:
    """Alice in an office of three, Bob in its directorate, which has just enough people."""
    named = [f"p{n},M.,Person,Number {n},{jid},\n" for n, jid in enumerate((ALICE, BOB))]
    others = [f"p{n},M.,Person,Number {n},,\n" for n in range(2, UNIT_SIZE)]
    people = "id,title,given_name,family_name,jid,lang\n" + "".join(named + others)
    posts = "person_id,body_id,title,role,start,end\np0,bureau,Chef,member,,\n"
    posts += "p2,bureau,Membre,member,,\np3,bureau,Membre,member,,\np1,direction,Chef,member,,\n"
    posts += "".join(f"p{n},direction,Membre,member,,\n" for n in range(4, UNIT_SIZE))
    return people, posts


async def tell(stream: Component, seq: int, sender: str) -> None:
    """Give the archive a record of this moment; wait until it is there to take it."""
    now = time.time_ns() // 1_000_000
    iq = stream.make_iq_set(ito=HOST)
    iq.append(ET.fromstring(write_batch(batch(EPOCH, record(seq, sender=sender, to=BOB, t=now)))))
    for _ in range(100):
        try:
            await iq.send(timeout=2)
            return
        except (IqError, IqTimeout):
            iq["id"] = stream.new_id()


async def test_a_unit_of_a_few_is_recorded_as_the_one_above_it(
    prosody: Prosody, tmp_path: Path
) -> None:
    place = Place(tmp_path)
    section = place.section.model_copy(
        update={"servers": (EMITTER, "gov.localhost"), "directory": "directory.gov.localhost"}
    )
    config = Config(xmpp=component_section(prosody, "archive", "archive"), archive=section)
    people, posts = country(tmp_path)
    files = write_files(tmp_path / "files", people, BODIES, posts)
    async with (
        running_directory(prosody, tmp_path / "directory", files=files),
        build(config),
        emitter(prosody) as stream,
    ):
        assert [await unit_of(section, stream, who) for who in (ALICE, BOB)] == ["direction"] * 2


async def unit_of(section: ArchiveSection, stream: Component, sender: str) -> str | None:
    """The unit under which the archive keeps what somebody sends, once the directory has answered.

    It has the pseudonyms of each unit's id in this month to compare with.
    """
    for _ in range(200):
        await tell(stream, next(NUMBERS), sender)
        async with inspected(section) as archive:
            record = (await archive.find(Criteria(), 1000))[-1].record
            for unit in ("bureau", "direction", "etat"):
                if record["org"] in archive.pseudonyms("unit", unit):
                    return unit
        await asyncio.sleep(0.02)
    return None
