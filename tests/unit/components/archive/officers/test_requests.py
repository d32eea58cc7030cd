"""Requests from their making to their end, and everything that must not pass on the way."""

from __future__ import annotations

import gc
from pathlib import Path

import pytest

from tests.unit.components.archive.officers.conftest import (
    ARCHIVES,
    DPD,
    HOUR,
    JUGE,
    MINUTE,
    ROLES_OF,
    RSSI,
    SCOPE,
    Office,
    kept,
)
from xmppgov.archive.leaf import Access, Refusal
from xmppgov.archive.request import open_request
from xmppgov.archive.sealing import PrivateKey
from xmppgov.errors import (
    BadRequest,
    Conflict,
    NotAllowed,
    NotFound,
    RemoteFault,
    StorageError,
    TooMany,
    Unexpected,
)
from xmppgov_archive.officers.model import State


async def test_two_officers_of_different_roles_grant_a_request(office: Office) -> None:
    async with office.running() as requests:
        made = await office.ask()
        assert open_request(made.text, [office.parts.signing_key.verifier]) == made.request
        assert made.standing.state is State.OPEN
        await office.approve(made, DPD)
        half = await requests.find(made.request.id)
        assert (half.state, half.approved) == (State.HALF, ("dpo",))
        assert office.deed.done == []
        await office.approve(made, RSSI)
        standing = await requests.find(made.request.id)
        assert (standing.state, standing.approved, standing.n) == (
            State.GRANTED,
            ("dpo", "security"),
            10,
        )
        (granted,) = office.deed.done
        assert granted.roles == ("dpo", "security")
        assert granted.keys[office.bureau.public].public.raw.hex() == office.bureau.public
        (entry,) = await office.controls()
        assert isinstance(entry, Access)
        assert (entry.request, entry.roles) == (made.request.hash, "dpo security")
        _, answer = await requests.answer(made.request.id, JUGE)
        assert answer.sentence.in_language("en") == "Archivist"
    assert (await office.place.verify()).total == 0


async def test_shares_of_several_resolving_keys_travel_in_one_code(office: Office) -> None:
    office.bureau.renew()
    publics = {generation.public for generation in office.bureau.generations}
    async with office.running():
        office.deed.needs = publics
        made = await office.ask()
        await office.approve(made, ARCHIVES, DPD)
        assert set(office.deed.done[0].keys) == publics
        office.deed.needs = ()
        assert (await office.ask()).request.resolving == office.bureau.public


async def test_one_officer_twice_is_one_officer(office: Office) -> None:
    async with office.running() as requests:
        made = await office.ask()
        code = office.bureau.code(made.request, "security")
        await requests.hand_in(made.request.id, RSSI, code)
        for address, again in ((RSSI, code), ("rssi2@gov.localhost", code)):
            with pytest.raises(Conflict):
                await requests.hand_in(made.request.id, address, again)
        for address in (ARCHIVES, DPD):
            with pytest.raises(NotAllowed):
                await requests.hand_in(made.request.id, address, code)
        assert office.deed.done == []


async def test_one_share_given_out_as_two_is_found_and_whose(
    office: Office, capsys: pytest.CaptureFixture[str]
) -> None:
    async with office.running() as requests:
        made = await office.ask()
        await office.approve(made, RSSI)
        forged = office.bureau.code(made.request, "security", like="dpo")
        with pytest.raises(BadRequest) as caught:
            await requests.hand_in(made.request.id, DPD, forged)
        assert "share" in str(caught.value)
        assert (await requests.find(made.request.id)).state is State.HALF
        await office.approve(made, DPD)
        assert len(office.deed.done) == 1
    assert "role=dpo" in capsys.readouterr().out


async def test_nobody_approves_their_own_request_nor_their_role_s(office: Office) -> None:
    async with office.running() as requests:
        made = await office.ask(RSSI)
        code = office.bureau.code(made.request, "security")
        for address in (RSSI, "rssi2@gov.localhost"):
            with pytest.raises(NotAllowed):
                await requests.hand_in(made.request.id, address, code)
            with pytest.raises(NotAllowed):
                await requests.refuse(made.request.id, address)
        await office.approve(made, ARCHIVES, DPD)
        (entry,) = await office.controls()
        assert isinstance(entry, Access)
        assert (entry.requester, entry.roles) == ("security", "archivist dpo")


async def test_strangers_and_requesters_approve_nothing(office: Office) -> None:
    async with office.running() as requests:
        made = await office.ask()
        code = office.bureau.code(made.request, "dpo")
        for address in (JUGE, "juge2@gov.localhost", "eve@gov.localhost", "invite@x.localhost"):
            with pytest.raises(NotAllowed):
                await requests.hand_in(made.request.id, address, code)
            with pytest.raises(NotAllowed):
                await requests.refuse(made.request.id, address)
        with pytest.raises(NotAllowed):
            await requests.make("eve@gov.localhost", "access", "judicial", "1", SCOPE)
        with pytest.raises(NotAllowed):
            await requests.requests("eve@gov.localhost")
        with pytest.raises(NotAllowed):
            await requests.show(made.request.id, "juge2@gov.localhost")
        assert await requests.requests("juge2@gov.localhost") == []
        assert [s.hash for s in await requests.requests(DPD)] == [made.request.hash]


async def test_a_code_serves_its_own_request_only(office: Office) -> None:
    async with office.running() as requests:
        first, second = await office.ask(), await office.ask()
        code = office.bureau.code(first.request, "dpo")
        with pytest.raises(BadRequest):
            await requests.hand_in(second.request.id, DPD, code)
        # The same key under another scope is another request as well.
        wider = first.request.model_copy(update={"scope": SCOPE.model_copy(update={"rows": 5000})})
        with pytest.raises(BadRequest):
            await requests.hand_in(first.request.id, DPD, office.bureau.code(wider, "dpo"))
        await requests.hand_in(first.request.id, DPD, code)


async def test_codes_of_a_granted_or_ended_request_are_worth_nothing(office: Office) -> None:
    async with office.running() as requests:
        made = await office.ask()
        codes = {a: office.bureau.code(made.request, ROLES_OF[a]) for a in (RSSI, DPD, ARCHIVES)}
        await requests.hand_in(made.request.id, RSSI, codes[RSSI])
        await requests.hand_in(made.request.id, DPD, codes[DPD])
        for address, code in codes.items():
            with pytest.raises((Unexpected, Conflict)):
                await requests.hand_in(made.request.id, address, code)
        office.place.now += 15 * MINUTE
        await requests.close_what_is_due()
        assert (await requests.find(made.request.id)).state is State.ENDED
        with pytest.raises(Unexpected):
            await requests.hand_in(made.request.id, ARCHIVES, codes[ARCHIVES])
        assert len(office.deed.done) == 1


async def test_an_officer_refuses_for_all(office: Office) -> None:
    async with office.running() as requests:
        made = await office.ask()
        await office.approve(made, DPD)
        assert (await requests.refuse(made.request.id, DPD)).state is State.REFUSED
        with pytest.raises(Unexpected):
            await office.approve(made, RSSI)
        (entry,) = await office.controls()
        assert isinstance(entry, Refusal)
        assert (entry.request, entry.role) == (made.request.hash, "dpo")


async def test_a_request_runs_out(office: Office) -> None:
    async with office.running() as requests:
        by_clock, by_code = await office.ask(), await office.ask()
        await office.approve(by_clock, DPD)
        office.place.now += 24 * HOUR - 1
        await requests.close_what_is_due()
        assert (await requests.find(by_clock.request.id)).state is State.HALF
        office.place.now += 1
        with pytest.raises(Unexpected):
            await office.approve(by_code, RSSI)
        await requests.close_what_is_due()
        for made in (by_clock, by_code):
            assert (await requests.find(made.request.id)).state is State.EXPIRED
        entries = await office.controls()
        assert [entry.role for entry in entries if isinstance(entry, Refusal)] == ["nobody"] * 2


async def test_an_answer_is_its_requester_s_for_a_quarter_of_an_hour(office: Office) -> None:
    async with office.running() as requests:
        made = await office.ask()
        with pytest.raises(RemoteFault):
            await requests.answer(made.request.id, JUGE)
        await office.approve(made, DPD, RSSI)
        for address in (DPD, RSSI, "juge2@gov.localhost"):
            with pytest.raises(NotAllowed):
                await requests.answer(made.request.id, address)
        office.place.now += 15 * MINUTE - 1
        await requests.answer(made.request.id, JUGE)
        office.place.now += 1
        with pytest.raises(NotFound):
            await requests.answer(made.request.id, JUGE)
        await requests.close_what_is_due()
        with pytest.raises(RemoteFault):
            await requests.answer(made.request.id, JUGE)


async def test_a_restart_makes_requests_void_and_says_so(office: Office) -> None:
    async with office.running():
        waiting, granted = await office.ask(), await office.ask()
        await office.approve(waiting, DPD)
        await office.approve(granted, DPD, RSSI)
    async with office.running() as requests:
        assert (await requests.find(waiting.request.id)).state is State.VOID
        assert (await requests.find(granted.request.id)).state is State.ENDED
        with pytest.raises(Unexpected) as caught:
            await office.approve(waiting, RSSI)
        assert "restarted" in str(caught.value)
        with pytest.raises(RemoteFault):
            await requests.answer(granted.request.id, JUGE)
        kinds = [(entry.kind, entry.request) for entry in await office.controls()]
        assert kinds == [("access", granted.request.hash), ("refusal", waiting.request.hash)]
    async with office.running():
        assert len(await office.controls()) == 2


async def test_what_fails_leaves_the_request_as_it_was(office: Office) -> None:
    async with office.running() as requests:
        made = await office.ask()
        await office.approve(made, DPD)
        office.deed.fails = StorageError(SCOPE.words()[0][0])
        with pytest.raises(StorageError):
            await office.approve(made, RSSI)
        assert (await requests.find(made.request.id)).state is State.HALF
        assert await office.controls() == []
        office.deed.fails = None
        await office.approve(made, RSSI)
        assert len(await office.controls()) == 1


async def test_a_hold_needs_its_officer_only(office: Office) -> None:
    async with office.running() as requests:
        with pytest.raises(NotAllowed):
            await requests.make(JUGE, "hold", "judicial", "1", SCOPE)


async def test_whom_a_request_is_about_is_never_on_disk(office: Office) -> None:
    async with office.running():
        made = await office.ask()
        await office.approve(made, DPD)
        values = await kept(office.place.section.database)
        assert made.request.hash.encode() in values
        assert not [value for value in values if b"alice" in value or b"@rooms" in value]
    private = Path(office.place.folder)
    assert b"alice@gov" not in b"".join(p.read_bytes() for p in private.rglob("*") if p.is_file())


async def test_a_few_requests_at_a_time(office: Office) -> None:
    async with office.running():
        for _ in range(5):
            await office.ask()
        with pytest.raises(TooMany):
            await office.ask()
        await office.ask("juge2@gov.localhost")


@pytest.mark.parametrize(
    ("purpose", "case"), [("curiosity", "17"), ("judicial", ""), ("judicial", "a\nb")]
)
async def test_a_request_needs_a_known_purpose_and_a_case(
    office: Office, purpose: str, case: str
) -> None:
    async with office.running() as requests:
        with pytest.raises(BadRequest):
            await requests.make(JUGE, "access", purpose, case, SCOPE)


@pytest.mark.parametrize("start", ["", "abc", "zz" * 10, "%", "00000000", "é" * 9])
async def test_a_number_that_names_nothing_is_said(office: Office, start: str) -> None:
    async with office.running() as requests:
        await office.ask()
        with pytest.raises(NotFound):
            await requests.find(start)


def combined(office: Office) -> list[PrivateKey]:
    """Every object of this process that is the key which two officers have together."""
    gc.collect()
    keys = [one for one in gc.get_objects() if isinstance(one, PrivateKey)]
    return [key for key in keys if key.public.raw.hex() == office.bureau.public]


async def test_nothing_holds_the_combined_key_when_the_answer_is_there(office: Office) -> None:
    """Only what carries the request out has it, and here that is asked to keep it first."""
    async with office.running() as requests:
        made = await office.ask()
        await office.approve(made, RSSI)
        assert not combined(office)
        await office.approve(made, DPD)
        assert len(combined(office)) == 1
        office.deed.done.clear()
        assert not combined(office)
        assert await requests.answer(made.standing.hash, JUGE)
