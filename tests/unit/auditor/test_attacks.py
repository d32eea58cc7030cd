"""What an archive, its operator or an exporter could try to hide: both verifiers find the same."""

from __future__ import annotations

import base64
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import xmppgov_verify
from tests.unit.archive.exported import DAY, EM, NOW, SmallLog, document, small, text
from tests.unit.auditor.both import Case, agree
from tests.unit.auditor.test_proofs import Day
from tests.unit.tlog.notes import LOG, ORIGIN
from xmppgov.archive.day import locate, month_after
from xmppgov.archive.exports.member import MemberProof, Part, references
from xmppgov.archive.exports.model import EntryLine
from xmppgov.archive.leaf import EmitterStart
from xmppgov.tlog.checkpoint import Checkpoint

HASH, LATER, WEEK = "0" * 64, NOW + 300_000, 7 * 86_400_000


def exported(log: SmallLog, without: int = -1, **manifest: Any) -> list[bytes]:
    """An export, but for the line of one index, with another manifest."""
    first, *rest = map(document, log.export())
    kept = [line for line in rest if line["index"] != without]
    return [text(first | manifest), *map(text, kept)]


def test_a_record_is_not_hidden_behind_its_entry(tmp_path: Path) -> None:
    log = small()
    case = Case(tmp_path, log)
    first, *rest = map(document, exported(log, records=2, readable=5))
    entry = base64.b64encode(log.leaves[1]).decode()
    rest[1] = {"index": 1, "entry": entry, "proof": rest[1]["proof"]}
    case.give("export", [text(first), *map(text, rest)])
    assert agree(case) == {"line-invalid", "record-missing", "export-count"}
    assert case.theirs()["facts"][1]["1"] == "UNEXPLAINED"


@pytest.mark.parametrize(
    ("without", "changes", "code"),
    [
        (1, {"records": 2, "covers": "0 2-7"}, "manifest-invalid"),
        (1, {"records": 2, "covers": ""}, "manifest-invalid"),
        (0, {"readable": 3, "covers": "1-7"}, "covers-short"),
        (7, {"readable": 3, "covers": "0-6"}, "covers-short"),
        (-1, {"fields": ["v", "t", "em", "es", "size"]}, "scope-wrong"),
        (-1, {"fields": ["v", "em", "es", "size"]}, "manifest-invalid"),
        (-1, {"fields": ["v", "t", "em", "es", "bogus"]}, "manifest-invalid"),
        (-1, {"rooms": [1]}, "manifest-invalid"),
        (7, {"readable": 3, "covers": "0-6", "entries": 7}, ""),  # what was looked at is printed
    ],
)
def test_an_export_of_everything_is_cut_nowhere(
    tmp_path: Path, without: int, changes: dict[str, Any], code: str
) -> None:
    case = Case(tmp_path, small())
    case.give("export", exported(small(), without, **changes))
    assert agree(case) == {code} - {""}


@pytest.mark.parametrize("other", [1, 4])
def test_what_is_covered_ends_at_no_record_of_the_other_side(tmp_path: Path, other: int) -> None:
    """Such a one came late, or early, and lies amid the records that were asked for."""
    log = SmallLog()
    log.start()
    times = {1: NOW - THREE_DAYS, 4: NOW, 5: NOW}
    times[other] = NOW - THREE_DAYS if other == 4 else NOW
    for seq in range(1, 6):
        log.record(seq, **({"t": times[seq]} if seq in times else {}))
    case = Case(tmp_path, log)
    first, *rest = map(document, log.export())
    lines = [line | {"outside": True} if line["index"] in (1, 4) else line for line in rest[1:5]]
    counts = {"records": 2, "outside": 2, "readable": 0, "covers": "1-4"}
    case.give("export", [text(first | counts), *map(text, lines)])
    assert agree(case) == {"covers-short"}


def test_a_record_of_another_time_begins_and_ends_what_is_covered(tmp_path: Path) -> None:
    log = SmallLog()
    log.start()
    log.record(1, t=NOW - THREE_DAYS)
    for seq in range(2, 6):
        log.record(seq, **({} if seq in (2, 3) else {"t": NOW + seq}))
    case = Case(tmp_path, log)
    first, *rest = map(document, log.export())
    lines = [line | {"outside": True} if line["index"] in (1, 4) else line for line in rest[1:5]]
    counts = {"records": 2, "outside": 2, "readable": 0}
    case.give("export", [text(first | counts | {"covers": "1-4"}), *map(text, lines)])
    assert agree(case) == set()
    fact = case.theirs()["facts"][1]
    assert (fact["begins"], fact["covers"]) == ("at entry 1, 2025-11-21 00:10:00", "1-4")
    assert fact["period"] == "2025-11-23 00:00:00 to 2025-11-24 00:00:00"
    case.give(
        "export", [text(first | counts | {"outside": 1, "covers": "1-3"}), *map(text, lines[:3])]
    )
    assert agree(case) == {"covers-short"}


def test_the_time_of_a_record_is_never_hidden(tmp_path: Path) -> None:
    log = small()
    case = Case(tmp_path, log)
    first, *rest = map(document, log.export())
    pair = rest[1]["shown"].pop("t")
    field = xmppgov_verify.field("t", pair)
    rest[1]["hidden"]["t"] = base64.b64encode(field).decode()
    case.give("export", [text(first), *map(text, rest)])
    assert agree(case) == {"scope-wrong"}


def test_a_proof_with_another_key_of_the_day_proves_nothing(tmp_path: Path) -> None:
    day = Day((7, 200))
    case = Case(tmp_path, day.log)
    other, id = bytes([9]) * 32, "a-message"
    sought = references(other, id)
    entry = day.log.line(day.days[0])
    assert isinstance(entry, EntryLine)
    part = Part(entry, {sort: locate(day.sorted[0], value) for sort, value in sought.items()})
    case.give("proof", MemberProof(DAY, id, other, day.log.note(), (part,)).encode())
    assert agree(case) == {"proof-invalid"}


def rewritten(cosigned: int, extra: Callable[[SmallLog], object]) -> tuple[SmallLog, bytes]:
    """A log whose first entries were cosigned, before the others came."""
    log = SmallLog()
    log.start()
    log.record(1)
    log.gap(2, 2)
    whole, log.leaves = log.leaves, log.leaves[:cosigned]
    note = log.note()
    log.leaves = whole
    extra(log)
    return log, note


@pytest.mark.parametrize(
    ("extra", "late"),
    [
        (lambda log: None, False),
        (lambda log: [log.record(n) for n in range(3, 40)], False),
        (lambda log: log.gap(3, 3, t=NOW + 600_000), False),
        (lambda log: log.gap(3, 3, t=NOW + 600_001), True),
        (lambda log: log.leaves.extend([log.leaves[1]] * 65_536), True),
    ],
)
def test_how_much_is_cosigned_is_told_and_a_long_tail_is_found(
    tmp_path: Path, extra: Callable[[SmallLog], object], late: bool
) -> None:
    log, note = rewritten(1, extra)
    case = Case(tmp_path, log)
    log.publish(case.tiles, checkpoint=log.checkpoint.sign(LOG), cosigned=note)
    assert ("cosigned-behind" in agree(case)) is late
    assert case.theirs()["facts"][0]["cosigned"] == f"1 of {len(log.leaves)}"
    log.publish(case.tiles, cosigned=log.note())
    assert "cosigned-behind" not in agree(case)
    assert case.theirs()["facts"][0]["cosigned"] == f"{len(log.leaves)} of {len(log.leaves)}"


def test_whoever_knows_why_takes_a_long_tail(tmp_path: Path) -> None:
    log, note = rewritten(1, lambda log: log.gap(3, 3, t=NOW + WEEK))
    case = Case(tmp_path, log)
    log.publish(case.tiles, checkpoint=log.checkpoint.sign(LOG), cosigned=note)
    words = ["--policy", str(tmp_path / "policy"), "--tiles", str(case.tiles)]
    assert xmppgov_verify.main(words) == 1
    assert xmppgov_verify.main([*words, "--uncosigned"]) == 0


def test_one_time_in_a_far_future_keeps_no_number_open(tmp_path: Path) -> None:
    log = SmallLog()
    log.start()
    log.record(1)
    log.record(3)
    log.say("key", 2**53 - 1, name="x", fate="created", public="")
    log.record(4)
    log.say("key", LATER, name="y", fate="created", public="")
    log.say("key", LATER + 200_000, name="z", fate="created", public="")
    assert agree(Case(tmp_path, log)) == {"time-wrong", "counter-gap"}


SECOND, OTHER = "1/1763864999", "2/1763864000"
EPOCHS: dict[str, tuple[Callable[[SmallLog], object], set[str]]] = {
    "an epoch follows": (lambda log: log.start(SECOND, previous=EM, last=1), set()),
    "it goes on behind its end": (
        lambda log: (log.start(SECOND, previous=EM, last=1), log.record(2)), {"epoch-changed"},
    ),
    "an epoch follows none": (lambda log: log.start(SECOND), {"epoch-changed"}),
    "an epoch follows another's": (
        lambda log: log.control(_start(OTHER, "b.example", previous=EM, last=1)), {"epoch-changed"},
    ),
    "a server has two numbers": (lambda log: log.start(OTHER), {"emitter-twice"}),
    "a day is closed twice": (lambda log: (log.day([]), log.day([])), {"day-order"}),
    "a day's second part": (lambda log: (log.day([]), log.day([], part=2)), set()),
    "a part without the first": (lambda log: log.day([], part=2), {"day-order"}),
    "a day that is not over": (lambda log: log.day([], day="2025-11-24"), {"day-order"}),
    "a day that was left out": (
        lambda log: log.day([], day="2025-11-25", t=NOW + WEEK), {"day-order"},
    ),
}  # fmt: skip


def _start(em: str, emitter: str, **more: Any) -> Any:
    return EmitterStart(v=1, kind="emitter.start", em=em, emitter=emitter, t=NOW, **more)


@pytest.mark.parametrize("what", EPOCHS)
def test_epochs_servers_and_days_follow_each_other(tmp_path: Path, what: str) -> None:
    extra, codes = EPOCHS[what]
    log = SmallLog()
    log.start()
    log.record(1)
    extra(log)
    assert agree(Case(tmp_path, log)) == codes


def hold(log: SmallLog, name: str, n: int, until: str = "2026-12-31", t: int = NOW) -> int:
    fields = {"scope": HASH, "reason": "x", "until": until, "roles": "dpo", "n": n}
    return log.say("hold", t, hold=name, **fields)


def release(log: SmallLog, name: str, roles: str = "archivist dpo", t: int = NOW) -> int:
    return log.say("release", t, hold=name, roles=roles)


def access(log: SmallLog, requester: str, roles: str) -> int:
    fields = {"request": HASH, "purpose": "x", "n": 1}
    return log.say("access", requester=requester, roles=roles, **fields)


DECISIONS: dict[str, tuple[Callable[[SmallLog], object], set[str]]] = {
    "an erasure": (lambda log: log.erase("1-2", 2), set()),
    "of readable entries": (lambda log: log.erase("0-1", 2), {"erase-forged"}),
    "of a month to come": (
        lambda log: log.erase("1", 1, month=month_after("2025-11")), {"erase-forged"},
    ),
    "by one role": (lambda log: log.erase("1", 1, roles="archivist"), {"roles-wrong"}),
    "what it holds, no hold keeps": (lambda log: log.erase("1", 1, held=1), {"erase-held"}),
    "a hold keeps the others": (lambda log: (hold(log, "a", 2), log.erase("1-2", 2)), set()),
    "and says so": (lambda log: (hold(log, "a", 2), log.erase("1-2", 2, held=2)), set()),
    "a hold keeps more": (
        lambda log: (hold(log, "a", 3), log.erase("1-2", 2)), {"erase-held"},
    ),
    "a hold that names people counts nothing": (
        lambda log: (hold(log, "a", 0), log.erase("1-4", 4)), set(),
    ),
    "what came behind the hold is not its own": (
        lambda log: (hold(log, "a", 4), log.record(5), log.erase("6", 1)), set(),
    ),
    "a hold that was released": (
        lambda log: (hold(log, "a", 4), release(log, "a"), log.erase("1", 1)), set(),
    ),
    "a hold that is over": (
        lambda log: (hold(log, "a", 4, "2025-11-23"), log.erase("1", 1)), set(),
    ),
    "ended by nobody": (
        lambda log: (hold(log, "a", 4, "2025-11-23"), release(log, "a", "nobody")), set(),
    ),
    "ended by nobody too early": (
        lambda log: (hold(log, "a", 4), release(log, "a", "nobody")), {"hold-wrong"},
    ),
    "released by one": (
        lambda log: (hold(log, "a", 4), release(log, "a", "dpo")), {"roles-wrong"},
    ),
    "released twice": (
        lambda log: (hold(log, "a", 4), release(log, "a"), release(log, "a")), {"hold-wrong"},
    ),
    "made twice": (lambda log: (hold(log, "a", 4), hold(log, "a", 4)), {"hold-wrong"}),
    "an access": (lambda log: access(log, "requester", "archivist dpo"), set()),
    "an access by the requester": (
        lambda log: access(log, "dpo", "archivist dpo"), {"roles-wrong"},
    ),
    "an access by one": (lambda log: access(log, "dpo", "archivist"), {"roles-wrong"}),
}  # fmt: skip


@pytest.mark.parametrize("what", DECISIONS)
def test_officers_decide_by_two_and_holds_keep(tmp_path: Path, what: str) -> None:
    extra, codes = DECISIONS[what]
    log = SmallLog()
    log.start()
    for seq in range(1, 5):
        log.record(seq)
    extra(log)
    assert agree(Case(tmp_path, log)) == codes


def test_a_size_without_files_ends_at_the_first_that_is_missing(tmp_path: Path) -> None:
    case = Case(tmp_path, small())
    huge = Checkpoint(ORIGIN, 10**15, bytes(32)).sign(LOG)
    (case.tiles / "cosigned").write_bytes(small().note())
    (case.tiles / "checkpoint").write_bytes(huge)
    found = case.theirs()
    assert "bundle-invalid" in found["codes"]
    assert found["facts"][0]["cosigned"] == f"8 of {10**15}"


THREE_DAYS = 3 * 86_400_000  # ms
HALF = "\ud800"


def test_half_of_a_pair_is_no_text(tmp_path: Path) -> None:
    case = Case(tmp_path, small())
    lines = exported(small())
    for change, codes in (
        (lines[2].replace(b'"msg.direct"', b'"\\ud800"'), {"line-invalid"}),
        (lines[2].replace(b'"shown"', b'"\\ud800"'), {"line-invalid"}),
    ):
        case.give("export", [*lines[:2], change, *lines[3:]])
        assert agree(case) == codes | {"record-missing", "export-count"}
    for name in ("checkpoint", "origin", "purpose"):
        first = json.dumps(document(lines[0]) | {name: HALF}).encode() + b"\n"
        case.give("export", [first, *lines[1:]])
        assert agree(case) == {"manifest-invalid"}, name
    proof = json.loads(Day((1,)).proof("x").encode())
    entry = {"index": 0, "entry": "AAAA", "proof": []}
    for changes in ({"id": HALF}, {"checkpoint": HALF}, {"records": [entry]}, {"records": [5]}):
        case.give("proof", json.dumps(proof | changes).encode())
        assert case.theirs()["codes"] & {"line-invalid", "proof-invalid"}, changes


JSON = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-1, 2**64)
    | st.floats()
    | st.sampled_from(["", HALF, "AAAA"]),
    lambda inner: (
        st.lists(inner, max_size=2) | st.dictionaries(st.sampled_from(["t", "entry"]), inner)
    ),
    max_leaves=4,
)


@settings(max_examples=150, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.data())
def test_nothing_that_is_handed_in_breaks_the_one_file(tmp_path: Path, data: st.DataObject) -> None:
    day = Day((1,), (7,))
    case = Case(tmp_path, day.log)
    proof = json.loads(day.proof("a-message", [day.record]).encode())
    lines = [document(line) for line in day.log.export()]
    kind, whole = data.draw(st.sampled_from([("proof", [proof]), ("export", lines)]))
    place: Any = whole
    while isinstance(place, dict | list) and place:
        keys = sorted(place) if isinstance(place, dict) else range(len(place))
        key = data.draw(st.sampled_from(keys))
        inner = place[key]
        if not (isinstance(inner, dict | list) and inner and data.draw(st.booleans())):
            place[key] = data.draw(JSON)
            break
        place = inner
    case.give(kind, b"".join(json.dumps(line).encode() + b"\n" for line in whole))
    case.theirs()
