"""Who may do what with a request, and what becomes of it: a table."""

from __future__ import annotations

from collections.abc import Collection, Mapping

from xmppgov.archive.leaf import ROLES
from xmppgov.errors import Conflict, NotAllowed, Unexpected
from xmppgov.i18n import Texts
from xmppgov_archive.officers.model import Event, Standing, State, Step

texts = Texts("xmppgov_archive")

APPROVALS: Mapping[str, int] = {"access": 2, "erase": 2, "release": 2, "hold": 0, "succession": 2}
"""How many officers other than the requester each kind of request needs."""
REQUESTERS: Mapping[str, frozenset[str]] = {
    "access": frozenset({*ROLES, "requester"}),
    "erase": frozenset(ROLES),
    "release": frozenset(ROLES),
    "hold": frozenset(ROLES),
    "succession": frozenset(ROLES),
}
"""Who may make a request of each kind."""

TRANSITIONS: Mapping[tuple[State, Event], State] = {
    (State.OPEN, Event.APPROVE): State.HALF,
    (State.HALF, Event.APPROVE): State.GRANTED,
    (State.OPEN, Event.REFUSE): State.REFUSED,
    (State.HALF, Event.REFUSE): State.REFUSED,
    (State.OPEN, Event.EXPIRE): State.EXPIRED,
    (State.HALF, Event.EXPIRE): State.EXPIRED,
    (State.OPEN, Event.RESTART): State.VOID,
    (State.HALF, Event.RESTART): State.VOID,
    (State.GRANTED, Event.RESTART): State.ENDED,
    (State.GRANTED, Event.CLOSE): State.ENDED,
}
WAITING = frozenset({State.OPEN, State.HALF})
UNMET = frozenset({State.REFUSED, State.EXPIRED, State.VOID})
"""States in which a request has come to nothing, which the log says."""


def first_state(kind: str) -> State:
    """Return the state of a new request."""
    return State.OPEN if APPROVALS[kind] else State.GRANTED


def after(state: State, event: Event) -> State:
    """Return the state that follows.

    Raises:
        Unexpected: the event has no place in this state; the text says what the state means.
    """
    following = TRANSITIONS.get((state, event))
    if following is None:
        raise Unexpected(_MEANINGS[state])
    return following


def stepped(standing: Standing, state: State, step: Step, n: int | None = None) -> Standing:
    """Return how a request stands once a step has brought it to a state."""
    return standing._replace(state=state, n=n, steps=(*standing.steps, step))


def check_request(kind: str, role: str | None) -> str:
    """Return the role in which somebody makes a request. Raises `NotAllowed`."""
    if role is None or role not in REQUESTERS[kind]:
        raise NotAllowed(texts("Your account may not make this request."))
    return role


def check_officer(standing: Standing, role: str | None, address: str) -> str:
    """Return the role in which an officer approves or refuses a request.

    Raises:
        NotAllowed: it is no officer's account, or the request is their own or their role's.
    """
    if role not in ROLES:
        raise NotAllowed(texts("Only the archive's officers may do this."))
    if standing.requester == address or standing.role == role:
        raise NotAllowed(texts("Nobody approves or refuses a request of their own role."))
    return role


def check_first(standing: Standing, role: str) -> None:
    """Refuse a second approval by the same role. Raises `Conflict`."""
    if role in standing.approved:
        raise Conflict(texts("Your role has approved this request already; another is needed."))


def missing(standing: Standing) -> Collection[str]:
    """Return the roles of which any may still approve a request."""
    if standing.state not in WAITING:
        return ()
    return [role for role in ROLES if role not in (standing.role, *standing.approved)]


_MEANINGS = {
    State.OPEN: texts("The request waits for two officers."),
    State.HALF: texts("The request waits for a second officer."),
    State.GRANTED: texts("The request is granted already."),
    State.ENDED: texts("The request was granted and has ended; make it again."),
    State.REFUSED: texts("The request was refused."),
    State.EXPIRED: texts("The request has run out; make it again."),
    State.VOID: texts("The archive was restarted, and the request is void; make it again."),
}
