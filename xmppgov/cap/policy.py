"""The rules that CAP states beside its schema, as a table: where, what must not be, what to do."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, NamedTuple

from xmppgov.cap.errors import Problem
from xmppgov.cap.words import MsgType, Scope
from xmppgov.i18n import Text, Texts

if TYPE_CHECKING:
    from xmppgov.cap.model import Alert, Area, Info

texts = Texts(__package__)
REFERRING = {MsgType.UPDATE, MsgType.CANCEL, MsgType.ACK, MsgType.ERROR}
SHOWN = {MsgType.ALERT, MsgType.UPDATE}
"""What is nothing without an info; a cancellation says enough by what it refers to."""


class AlertRule(NamedTuple):
    """A rule about a whole alert."""

    element: str
    name: str
    is_broken: Callable[[Alert], bool]
    text: Text


ALERT_RULES = (
    AlertRule(
        "references",
        "references-needed",
        lambda a: a.msg_type in REFERRING and not a.references,
        texts("an Update, Cancel, Ack or Error has to name the alerts that it is about."),
    ),
    AlertRule(
        "references",
        "references-itself",
        lambda a: a.reference in a.references,
        texts("an alert cannot refer to itself; give it an identifier of its own."),
    ),
    AlertRule(
        "restriction",
        "restriction-needed",
        lambda a: a.scope is Scope.RESTRICTED and a.restriction is None,
        texts("the scope Restricted needs it: say whom the alert is restricted to."),
    ),
    AlertRule(
        "addresses",
        "addresses-needed",
        lambda a: a.scope is Scope.PRIVATE and not a.addresses,
        texts("the scope Private needs it: name who is to receive the alert."),
    ),
    AlertRule(
        "info",
        "nothing-to-show",
        lambda a: a.msg_type in SHOWN and not a.infos,
        texts("there is none, so there is nothing to show; describe the event in one."),
    ),
)
"""What is asked of an alert as a whole."""


def broken(alert: Alert) -> Iterator[Problem]:
    """Yield what breaks a rule, in the rules' order."""
    for rule in ALERT_RULES:
        if rule.is_broken(alert):
            yield Problem(rule.element, rule.name, rule.text)
    for place, info in enumerate(alert.infos, 1):
        yield from _broken_info(alert, info, f"info[{place}]")


def _broken_info(alert: Alert, info: Info, path: str) -> Iterator[Problem]:
    begins = info.effective or alert.sent
    if info.expires is not None and info.expires <= begins:
        sentence = texts("it has to be later than effective, or than sent where there is none.")
        yield Problem(f"{path}/expires", "expires-first", sentence)
    for place, area in enumerate(info.areas, 1):
        yield from _broken_area(area, f"{path}/area[{place}]")


def _broken_area(area: Area, path: str) -> Iterator[Problem]:
    if area.ceiling is None:
        return
    if area.altitude is None:
        sentence = texts("it needs an altitude as the other end of its range.")
        yield Problem(f"{path}/ceiling", "altitude-needed", sentence)
    elif area.ceiling < area.altitude:
        yield Problem(f"{path}/ceiling", "ceiling-below", texts("it is below the altitude."))
