"""The officers' commands in any client (XEP-0050): ask, list, approve, refuse, read the answer."""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Mapping, Sequence
from datetime import UTC, datetime, timedelta
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
    SHORT,
    AccessScope,
    Scope,
    moment,
)
from xmppgov.bot.limits import Limit
from xmppgov.errors import BadRequest, NotFound, TooMany
from xmppgov.i18n import Text, Texts
from xmppgov_archive.inspection.words import worded
from xmppgov_archive.officers.model import NODES, PAGE, POOL, Column, Standing, State
from xmppgov_archive.officers.policy import APPROVALS, REQUESTERS, WAITING, missing
from xmppgov_archive.officers.scopes import check_addresses, check_days
from xmppgov_archive.officers.service import Made, Requests

texts = Texts("xmppgov_archive")
BURST, RATE = 40, 1.0  # steps at once, and then a second
ROWS, DAYS = 100, 7  # what a new form proposes
WHOSE = texts(
    "This command is for the archive's officers, or those who may ask them; its configuration "
    "names their accounts, [archive.officers]."
)
NOT_YOURS = texts(
    "None of your requests has an answer now. Only who asked reads an answer, for a short time."
)
STATE_TEXTS = {
    State.OPEN: texts("waits for two officers"),
    State.HALF: texts("waits for one officer"),
    State.GRANTED: texts("granted; the answer can be read"),
    State.ENDED: texts("granted and ended"),
    State.REFUSED: texts("refused"),
    State.EXPIRED: texts("ran out; make it again"),
    State.VOID: texts("void since the archive's restart; make it again"),
}


class Subject(NamedTuple):
    """What requests of a kind are made with: their fields, and how a scope is read from them."""

    kind: str
    node: str
    fields: Callable[[], Collection[Field]]
    scope: Callable[[Values], Scope]
    purposes: Collection[str]


def access_subject(purposes: Collection[str], most_rows: int, clock: Callable[[], int]) -> Subject:
    """Return the subject of looks into the archive, with names; `clock` returns ms UTC."""

    def fields() -> Collection[Field]:
        today = datetime.fromtimestamp(clock() / 1000, UTC).date()
        before = (str(today - timedelta(DAYS)),)
        either = texts("A row has to name one of each sort that you fill in.")
        day = texts("Days are UTC.")
        return (
            Field("people", texts("People (addresses)"), "jid-multi", hint=either),
            Field("rooms", texts("Rooms (addresses)"), "jid-multi"),
            Field("units", texts("Units (ids of the directory)"), "text-multi"),
            Field("first", texts("First day (YYYY-MM-DD)"), value=before, required=True, hint=day),
            Field("last", texts("Last day (YYYY-MM-DD)"), value=(str(today),), required=True),
            Field("rows", texts("Rows at most"), value=(str(min(ROWS, most_rows)),), required=True),
        )

    def scope(values: Values) -> Scope:
        return _access_scope(values, str(datetime.fromtimestamp(clock() / 1000, UTC).date()))

    return Subject("access", f"{NODES}request", fields, scope, purposes)


class Dialogue:
    """The commands of `requests`, and their stages.

    `clock` returns ms UTC, `uptime` seconds of a clock that never goes back.
    """

    def __init__(
        self, requests: Requests, clock: Callable[[], int], uptime: Callable[[], float]
    ) -> None:
        self._requests, self._clock, self._uptime = requests, clock, uptime
        self._limit = Limit(burst=BURST, rate=RATE)

    def commands(self, subjects: Collection[Subject]) -> list[Command]:
        """Return a command for each subject, and those that all share."""
        known, officer, waiting = self._is_known, self._is_officer, self.choose_waiting
        approving = (waiting, self.ask_code, self.approved)
        refusing = (waiting, self.confirm, self.refused)
        return [
            *(
                self._command(s.node, KIND_TEXTS[s.kind], self._of_kind(s.kind), self.request(s))
                for s in subjects
            ),
            self._shared("requests", texts("Requests: how they stand"), known, (self.listed,)),
            self._shared("show", texts("Show a request"), known, (self.choose_open, self.shown)),
            self._shared("approve", texts("Approve a request"), officer, approving),
            self._shared("refuse", texts("Refuse a request"), officer, refusing),
            self._shared(
                "answer", texts("Read an answer"), known, (self.choose_granted, self.answer)
            ),
        ]

    def _shared(
        self, name: str, title: Text, allowed: Callable[[str], bool], stages: Sequence[Stage]
    ) -> Command:
        return self._command(NODES + name, title, allowed, stages)

    def _command(
        self, node: str, title: Text, allowed: Callable[[str], bool], stages: Sequence[Stage]
    ) -> Command:
        limited = [self._limited(stage) for stage in stages]
        return Command(node, title, allowed, limited, POOL, WHOSE)

    def _is_known(self, address: str) -> bool:
        return self._requests.role(address) is not None

    def _is_officer(self, address: str) -> bool:
        return self._requests.role(address) in ROLES

    def _of_kind(self, kind: str) -> Callable[[str], bool]:
        return lambda address: self._requests.role(address) in REQUESTERS[kind]

    def _limited(self, stage: Stage) -> Stage:
        async def limited(session: Session, values: Values) -> Page:
            if not self._limit.allow(session.bare, self._uptime()):
                raise TooMany(texts("Too many steps at once; wait a moment."))
            return await stage(session, values)

        return limited

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
            ("case", texts("Case number")),
            ("by", texts("Asked by")),
            ("state", texts("State")),
            ("until", texts("Runs out")),
            ("approved", texts("Approved by")),
            ("missing", texts("May still approve")),
        ]
        rows = [_row(standing, session.language) for standing in found]
        return Done(texts("Requests: {n}.", n=len(rows)), Table(columns, rows))

    async def choose_open(self, session: Session, _values: Values) -> Page:
        """Ask for one of the requests that have not ended."""
        return await self._choose(session, {*WAITING, State.GRANTED}, last=True)

    async def choose_waiting(self, session: Session, _values: Values) -> Page:
        """Ask for one of the requests that wait."""
        return await self._choose(session, WAITING)

    async def choose_granted(self, session: Session, _values: Values) -> Page:
        """Ask for one of the answers that can be read, and for a part of it."""
        page = Field("page", texts("Page"), value=("1",))
        codes = Field("codes", texts("Code words, for programs"), "boolean", ("0",))
        return await self._choose(session, {State.GRANTED}, page, codes, last=True, own=True)

    async def _choose(
        self,
        session: Session,
        states: Collection[State],
        *more: Field,
        last: bool = False,
        own: bool = False,
    ) -> Form:
        options = [
            Option(standing.hash[:SHORT], " · ".join(_row(standing, session.language)[:6]))
            for standing in await self._requests.requests(session.bare)
            if standing.state in states and (not own or standing.requester == session.bare)
        ]
        if not options:
            raise NotFound(NOT_YOURS if own else texts("There is no such request now."))
        field = Field(
            "request", texts("Request"), "list-single", (options[0].value,), True, options
        )
        return Form(texts("Which request?"), (field, *more), last=last)

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
        standing = await self._requests.find(one(values, "request"))
        codes = one(values, "codes") in ("1", "true")
        return await self._answered(standing, session, _page(values), codes=codes)

    async def _answered(
        self, standing: Standing, session: Session, page: int = 1, *, codes: bool = False
    ) -> Done:
        """Return a page of an answer, which says for whom, when and for which request it is."""
        _, answer = await self._requests.answer(standing.hash, session.bare)
        mark = texts(
            "Request {hash}, for {requester}, {moment}.",
            hash=standing.hash,
            requester=session.bare,
            moment=moment(self._clock()),
        )
        if not answer.columns:
            return Done(texts("{sentence} {mark}", sentence=answer.sentence, mark=mark))
        note = texts(
            "{sentence} Page {page} of {pages}. {mark}",
            sentence=answer.sentence,
            page=page,
            pages=max(1, -(-len(answer.rows) // PAGE)),
            mark=mark,
        )
        columns = [(column.name, column.title) for column in answer.columns]
        rows = answer.rows[(page - 1) * PAGE : page * PAGE]
        said = rows if codes else _said(answer.columns, rows, session.language)
        return Done(note, Table(columns, said, mark))


def _said(
    columns: Sequence[Column], rows: Sequence[Sequence[str]], language: str | None
) -> list[list[str]]:
    """Return rows in the reader's words."""
    names = [column.name for column in columns]
    return [
        [worded(name, cell, language) for name, cell in zip(names, row, strict=True)]
        for row in rows
    ]


def _access_scope(values: Values, today: str) -> Scope:
    people, rooms = (_names(values, name, str.lower) for name in ("people", "rooms"))
    units = _names(values, "units", str)
    first, last, most = (one(values, name) for name in ("first", "last", "rows"))
    check_days(first, last, today)
    check_addresses(people, rooms)
    days = {"first": first, "last": last}
    try:
        return AccessScope.model_validate(
            {**{"people": people, "rooms": rooms, "units": units}, **days, "rows": int(most)}
        )
    except ValueError as error:
        raise BadRequest(texts("Name people, rooms or units, and a number of rows.")) from error


def _names(values: Values, name: str, written: Callable[[str], str]) -> str | None:
    """Return what was filled in, one or several on a line: each once, in order."""
    words = re.split(r"[\s,;]+", " ".join(values.get(name, ())))
    return " ".join(sorted({written(word) for word in words if word})) or None


def _needs(kind: str) -> Text:
    if APPROVALS[kind]:
        return texts("Two officers of other roles than yours have to approve it.")
    return texts("It takes effect at once, and the log says so.")


def _words(made: Made) -> list[Field]:
    """Return a request line by line, to read."""
    lines = [
        (label, texts("{label}: {value}", label=label, value=value))
        for label, value in made.request.words()
    ]
    return [Field(f"line-{n}", label, "fixed", (line,)) for n, (label, line) in enumerate(lines)]


def _text(made: Made) -> Field:
    return Field("text", texts("The request as it travels"), "text-multi", (made.text,))


def _request_form(made: Made) -> Form:
    """Return a request to read, in words and as it travels."""
    words = enumerate(made.request.words())
    lines = [Field(f"line-{n}", label, value=(value,)) for n, (label, value) in words]
    return Form(KIND_TEXTS[made.request.kind], (*lines, _text(made)))


def _page(values: Values) -> int:
    text = one(values, "page") or "1"
    if not re.fullmatch(r"[1-9][0-9]{0,5}", text, re.ASCII):
        raise BadRequest(texts("A page is a number from 1 on."))
    return int(text)


def _row(standing: Standing, language: str | None) -> list[str]:
    said: Mapping[str, Text] = PURPOSE_TEXTS
    purpose = said.get(standing.purpose)
    return [
        standing.hash[:SHORT],
        KIND_TEXTS[standing.kind].in_language(language),
        purpose.in_language(language) if purpose else standing.purpose,
        standing.case,
        f"{standing.requester} ({ROLE_TEXTS[standing.role].in_language(language)})",
        _state(standing).in_language(language),
        moment(standing.until),
        _roles(standing.approved, language),
        _roles(missing(standing), language),
    ]


def _state(standing: Standing) -> Text:
    """Return where a request stands; one that asks nobody is done when it is made."""
    if not APPROVALS[standing.kind] and standing.state in (State.GRANTED, State.ENDED):
        return texts("done; nobody has to approve it")
    return STATE_TEXTS[standing.state]


def _roles(roles: Collection[str], language: str | None) -> str:
    return ", ".join(ROLE_TEXTS[role].in_language(language) for role in roles)
