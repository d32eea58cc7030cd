"""Whose word the capture takes for what is a room elsewhere, in Prosody's Lua."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.conftest import require_program
from tests.unit.prosody.test_capture_libraries import lua

SCRIPT = """
local ALICE, ROOM = "alice@gov.localhost/a", "salon@autre.localhost"
local session = { type = "c2s" }
prosody = { hosts = {}, full_sessions = { [ALICE] = session } }
local st = require "util.stanza"
local entered = module:require "entered"
local hooks, questions, api = {}, {}, { host = "gov.localhost" }
function api:hook(name, handler) hooks[name] = handler end
function api:send(question) questions[#questions + 1] = question end
entered.watch(api)
local function enter()
    local stanza = st.presence({ from = ALICE, to = ROOM .. "/Alice" })
    stanza:tag("x", { xmlns = "http://jabber.org/protocol/muc" })
    hooks["pre-presence/full"] { origin = session, stanza = stanza }
end
local function answer(from, id, kind)
    local stanza = st.iq({ type = kind or "result", from = from, to = api.host, id = id })
    local disco = "http://jabber.org/protocol/disco#info"
    stanza:tag("query", { xmlns = disco }):tag("identity", { xmlns = disco, category = "conference" })
    return hooks["iq/host"] { stanza = stanza } or false
end
local function is_in()
    local muc_user = "http://jabber.org/protocol/muc#user"
    local stanza = st.presence({ from = ROOM .. "/Alice", to = ALICE })
    stanza:tag("x", { xmlns = muc_user }):tag("status", { code = "110" })
    hooks["presence/full"] { stanza = stanza }
    return entered.is_in(session, ROOM)
end
"""
FORGED = {
    "before a question": 'answer(ROOM, "xmppgov-capture-room") enter()',
    "with another id": 'enter() answer(ROOM, "xmppgov-capture-room")',
    "by another": 'enter() answer("x@autre.localhost", questions[1].attr.id)',
    "an error": 'enter() answer(ROOM, questions[1].attr.id, "error")',
    "after an error": 'enter() answer(ROOM, questions[1].attr.id, "error") '
    "answer(ROOM, questions[1].attr.id)",
}


@pytest.fixture(scope="module", autouse=True)
def _programs(request: pytest.FixtureRequest) -> None:
    for name in ("lua5.4", "prosody"):
        require_program(request.config, name)


@pytest.mark.parametrize("case", FORGED)
def test_an_answer_that_nobody_asked_for_makes_no_room(tmp_path: Path, case: str) -> None:
    assert lua(tmp_path, f"{SCRIPT}{FORGED[case]} io.write(tostring(is_in()))") == "false"


def test_the_address_that_was_asked_says_that_it_is_a_room(tmp_path: Path) -> None:
    said = "enter() io.write(tostring(answer(ROOM, questions[1].attr.id)), tostring(is_in()))"
    assert lua(tmp_path, SCRIPT + said) == "truetrue"


def test_each_question_has_an_id_of_its_own(tmp_path: Path) -> None:
    asks = "enter() enter() io.write(tostring(questions[1].attr.id ~= questions[2].attr.id))"
    assert lua(tmp_path, SCRIPT + asks) == "true"
