"""Officers ask to hold, to release and to erase, and other officers approve it."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from typing import NamedTuple

import pytest

from tests.unit.archive.batches import batch
from tests.unit.components.archive.conftest import EPOCH, SERVER, Place
from tests.unit.components.archive.officers.conftest import ARCHIVES, DPD, JUGE, RSSI, Office
from tests.unit.components.archive.retention.world import VISA, at, controls, message, short
from xmppgov.adhoc.model import Done, Session
from xmppgov.archive.leaf import Erase, Hold, Refusal, Release
from xmppgov.archive.request import EraseScope, HoldScope, ReleaseScope, Scope
from xmppgov.errors import BadRequest, Conflict, NotAllowed, NotFound, Unexpected
from xmppgov_archive.officers.dialogue import Dialogue
from xmppgov_archive.officers.model import State
from xmppgov_archive.officers.office import Plugin
from xmppgov_archive.officers.service import Made, Requests
from xmppgov_archive.retention.dialogue import (
    erase_subject,
    hold_subject,
    preview_command,
    release_subject,
)
from xmppgov_archive.retention.offers import commands, plugins
from xmppgov_archive.retention.service import preview
from xmppgov_archive.retention.tables import hold_document
from xmppgov_archive.retention.wiring import Retention, retaining


class Desk(NamedTuple):
    """Requests of officers about an archive whose January is due."""

    office: Office
    requests: Requests
    kept: Retention
    plugins: Sequence[Plugin]

    async def ask(self, who: str, kind: str, scope: Scope, purpose: str) -> Made:
        return await self.requests.make(who, kind, purpose, "2026/17", scope)

    async def finished(self) -> None:
        while await self.kept.promises._store.undone():
            await self.office.parts.archive.signed(0)

    def fill_in(self, kind: str, **values: list[str]) -> Scope:
        (plugin,) = (p for p in self.plugins if p.subject.kind == kind)
        return plugin.subject.scope(values)


@asynccontextmanager
async def desk(place: Place) -> AsyncIterator[Desk]:
    office = Office(short(place))
    async with office.running(), retaining(place.section, office.parts) as kept:
        offered = plugins(office.parts, kept)
        executors = {plugin.subject.kind: plugin.executor for plugin in offered}
        async with office.built(executors) as requests:
            yield Desk(office, requests, kept, offered)


@pytest.fixture
async def due(place: Place) -> AsyncIterator[Desk]:
    place.now = at(2026, 1, 20)
    async with desk(place) as one:
        rows = [message(n, at(2026, 1, 5) + n, "alice" if n % 2 else "bob") for n in range(1, 11)]
        await one.office.parts.archive.commit(SERVER, batch(EPOCH, *rows))
        place.now = at(2026, 3, 2)
        yield one


JANUARY = EraseScope.model_validate({"class": "messages", "months": "2026-01", "visa": VISA})


async def test_an_erasure_takes_two_other_officers(due: Desk) -> None:
    made = await due.ask(ARCHIVES, "erase", JANUARY, "retention")
    assert made.standing.state is State.OPEN
    code = due.office.bureau.code(made.request, "dpo")
    await due.requests.hand_in(made.standing.hash, DPD, code)
    assert len(await due.office.place.records()) == 10
    own = due.office.bureau.code(made.request, "archivist")
    with pytest.raises(NotAllowed):
        await due.requests.hand_in(made.standing.hash, ARCHIVES, own)
    code = due.office.bureau.code(made.request, "security")
    granted = await due.requests.hand_in(made.standing.hash, RSSI, code)
    assert (granted.state, granted.n) == (State.GRANTED, 10)
    _, answer = await due.requests.answer(made.standing.hash, ARCHIVES)
    assert "bordereau-2026-03-02-" in answer.sentence.in_language("fr")
    assert "10 records are erased from now on" in answer.sentence.in_language("en")
    assert [row[:4] for row in answer.rows] == [("messages", "2026-01", "10", "0")]
    await due.finished()
    assert await due.office.place.records() == []
    (entry,) = [c for c in await controls(due.office.place) if isinstance(c, Erase)]
    assert (entry.roles, entry.visa, entry.n) == ("dpo security", VISA, 10)


async def approved(due: Desk, made: Made, *officers: tuple[str, str]) -> None:
    for address, role in officers:
        code = due.office.bureau.code(made.request, role)
        await due.requests.hand_in(made.standing.hash, address, code)


@pytest.mark.parametrize(
    ("values", "said"),
    [
        ({"people": ["nobody"]}, "nobody"),
        ({"rooms": ["a.dupont"]}, "a.dupont"),
        ({"first": ["septembre"]}, "septembre"),
    ],
)
async def test_a_slip_of_the_pen_burns_no_name(
    due: Desk, values: dict[str, list[str]], said: str
) -> None:
    form = {"hold": ["affaire-9"], "until": ["2027-01-01"]}
    with pytest.raises(BadRequest, match=said):
        due.fill_in("hold", **form, **values)
    known = due.fill_in("hold", **form, people=["a.dupont@gov.example A1b2C3d4E5f6G7h8I9j0Kl"])
    assert isinstance(known, HoldScope)


async def test_a_hold_names_classes_that_there_are(due: Desk) -> None:
    wrong = HoldScope(hold="affaire-9", classes="nope", until="2027-01-01")
    with pytest.raises(BadRequest, match="governance, messages"):
        await due.ask(DPD, "hold", wrong, "judicial")
    past = HoldScope(hold="affaire-9", until="2020-12-31")
    with pytest.raises(BadRequest, match="today or later"):
        await due.ask(DPD, "hold", past, "judicial")
    right = HoldScope(hold="affaire-9", classes="messages", until="2027-01-01")
    await due.ask(DPD, "hold", right, "judicial")


async def test_a_hold_that_has_ended_is_said_to_have(due: Desk) -> None:
    scope = HoldScope(hold="affaire-7", until="2027-01-01")
    await due.ask(DPD, "hold", scope, "judicial")
    end = await due.ask(DPD, "release", ReleaseScope(hold="affaire-7"), "hold-ended")
    await approved(due, end, (ARCHIVES, "archivist"), (RSSI, "security"))
    with pytest.raises(NotFound, match="has ended already"):
        await due.ask(DPD, "release", ReleaseScope(hold="affaire-7"), "hold-ended")
    with pytest.raises(NotFound, match="no hold of the name"):
        await due.ask(DPD, "release", ReleaseScope(hold="affaire-8"), "hold-ended")


async def test_a_hold_takes_one_officer_and_its_end_takes_two(due: Desk) -> None:
    scope = HoldScope(hold="affaire-7", first="2026-01-01", last="2026-01-31", until="2027-01-01")
    made = await due.ask(DPD, "hold", scope, "judicial")
    standing = await due.requests.find(made.standing.hash)
    assert (standing.state, standing.n) == (State.GRANTED, 10)
    dialogue = Dialogue(due.requests, lambda: due.office.place.now, lambda: 0.0)
    listed = await dialogue.listed(Session("x", DPD, "en"), {})
    assert isinstance(listed, Done)
    assert listed.table is not None
    assert "done; nobody has to approve it" in listed.table.rows[0]
    (entry,) = [c for c in await controls(due.office.place) if isinstance(c, Hold)]
    assert (entry.roles, entry.reason, entry.n) == ("dpo", "judicial", 10)
    with pytest.raises(NotFound):
        await due.ask(ARCHIVES, "erase", JANUARY, "retention")
    end = await due.ask(DPD, "release", ReleaseScope(hold="affaire-7"), "hold-ended")
    await approved(due, end, (ARCHIVES, "archivist"), (RSSI, "security"))
    (entry,) = [c for c in await controls(due.office.place) if isinstance(c, Release)]
    assert entry.roles == "archivist security"
    erasing = await due.ask(ARCHIVES, "erase", JANUARY, "retention")
    await approved(due, erasing, (DPD, "dpo"), (RSSI, "security"))
    await due.finished()
    assert await due.office.place.records() == []


async def test_what_cannot_be_done_makes_no_request(due: Desk) -> None:
    later = EraseScope.model_validate({"class": "messages", "months": "2026-03", "visa": VISA})
    cases = (
        (ARCHIVES, "erase", later, "retention", Unexpected),
        (ARCHIVES, "erase", JANUARY, "judicial", BadRequest),
        (JUGE, "erase", JANUARY, "retention", NotAllowed),
        (JUGE, "hold", HoldScope(hold="x", until="2027-01-01"), "judicial", NotAllowed),
        (DPD, "hold", HoldScope(hold="x", until="2026-03-01"), "judicial", BadRequest),
        (DPD, "hold", HoldScope(hold="x", until="2027-02-30"), "judicial", BadRequest),
        (DPD, "release", ReleaseScope(hold="x"), "hold-ended", NotFound),
    )
    for who, kind, scope, purpose, error in cases:
        with pytest.raises(error):
            await due.ask(who, kind, scope, purpose)
    assert await due.requests.requests(DPD) == []


async def test_a_refused_erasure_erases_nothing_and_is_in_the_log(due: Desk) -> None:
    made = await due.ask(ARCHIVES, "erase", JANUARY, "retention")
    await due.requests.refuse(made.standing.hash, DPD)
    assert len(await due.office.place.records()) == 10
    assert [c.role for c in await controls(due.office.place) if isinstance(c, Refusal)] == ["dpo"]


async def test_a_hold_between_request_and_approval_stops_the_erasure(due: Desk) -> None:
    made = await due.ask(ARCHIVES, "erase", JANUARY, "retention")
    await approved(due, made, (DPD, "dpo"))
    await due.ask(RSSI, "hold", HoldScope(hold="incident-1", until="2027-01-01"), "incident")
    with pytest.raises(NotFound):
        await approved(due, made, (RSSI, "security"))
    assert len(await due.office.place.records()) == 10
    assert (await due.requests.find(made.standing.hash)).state is State.HALF


async def test_addresses_are_held_in_this_month_only_and_not_kept(due: Desk) -> None:
    place = due.office.place
    rows = [message(n, place.now + n, "alice" if n % 2 else "bob") for n in range(11, 21)]
    await due.office.parts.archive.commit(SERVER, batch(EPOCH, *rows))
    scope = HoldScope(hold="alice", people="alice@gov.localhost", until="2027-01-01")
    made = await due.ask(DPD, "hold", scope, "judicial")
    _, answer = await due.requests.answer(made.standing.hash, DPD)
    assert "2026-03" in answer.sentence.in_language("en")
    (held,) = await due.kept.holds.all()
    assert len(held.extent.names["people"]) == 1
    data = b"".join(f.read_bytes() for f in place.section.database.parent.iterdir())
    assert b"alice@" not in data
    pseudonym = next(iter(held.extent.names["people"]))
    again = HoldScope(hold="again", people=pseudonym, until="2027-01-01")
    await due.ask(DPD, "hold", again, "judicial")
    lasting = await due.kept.holds.lasting()
    assert [await due.kept.reading.covered(one.extent) for one in lasting] == [5, 5]
    with pytest.raises(Conflict):
        await due.ask(DPD, "hold", again, "judicial")


async def test_a_hold_tells_nobody_how_often_somebody_wrote(due: Desk) -> None:
    place = due.office.place
    rows = [message(n, place.now + n, "alice" if n % 3 else "bob") for n in range(11, 21)]
    await due.office.parts.archive.commit(SERVER, batch(EPOCH, *rows))
    place.now = at(2026, 3, 31)
    command = commands(place.section, due.kept)[0].stages[0]
    session = Session(DPD, DPD, "en")
    before, sentences, counts = await command(session, {}), set[str](), set[object]()
    for n, who in enumerate(("alice", "bob", "alice bob", "nobody")):
        people = " ".join(f"{name}@gov.localhost" for name in who.split(" "))
        for part, scope in enumerate(({}, {"first": "2026-03-02", "last": "2026-03-02"})):
            hold = HoldScope(hold=f"h{n}-{part}", people=people, until="2027-01-01", **scope)
            made = await due.ask(DPD, "hold", hold, "audit")
            _, answer = await due.requests.answer(made.standing.hash, DPD)
            sentences.add(answer.sentence.in_language("en").replace(f"h{n}-{part}", "h"))
            counts.add((await due.requests.find(made.standing.hash)).n)
    after = await command(session, {})
    assert (len(sentences), counts) == (1, {0})
    assert {c.n for c in await controls(place) if isinstance(c, Hold)} == {0}
    assert isinstance(before, Done)
    assert isinstance(after, Done)
    assert before.table is not None
    assert after.table is not None
    assert list(after.table.rows) == list(before.table.rows) != []
    assert "not counted" in after.note.in_language("en")
    documents = [hold_document(one) for one in await due.kept.holds.all()]
    assert {document["records"] for document in documents} == {None}


def test_forms_are_read_as_they_are_filled_in() -> None:
    hold, release = hold_subject(()), release_subject(())
    erase = erase_subject((), lambda: ())
    found = hold.scope(
        {
            "hold": ["affaire-7"],
            "people": ["Alice@Gov.localhost  bob@gov.localhost", "hd0eKZ2vqXJwBhpjB8XTuQ"],
            "first": ["2026-01-01"],
            "last": [""],
            "until": ["2027-01-01"],
        }
    )
    assert isinstance(found, HoldScope)
    people = "alice@gov.localhost bob@gov.localhost hd0eKZ2vqXJwBhpjB8XTuQ"
    assert (found.people, found.first, found.last, found.rooms) == (
        people,
        "2026-01-01",
        None,
        None,
    )
    scope = erase.scope({"class": ["messages"], "months": ["2026-02", "2026-01"], "visa": ["A 1"]})
    assert isinstance(scope, EraseScope)
    assert (scope.months, scope.visa) == ("2026-01 2026-02", "A 1")
    for subject, values in (
        (hold, {"hold": ["Affaire 7"], "until": ["2027-01-01"]}),
        (hold, {"hold": ["a"], "until": ["tomorrow"]}),
        (release, {"hold": [""]}),
        (erase, {"class": ["messages"], "months": [""], "visa": ["A"]}),
        (erase, {"class": ["messages"], "months": ["2026-13"], "visa": ["A"]}),
        (erase, {"class": ["messages"], "months": ["2026-01"], "visa": [""]}),
    ):
        with pytest.raises(BadRequest):
            subject.scope(values)
    with pytest.raises(NotFound):
        erase.fields()


async def test_the_form_proposes_what_is_due_and_the_preview_shows_it(due: Desk) -> None:
    (erase,) = (p.subject for p in due.plugins if p.subject.kind == "erase")
    fields = {field.name: field for field in erase.fields()}
    assert fields["class"].value == ("messages",)
    assert list(fields["months"].value) == ["2026-01"]

    async def found():  # type: ignore[no-untyped-def]
        return await preview(due.kept.reading, due.kept.setting, due.kept.holds.today, [])

    command = preview_command(found, lambda _: True)
    shown = await command.stages[0](Session(DPD, DPD, "en"), {})
    assert isinstance(shown, Done)
    assert shown.table is not None
    assert [row[:3] for row in shown.table.rows] == [("messages", "2026-01", "10")]


def test_scopes_are_shown_in_words() -> None:
    for scope, said in (
        (JANUARY, VISA),
        (HoldScope(hold="a", until="2027-01-01"), "tout"),
        (HoldScope(hold="a", people="x@y", rooms="r@z", classes="m", until="2027-01-01"), "x@y"),
        (ReleaseScope(hold="affaire-7"), "affaire-7"),
    ):
        words = " ".join(v if isinstance(v, str) else v.in_language("fr") for _, v in scope.words())
        assert said in words
