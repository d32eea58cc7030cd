"""Officers in any client: a request, two codes, an answer, a refusal; and everybody else."""

from __future__ import annotations

import xml.etree.ElementTree as ET
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
from slixmpp.exceptions import IqError

from tests.officers import ACCOUNTS as PEOPLE
from tests.officers import HOST, World, words, world
from tests.streams import logged_in
from tests.unit.archive.batches import record
from xmppgov.adhoc.client import CommandClient
from xmppgov.adhoc.stanza import COMMANDS
from xmppgov.demo.prosody import Prosody
from xmppgov.errors import BadRequest, NotAllowed, NotFound, RemoteFault
from xmppgov.xmpp.refusal import refusal
from xmppgov_archive.officers.model import NODES

PROSODY_MODULES = "policy"
GUEST = "invite@invites.gov.localhost"
ACCOUNTS = [*PEOPLE, GUEST]
REQUEST = {
    **{"people": ["alice@gov.localhost"], "first": ["2025-11-01"], "last": ["2025-11-30"]},
    **{"rows": ["200"], "purpose": ["judicial"], "case": ["2026/114"]},
}
RECORDS = (record(1), record(2, in_room=True), *(record(n) for n in range(3, 121)))
ALICE = "alice@gov.localhost"


@pytest.fixture
async def ministry(prosody: Prosody, tmp_path: Path) -> AsyncIterator[World]:
    async with world(prosody, tmp_path).running(*RECORDS) as running:
        yield running


async def granted(ministry: World) -> str:
    """A request that two officers have approved; its number."""
    made = await ministry.run("juge", "request", REQUEST)
    text = "".join(made.fields["text"])
    number = (await ministry.run("archives", "approve")).fields["request"][0]
    for name, role in (("archives", "archivist"), ("dpd", "dpo")):
        code = ministry.code(text, role)
        await ministry.run(name, "approve", {"request": [number]}, {"code": code})
    return number


async def test_a_request_two_codes_and_an_answer_page_by_page(ministry: World) -> None:
    number = await granted(ministry)
    (row,) = (await ministry.run("archives", "requests")).rows
    assert (row["request"], row["approved"]) == (number, "Archivist, Data protection officer")
    assert row["state"] == "granted; the answer can be read"
    found: list[dict[str, str]] = []
    for page, size in ((1, 50), (2, 50), (3, 20), (4, 0)):
        answer = await ministry.run("juge", "answer", {"request": [number], "page": [str(page)]})
        assert len(answer.rows) == size
        assert f"Page {page} of 3" in answer.note
        assert number in answer.note
        assert "juge@gov.localhost" in answer.note
        found += answer.rows
    assert {row["from"] for row in found} == {ALICE}
    assert len({row["index"] for row in found}) == 120
    assert {row["kind"] for row in found} == {"message", "message to a room"}
    assert {row["encryption"] for row in found} == {"encrypted (OMEMO)"}
    for_programs = {"request": [number], "page": ["1"], "codes": ["1"]}
    coded = (await ministry.run("juge", "answer", for_programs)).rows
    assert {row["kind"] for row in coded} <= {"msg.direct", "msg.room"}
    assert {row["encryption"] for row in coded} == {"omemo:0"}
    with pytest.raises(NotFound, match="Only who asked"):  # they are offered none
        await ministry.run("archives", "answer", {"request": [number]})
    with pytest.raises(BadRequest):
        await ministry.run("juge", "answer", {"request": [number], "page": ["0"]})


async def test_what_is_wrong_is_said_and_nothing_is_opened(ministry: World) -> None:
    await ministry.run("juge", "request", REQUEST)
    number = (await ministry.run("dpd", "approve")).fields["request"][0]
    with pytest.raises(BadRequest, match="character"):
        await ministry.run("dpd", "approve", {"request": [number]}, {"code": ["nonsense"]})
    for wrong in (
        words(REQUEST, first="yesterday"),
        words(REQUEST, rows="many"),
        words(REQUEST, rows="100000"),
        words(REQUEST, people=""),
        words(REQUEST, people="not an @address@at all"),
        words(REQUEST, purpose="curiosity"),
        words(REQUEST, case=""),
    ):
        with pytest.raises(BadRequest):
            await ministry.run("juge", "request", wrong)
    refused = await ministry.run("rssi", "refuse", {"request": [number]}, {"sure": ["1"]})
    assert refused.status == "completed"
    with pytest.raises(NotFound):
        await ministry.run("dpd", "approve", {"request": [number]}, {"code": ["x"]})


async def test_strangers_and_guests_see_no_command_and_run_none(ministry: World) -> None:
    nodes = ("request", "requests", "show", "approve", "refuse", "answer")
    async with logged_in(ministry.server, ALICE) as stranger:
        client = CommandClient(stranger, HOST)
        assert not {node for node in await client.names() if "prove" not in node}
        for node in nodes:
            with pytest.raises(NotAllowed):
                await client.run(NODES + node)
    async with logged_in(ministry.server, GUEST) as guest:  # who reaches no service at all
        client = CommandClient(guest, HOST)
        with pytest.raises(RemoteFault):
            await client.names()
        for node in nodes:
            with pytest.raises(RemoteFault):
                await client.run(NODES + node)
    async with logged_in(ministry.server, "juge@gov.localhost") as judge:
        names = await CommandClient(judge, HOST).names()
    mine = {node.removeprefix(NODES) for node in names if "prove" not in node}
    assert mine == {"request", "requests", "show", "answer"}
    async with logged_in(ministry.server, "dpd@gov.localhost") as officer:
        assert {NODES + "approve", NODES + "refuse"} <= set(
            await CommandClient(officer, HOST).names()
        )


class Foreign:
    """A person with slixmpp's own client of XEP-0050."""

    def __init__(self, account: Any) -> None:
        account.register_plugin("xep_0050")
        self._commands, self._forms = account.plugin["xep_0050"], account.plugin["xep_0004"]

    async def step(
        self, node: str, session: str | None = None, action: str = "execute", **fields: Any
    ) -> Any:
        payload = None
        if fields:
            payload = self._forms.make_form(ftype="submit")
            for name, value in fields.items():
                payload.add_field(name, value=value)
        answer = await self._commands.send_command(
            HOST, NODES + node, action=action, sessionid=session, payload=payload
        )
        return answer["command"]


async def test_another_s_client_does_all_of_it(ministry: World) -> None:
    async with logged_in(ministry.server, "juge@gov.localhost") as account:
        judge = Foreign(account)
        form = await judge.step("request")
        fields = form["form"].get_fields()
        assert fields["people"]["type"] == "jid-multi"
        assert [o["value"] for o in fields["purpose"]["options"]][:2] == ["judicial", "incident"]
        assert fields["first"]["required"]
        asked = {name: value if name == "people" else value[0] for name, value in REQUEST.items()}
        made = await judge.step("request", form["sessionid"], "complete", **asked)
        assert made["status"] == "completed"
        text = "".join(made["form"].get_fields()["text"].get_value(convert=False))
        for name, role in (("rssi", "security"), ("dpd", "dpo")):
            async with logged_in(ministry.server, f"{name}@gov.localhost") as other:
                officer = Foreign(other)
                first = await officer.step("approve")
                number = first["form"].get_fields()["request"]["value"]
                shown = await officer.step("approve", first["sessionid"], "next", request=number)
                assert shown["actions"] == {"prev", "complete"}
                lines = "\n".join(ministry.code(text, role)).lower()
                done = await officer.step("approve", first["sessionid"], "complete", code=lines)
                assert done["status"] == "completed"
        choose = await judge.step("answer")
        answer = await judge.step(
            "answer", choose["sessionid"], "complete", request=number, page="1"
        )
        items = answer["form"].get_items()
        assert len(items) == 50
        assert {item["from"] for item in items} == {ALICE}
        assert list(answer["form"].get_reported())[:3] == ["index", "time", "kind"]


async def test_officers_are_spoken_to_in_their_language(ministry: World) -> None:
    await ministry.run("juge", "request", REQUEST)
    for language, label in (
        ("fr", "Votre code scellé"),
        ("en", "Your sealed code"),
        (None, "Votre"),
    ):
        async with logged_in(ministry.server, "dpd@gov.localhost") as account:
            iq = account.make_iq_set(ito=HOST)
            if language:
                iq["lang"] = language
            foreign = Foreign(account)
            first = await foreign.step("approve")
            number = first["form"].get_fields()["request"]["value"]
            iq["command"]["node"] = NODES + "approve"
            iq["command"]["sessionid"] = first["sessionid"]
            form = account.plugin["xep_0004"].make_form(ftype="submit")
            form.add_field("request", value=number)
            iq["command"].append(form)
            shown = await iq.send()
            assert shown["command"]["form"].get_fields()["code"]["label"].startswith(label)


@pytest.mark.parametrize(
    ("payload", "condition"),
    [
        (f"<command xmlns='{COMMANDS}'/>", "item-not-found"),
        (f"<command xmlns='{COMMANDS}' node='{NODES}approve' action='dance'/>", "bad-request"),
        (f"<command xmlns='{COMMANDS}' node='{NODES}approve' sessionid='x'/>", "bad-request"),
        (f"<command xmlns='{COMMANDS}' node='{NODES}approve' action='prev'/>", "bad-request"),
        (
            f"<command xmlns='{COMMANDS}' node='{NODES}requests'><x xmlns='jabber:x:data'>"
            f"{'<field><value/></field>' * 600}</x></command>",
            "bad-request",
        ),
    ],
)
async def test_garbage_has_its_error(ministry: World, payload: str, condition: str) -> None:
    async with logged_in(ministry.server, "dpd@gov.localhost") as account:
        iq = account.make_iq_set(ito=HOST)
        iq.append(ET.fromstring(payload))
        with pytest.raises(IqError) as caught:
            await iq.send()
        assert refusal(caught.value).condition == condition


async def test_a_restart_is_said_to_who_waits(prosody: Prosody, tmp_path: Path) -> None:
    ministry = world(prosody, tmp_path)
    async with ministry.running(*RECORDS):
        made = await ministry.run("juge", "request", REQUEST)
        code = ministry.code("".join(made.fields["text"]), "dpo")
        number = (await ministry.run("dpd", "approve")).fields["request"][0]
        await ministry.run("dpd", "approve", {"request": [number]}, {"code": code})
    async with ministry.running():
        (row,) = (await ministry.run("juge", "requests")).rows
        assert "restart" in row["state"]
        assert "make it again" in row["state"]
        with pytest.raises(NotFound):
            await ministry.run("archives", "approve")
