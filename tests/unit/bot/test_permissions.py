"""Who may ask for what: every selector, deny by default, and the reason."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from xmppgov.bot.permissions.client import LIFE, Actors
from xmppgov.bot.permissions.model import Actor, Rule, Selector
from xmppgov.bot.permissions.policy import decide, rules_of
from xmppgov.clock import VirtualClock
from xmppgov.directory.model import Entry, Post
from xmppgov.errors import ConfigurationError, NotFound
from xmppgov.i18n import Text

CHAIR = Post("grp-1", "Groupe Horizon", "Présidente", "chair", ("an", "republique"))
ALICE = Actor("alice@x", Entry("p1", "Alice", "alice@x", (CHAIR,)))
STRANGER = Actor("eve@x")


def rule(*who: str, rooms: frozenset[str] = frozenset()) -> Rule:
    return Rule("pluie", tuple(map(Selector.parse, who)), rooms)


@pytest.mark.parametrize(
    ("who", "allowed"),
    [
        ("everyone", True),
        ("account:alice@x", True),
        ("account:bob@x", False),
        ("person:p1", True),
        ("person:p2", False),
        ("group:grp-1", True),
        ("group:an", False),
        ("body:grp-1", True),
        ("body:an", True),
        ("body:republique", True),
        ("body:senat", False),
        ("role:chair", True),
        ("role:member", False),
        ("role:chair@group:grp-1", True),
        ("role:chair@group:an", False),
        ("role:chair@body:an", True),
        ("role:chair@body:senat", False),
    ],
)
def test_each_selector_names_whom_it_says(who: str, allowed: bool) -> None:
    verdict = decide([rule(who)], ALICE, None)
    assert verdict.allowed is allowed
    assert who in verdict.reason.in_language("fr")
    assert decide([rule(who)], STRANGER, None).allowed is (who == "everyone")


def test_without_a_rule_nobody_may() -> None:
    assert not decide([], ALICE, None).allowed


def test_a_rule_of_rooms_holds_there_only() -> None:
    rules = [rule("everyone", rooms=frozenset({"grp-1"}))]
    assert decide(rules, ALICE, "grp-1").allowed
    assert not decide(rules, ALICE, None).allowed
    assert not decide(rules, ALICE, "grp-2").allowed
    assert not decide([rule("everyone")], ALICE, "grp-1").allowed


def test_the_configuration_replaces_the_bots_own_rules() -> None:
    own, configured = [rule("everyone")], [rule("person:p2")]
    assert rules_of("pluie", configured, own) == configured
    assert rules_of("neige", configured, own) == own


@given(st.text())
def test_a_selector_is_read_as_written_or_refused(text: str) -> None:
    try:
        selector = Selector.parse(text)
    except ConfigurationError:
        return
    assert Selector.parse(str(selector)) == selector


@pytest.mark.parametrize("text", ["", "all", "person:", "role:", "role:x@y", "body:a b", "rôle:x"])
def test_what_names_nobody_is_refused(text: str) -> None:
    with pytest.raises(ConfigurationError, match="names nobody"):
        Selector.parse(text)


async def test_the_directory_is_asked_once_a_minute() -> None:
    asked: list[str] = []

    async def ask(jid: str) -> Entry:
        asked.append(jid)
        if jid == "eve@x":
            raise NotFound(Text("xmppgov", "unknown"))
        assert ALICE.person is not None
        return ALICE.person

    clock = VirtualClock()
    actors = Actors(ask, clock)
    assert await actors.of("alice@x") == await actors.of("alice@x") == ALICE
    assert await actors.of("eve@x") == await actors.of("eve@x") == STRANGER
    assert asked == ["alice@x", "eve@x"]
    await clock.advance(LIFE)
    await actors.of("alice@x")
    assert asked == ["alice@x", "eve@x", "alice@x"]
