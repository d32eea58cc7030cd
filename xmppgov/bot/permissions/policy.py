"""Decides who may ask for what, and says why."""

from __future__ import annotations

from collections.abc import Sequence

from xmppgov.bot.permissions.model import EVERYONE, Actor, Rule, Selector, Verdict
from xmppgov.directory.model import Post
from xmppgov.i18n import Text, Texts

texts = Texts("xmppgov.bot")
ANY = "*"


def rules_of(command: str, configured: Sequence[Rule], default: Sequence[Rule]) -> list[Rule]:
    """Return the rules of a command: the configuration's, or the bot's own where it has none."""
    found = [rule for rule in configured if rule.command in (command, ANY)]
    return found or list(default)


def needs_person(rules: Sequence[Rule]) -> bool:
    """Tell whether somebody's posts decide; where not, the directory need not be asked."""
    return any(selector.needs_person for rule in rules for selector in rule.who)


def decide(rules: Sequence[Rule], actor: Actor, room: str | None) -> Verdict:
    """Decide whether `actor` may ask, in `room` or (None) 1:1, under the rules of the command."""
    if not rules:
        return Verdict(False, texts("No rule lets anybody ask for this."))
    here = [rule for rule in rules if (room in rule.rooms if room else not rule.rooms)]
    if not here:
        return Verdict(False, _elsewhere(rules, room))
    for rule in here:
        if found := next((one for one in rule.who if names(one, actor)), None):
            return Verdict(True, texts("The rule for {who} allows it.", who=str(found)))
    wanted = ", ".join(str(one) for rule in here for one in rule.who)
    if actor.person is None and needs_person(here):
        return Verdict(False, texts("The directory does not know {jid}; this is for {who}.",
                                    jid=actor.jid, who=wanted))  # fmt: skip
    return Verdict(False, texts("This is for {who}.", who=wanted))


def _elsewhere(rules: Sequence[Rule], room: str | None) -> Text:
    if room is None:
        rooms = ", ".join(sorted({room for rule in rules for room in rule.rooms}))
        return texts("This can only be asked in: {rooms}.", rooms=rooms)
    return texts("This cannot be asked in this room.")


def names(selector: Selector, actor: Actor) -> bool:
    """Tell whether a selector names somebody."""
    if selector.kind == EVERYONE:
        return True
    if selector.kind == "account":
        return selector.name == actor.jid
    if actor.person is None:
        return False
    if selector.kind == "person":
        return selector.name == actor.person.id
    return any(_fits(selector, post) for post in actor.person.posts)


def _fits(selector: Selector, post: Post) -> bool:
    if selector.kind == "role":
        return post.role == selector.name and _in(post, selector.within, selector.body)
    return _in(post, selector.kind, selector.name)


def _in(post: Post, kind: str, body: str) -> bool:
    if not kind:
        return True
    return post.body == body or (kind == "body" and body in post.within)
