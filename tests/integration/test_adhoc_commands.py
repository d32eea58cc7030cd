"""Commands on a real server: a foreign client, another's session, garbage, who may see what."""

from __future__ import annotations

import itertools
from collections.abc import AsyncIterator

import pytest
from slixmpp.exceptions import IqError

from tests.streams import component_section, connected, logged_in
from xmppgov.adhoc import component
from xmppgov.adhoc.client import CommandClient
from xmppgov.adhoc.component import LIFETIME, MOST_OF_ONE, Commands
from xmppgov.adhoc.model import (
    Command,
    Done,
    Field,
    Form,
    Page,
    Session,
    Table,
    Values,
    one,
)
from xmppgov.demo.prosody import Prosody
from xmppgov.errors import BadRequest, NotAllowed, NotFound
from xmppgov.i18n import Text
from xmppgov.xmpp.component import Component

PROSODY_MODULES = ""
ACCOUNTS = ["alice@gov.localhost", "bob@gov.localhost"]
HOST = "governance.gov.localhost"


def said(text: str) -> Text:
    return Text("xmppgov", text)


async def ask(_session: Session, _values: Values) -> Page:
    return Form(said("Word"), [Field("word", said("Word"), required=True)], last=False)


async def again(session: Session, values: Values) -> Page:
    word = one(values, "word")
    if word == "wrong":
        raise BadRequest(said("Another word."))
    if word == "forbidden":
        raise NotAllowed(said("Not you."))
    if word == "broken":
        raise RuntimeError("a secret")
    session.data["word"] = word
    return Form(said("Number"), [Field("n", said("Number"), value=("2",))])


async def end(session: Session, values: Values) -> Page:
    rows = [[str(session.data["word"])]] * int(one(values, "n"))
    return Done(said("done"), Table([("word", said("Word"))], rows))


class Clock:
    now = 0


@pytest.fixture
async def clock(prosody: Prosody) -> AsyncIterator[Clock]:
    """A component with one command that all may run and one that only Alice may."""
    stream = Component(
        component_section(prosody, "governance", "rooms"), name="g", identity=("component", "x")
    )
    clock, ids = Clock(), itertools.count()
    commands = [
        Command("repeat", said("Repeat"), lambda _: True, (ask, again, end)),
        Command("hers", said("Hers"), lambda bare: bare.startswith("alice@"), (end,)),
        Command("pooled", said("His"), lambda bare: bare.startswith("bob@"), (ask, again), "few"),
    ]
    Commands(
        stream, commands, clock=lambda: clock.now, random=lambda n: next(ids).to_bytes(n, "big")
    )
    async with connected(stream):
        yield clock


async def test_a_command_from_its_list_to_its_table(prosody: Prosody, clock: Clock) -> None:
    async with logged_in(prosody, "alice@gov.localhost") as alice:
        client = CommandClient(alice, HOST, language="en")
        assert await client.names() == {"repeat": "Repeat", "hers": "Hers"}
        reply = await client.run("repeat", [{"word": ["echo"]}, {"n": ["3"]}])
        assert (reply.status, reply.note) == ("completed", "done")
        assert reply.rows == [{"word": "echo"}] * 3
    async with logged_in(prosody, "bob@gov.localhost") as bob:
        client = CommandClient(bob, HOST)
        assert await client.names() == {"repeat": "Repeat", "pooled": "His"}
        with pytest.raises(NotAllowed):
            await client.run("hers")
        with pytest.raises(NotFound):
            await client.run("nothing")


async def test_slixmpp_s_own_client_goes_forth_and_back(prosody: Prosody, clock: Clock) -> None:
    async with logged_in(prosody, "alice@gov.localhost") as alice:
        alice.register_plugin("xep_0050")
        commands = alice.plugin["xep_0050"]

        async def step(action: str, id: str = "", word: str | None = None):
            payload = None
            if word is not None:
                payload = alice.plugin["xep_0004"].make_form(ftype="submit")
                payload.add_field("word", value=word)
            answer = await commands.send_command(
                HOST, "repeat", action=action, sessionid=id or None, payload=payload
            )
            return answer["command"]

        first = await step("execute")
        assert (first["status"], first["actions"]) == ("executing", {"next"})
        second = await step("next", first["sessionid"], "echo")
        assert second["actions"] == {"prev", "complete"}
        assert second["form"].get_fields()["n"]["value"] == "2"
        back = await step("prev", first["sessionid"])
        assert "word" in back["form"].get_fields()
        assert (await step("cancel", first["sessionid"]))["status"] == "canceled"
        with pytest.raises(IqError):
            await step("next", first["sessionid"], "echo")


async def test_what_is_wrong_is_said_on_the_same_page(prosody: Prosody, clock: Clock) -> None:
    async with logged_in(prosody, "alice@gov.localhost") as alice:
        client = CommandClient(alice, HOST, language="en")
        with pytest.raises(BadRequest, match="Another word"):
            await client.run("repeat", [{"word": ["wrong"]}])
        with pytest.raises(BadRequest, match="missing"):
            await client.run("repeat", [{}])
        with pytest.raises(NotAllowed):
            await client.run("repeat", [{"word": ["forbidden"]}])
        with pytest.raises(BadRequest) as caught:
            await client.run("repeat", [{"word": ["broken"]}])
        assert "secret" not in str(caught.value)


async def test_a_session_is_one_person_s_and_does_not_last(prosody: Prosody, clock: Clock) -> None:
    async with (
        logged_in(prosody, "alice@gov.localhost") as alice,
        logged_in(prosody, "bob@gov.localhost") as bob,
    ):
        first = await CommandClient(alice, HOST).run("repeat")
        bob.register_plugin("xep_0050")
        with pytest.raises(IqError):
            await bob.plugin["xep_0050"].send_command(
                HOST, "repeat", action="next", sessionid=first.session
            )
        clock.now += LIFETIME
        alice.register_plugin("xep_0050")
        with pytest.raises(IqError):
            await alice.plugin["xep_0050"].send_command(
                HOST, "repeat", action="next", sessionid=first.session
            )
        for _ in range(MOST_OF_ONE):
            await CommandClient(alice, HOST).run("repeat")
        with pytest.raises(BadRequest):
            await CommandClient(alice, HOST).run("repeat")
        assert (await CommandClient(bob, HOST).run("repeat")).status == "executing"


async def test_a_pool_that_is_full_keeps_nobody_from_another(
    prosody: Prosody, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(component, "MOST_SESSIONS", 3)
    async with (
        logged_in(prosody, "alice@gov.localhost") as alice,
        logged_in(prosody, "bob@gov.localhost") as bob,
    ):
        for _ in range(3):
            await CommandClient(alice, HOST).run("repeat")
        with pytest.raises(BadRequest):
            await CommandClient(bob, HOST).run("repeat")
        for _ in range(3):
            assert (await CommandClient(bob, HOST).run("pooled")).status == "executing"
        with pytest.raises(BadRequest):
            await CommandClient(bob, HOST).run("pooled")
