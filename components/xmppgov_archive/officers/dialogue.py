"""The officers' commands in any client (XEP-0050): ask, list, approve, refuse, read the answer."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from typing import NamedTuple

from xmppgov.adhoc.model import (
    Command,
    Done,
    Field,
    Form,
    Option,
    Page,
    Session,
    Stage,
    Table,
    Values,
    one,
)
from xmppgov.archive.leaf import ROLES
from xmppgov.archive.request import (
    KIND_TEXTS,
    PURPOSE_TEXTS,
    ROLE_TEXTS,
    AccessScope,
    Scope,
    moment,
)
from xmppgov.errors import BadRequest, NotFound
from xmppgov.i18n import Text, Texts
from xmppgov_archive.officers.model import Standing, State
from xmppgov_archive.officers.policy import APPROVALS, REQUESTERS, WAITING
from xmppgov_archive.officers.service import Made, Requests

texts = Texts("xmppgov_archive")
NODES = "urn:xmppgov:archive:0#"
STATE_TEXTS = {
    State.OPEN: texts("waits for two officers"),
    State.HALF: texts("waits for one officer"),
    State.GRANTED: texts("granted; the answer can be read"),
    State.ENDED: texts("granted and ended"),
    State.REFUSED: texts("refused"),
    State.EXPIRED: texts("ran out"),
    State.VOID: texts("void since a restart"),
}


class Subject(NamedTuple):
    """What requests of a kind are made with: their fields, and how a scope is read from them."""

    kind: str
    node: str
    fields: Callable[[], Collection[Field]]
    scope: Callable[[Values], Scope]
    purposes: Collection[str]


def access_subject(purposes: Collection[str], most_rows: int) -> Subject:
    """Return the subject of looks into the archive, with names."""

    def fields() -> Collection[Field]:
        return (
            Field("people", texts("People (addresses, one a line)"), "text-multi"),
            Field("rooms", texts("Rooms (addresses, one a line)"), "text-multi"),
            Field("units", texts("Units (ids of the directory, one a line)"), "text-multi"),
            Field("first", texts("First day (YYYY-MM-DD)"), required=True),
            Field("last", texts("Last day (YYYY-MM-DD)"), required=True),
            Field("rows", texts("Rows at most"), value=(str(most_rows),), required=True),
        )

    return Subject("access", f"{NODES}request", fields, _access_scope, purposes)


def commands(requests: Requests, subjects: Collection[Subject]) -> list[Command]:
    """Return the commands of `requests`, one for each subject and those that all share."""

    def is_known(address: str) -> bool:
        return requests.role(address) is not None

    def is_officer(address: str) -> bool:
        return requests.role(address) in ROLES

    def of_kind(kind: str) -> Callable[[str], bool]:
        return lambda address: requests.role(address) in REQUESTERS[kind]

    dialogue = _Dialogue(requests)
    shared = (
        ("requests", texts("Requests: how they stand"), is_known, (dialogue.listed,)),
        ("show", texts("Show a request"), is_known, (dialogue.choose_any, dialogue.shown)),
        (
            "approve",
            texts("Approve a request"),
            is_officer,
            (dialogue.choose_waiting, dialogue.ask_code, dialogue.approved),
        ),
        (
            "refuse",
            texts("Refuse a request"),
            is_officer,
            (dialogue.choose_waiting, dialogue.confirm, dialogue.refused),
        ),
        ("answer", texts("Read an answer"), is_known, (dialogue.choose_granted, dialogue.answer)),
    )
    return [
        *(
            Command(s.node, KIND_TEXTS[s.kind], of_kind(s.kind), dialogue.request(s))
            for s in subjects
        ),
        *(Command(NODES + name, title, who, stages) for name, title, who, stages in shared),
    ]


class _Dialogue:
    """The stages of the commands."""

    def __init__(self, requests: Requests) -> None:
        self._requests = requests

    def request(self, subject: Subject) -> tuple[Stage, Stage]:
        """Return the stages that make a request."""

        async def ask(_session: Session, _values: Values) -> Page:
            purposes = [Option(p, PURPOSE_TEXTS.get(p, p)) for p in subject.purposes]
            chosen = tuple(option.value for option in purposes[:1])
            return Form(
                KIND_TEXTS[subject.kind],
                (
                    *subject.fields(),
                    Field("purpose", texts("Purpose"), "list-single", chosen, True, purposes),
                    Field("case", texts("Case number"), required=True),
                ),
                instructions=_needs(subject.kind),
            )

        async def make(session: Session, values: Values) -> Page:
            purpose, case = one(values, "purpose"), one(values, "case")
            scope = subject.scope(values)
            made = await self._requests.make(session.bare, subject.kind, purpose, case, scope)
            if made.standing.state is State.GRANTED:
                return await self._answered(made.standing, session)
            return Done(
                texts("The request {id} waits for two officers.", id=made.request.id),
                form=_request_form(made),
            )

        return ask, make

    async def listed(self, session: Session, _values: Values) -> Page:
        """Show how the newest requests stand."""
        found = await self._requests.requests(session.bare)
        columns = [
            ("request", texts("Request")),
            ("what", texts("What")),
            ("purpose", texts("Purpose")),
            ("by", texts("Asked by")),
            ("state", texts("State")),
            ("until", texts("Runs out")),
        ]
        rows = [_row(standing, session.language) for standing in found]
        return Done(texts("{n} requests.", n=len(rows)), Table(columns, rows))

    async def choose_any(self, session: Session, _values: Values) -> Page:
        """Ask for one of all requests."""
        return await self._choose(session, set(State), last=True)

    async def choose_waiting(self, session: Session, _values: Values) -> Page:
        """Ask for one of the requests that wait."""
        return await self._choose(session, WAITING)

    async def choose_granted(self, session: Session, _values: Values) -> Page:
        """Ask for one of the answers that can be read."""
        return await self._choose(session, {State.GRANTED}, last=True)

    async def _choose(
        self, session: Session, states: Collection[State], *, last: bool = False
    ) -> Form:
        found = await self._requests.requests(session.bare)
        options = [
            Option(standing.hash, " · ".join(_row(standing, session.language)))
            for standing in found
            if standing.state in states
        ]
        if not options:
            raise NotFound(texts("There is no such request now."))
        field = Field(
            "request", texts("Request"), "list-single", (options[0].value,), True, options
        )
        return Form(texts("Which request?"), (field,), last=last)

    async def shown(self, session: Session, values: Values) -> Page:
        """Show a request, in words and as it travels."""
        made = await self._requests.show(one(values, "request"), session.bare)
        return Done(texts("The request {id}.", id=made.request.id), form=_request_form(made))

    async def ask_code(self, session: Session, values: Values) -> Page:
        """Show a request and ask for an officer's sealed code."""
        made = await self._requests.show(one(values, "request"), session.bare)
        session.data["request"] = made.request.hash
        code = Field("code", texts("Your sealed code"), "text-multi", required=True)
        return Form(
            texts("Approve a request"),
            (*_words(made), _text(made), code),
            texts(
                "Copy the text of the request to your own machine and run there: xmppgov archive "
                "approve. Hand in the code that it prints."
            ),
        )

    async def approved(self, session: Session, values: Values) -> Page:
        """Hand the code in."""
        text = "\n".join(values.get("code", ()))
        standing = await self._requests.hand_in(str(session.data["request"]), session.bare, text)
        if standing.state is State.GRANTED:
            return Done(texts("The request is granted; who asked can read the answer."))
        return Done(texts("Your approval counts; the request waits for another officer."))

    async def confirm(self, session: Session, values: Values) -> Page:
        """Show a request and ask whether to refuse it."""
        made = await self._requests.show(one(values, "request"), session.bare)
        session.data["request"] = made.request.hash
        sure = Field("sure", texts("Refuse it for good"), "boolean", ("0",), required=True)
        return Form(texts("Refuse a request"), (*_words(made), sure))

    async def refused(self, session: Session, values: Values) -> Page:
        """Refuse it."""
        if one(values, "sure") not in ("1", "true"):
            raise BadRequest(texts("Confirm that the request is refused, or cancel."))
        await self._requests.refuse(str(session.data["request"]), session.bare)
        return Done(texts("The request is refused."))

    async def answer(self, session: Session, values: Values) -> Page:
        """Show an answer."""
        return await self._answered(await self._requests.find(one(values, "request")), session)

    async def _answered(self, standing: Standing, session: Session) -> Done:
        _, answer = await self._requests.answer(standing.hash, session.bare)
        if not answer.columns:
            return Done(answer.sentence)
        columns = [(column.name, column.title) for column in answer.columns]
        return Done(answer.sentence, Table(columns, answer.rows))


def _access_scope(values: Values) -> Scope:
    fields: dict[str, object] = {
        name: " ".join(sorted(set(" ".join(values.get(name, ())).lower().split()))) or None
        for name in ("people", "rooms", "units")
    }
    fields |= {name: one(values, name) for name in ("first", "last")}
    rows = one(values, "rows")
    try:
        return AccessScope.model_validate({**fields, "rows": int(rows)})
    except ValueError as error:
        raise BadRequest(
            texts("Name people, rooms or units, two days (YYYY-MM-DD) and a number of rows.")
        ) from error


def _needs(kind: str) -> Text:
    if APPROVALS[kind]:
        return texts("Two officers of other roles than yours have to approve it.")
    return texts("It takes effect at once, and the log says so.")


def _words(made: Made) -> list[Field]:
    """Return a request line by line, to read."""
    return [
        Field(f"line-{number}", label, "fixed", (value,))
        for number, (label, value) in enumerate(made.request.words())
    ]


def _text(made: Made) -> Field:
    return Field("text", texts("The request as it travels"), "text-multi", (made.text,))


def _request_form(made: Made) -> Form:
    return Form(KIND_TEXTS[made.request.kind], (*_words(made), _text(made)))


def _row(standing: Standing, language: str | None) -> list[str]:
    said: Mapping[str, Text] = PURPOSE_TEXTS
    purpose = said.get(standing.purpose)
    return [
        standing.hash[:8],
        KIND_TEXTS[standing.kind].in_language(language),
        purpose.in_language(language) if purpose else standing.purpose,
        f"{standing.requester} ({ROLE_TEXTS[standing.role].in_language(language)})",
        STATE_TEXTS[standing.state].in_language(language),
        moment(standing.until),
    ]
