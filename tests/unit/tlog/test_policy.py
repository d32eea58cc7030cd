"""Trust policies: C2SP's example, round trips, every rule of the syntax, what a quorum is."""

from __future__ import annotations

import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.unit.tlog.notes import (
    CHECKPOINT,
    COSIGNERS,
    ORIGIN,
    OWN,
    TIME,
    VECTORS,
    W1,
    W2,
    W3,
    cosigned,
    policy,
)
from xmppgov.tlog.checkpoint import Checkpoint
from xmppgov.tlog.cosignature import Ed25519CosignerKey
from xmppgov.tlog.errors import NoteInvalid, PolicyInvalid, PolicyUnmet
from xmppgov.tlog.merkle import leaf_hash
from xmppgov.tlog.note import Note, SigningKey, VerifierKey
from xmppgov.tlog.policy import Group, Log, Policy, Witness
from xmppgov.tlog.proof import TlogProof

KEYS = [Ed25519CosignerKey(f"w{n}", bytes([n]) * 32) for n in range(6)]
LOGS = [VerifierKey(f"log{n}", bytes([n]) * 32) for n in range(3)]
SUBSETS = [s for n in range(5) for s in itertools.combinations(COSIGNERS, n)]


def example() -> str:
    """C2SP's example with keys and a few blanks and comments."""
    x1, x2, x3, y1, y2, y3 = KEYS
    return (
        f"# a comment + \u00e9\n  log\t{LOGS[0]}  \n\n"
        f"witness X1 {x1}\nwitness X2 {x2}\nwitness X3 {x3}\ngroup X-witnesses 2 X1 X2 X3\n\n"
        f"\t witness Y1 {y1} https://y1.example/\nwitness Y2 {y2}\nwitness Y3 {y3}\n"
        "group Y-witnesses any Y1 Y2 Y3\n\t# another\n"
        "group X-and-Y all X-witnesses Y-witnesses\nquorum X-and-Y\n"
    )


def test_the_example_of_the_specification() -> None:
    read = Policy.parse(example().encode())
    assert [w.name for w in read.witnesses] == ["X1", "X2", "X3", "Y1", "Y2", "Y3"]
    assert read.witnesses[3].url == "https://y1.example/"
    assert read.groups[2] == Group("X-and-Y", 2, ("X-witnesses", "Y-witnesses"))
    for names, enough in (
        (("X1", "X2", "Y3"), True),
        (("X1", "X2", "X3"), False),
        (("X1", "Y1", "Y2", "Y3"), False),
        (("X1", "X2", "X3", "Y1", "Y2", "Y3"), True),
        (("X1", "X2", "nobody"), False),
    ):
        assert read.satisfied_by(names) is enough, names


def test_the_policy_of_the_vectors() -> None:
    read = Policy.parse(VECTORS["policy"].encode())
    assert read.encode().decode() == VECTORS["policy"]
    for vector in VECTORS["quorum"]:
        assert read.satisfied_by(vector["cosigned"]) is vector["satisfied"]
    assert read.judge(VECTORS["cosigned"].encode()).satisfied


@st.composite
def policies(draw: st.DrawFn) -> Policy:
    octets = st.binary(min_size=1, max_size=6).map(
        lambda b: bytes(c for c in b if c > 0x20 != 0x7F)
    )
    words = octets.filter(lambda b: b and 0x7F not in b).map(
        lambda b: b.decode("utf-8", "surrogateescape")
    )
    count = draw(st.integers(0, 6))
    names = draw(st.lists(words.filter(lambda w: w != "none"), min_size=9, max_size=9, unique=True))
    witnesses = tuple(
        Witness(name, key, draw(st.none() | words))
        for name, key in zip(names[:count], KEYS, strict=False)
    )
    free, groups = names[:count], []
    for name in names[6 : 6 + draw(st.integers(0, 3))]:
        if free:
            members = draw(st.lists(st.sampled_from(free), min_size=1, unique=True))
            free = [n for n in free if n not in members] + [name]
            groups.append(Group(name, draw(st.integers(1, len(members))), tuple(members)))
    defined = [*names[:count], *(g.name for g in groups), "none"]
    logs = tuple(Log(k, draw(st.none() | words)) for k in LOGS[: draw(st.integers(0, 3))])
    return Policy(draw(st.sampled_from(defined)), logs, witnesses, tuple(groups))


@given(policies())
def test_a_policy_is_read_as_it_was_written(written: Policy) -> None:
    assert Policy.parse(written.encode()) == written


def _witnessed(rule: Policy, name: str, cosigners: set[str]) -> bool:
    """What a quorum is, said recursively."""
    group = next((g for g in rule.groups if g.name == name), None)
    if group is None:
        return name in cosigners
    return sum(_witnessed(rule, m, cosigners) for m in group.members) >= group.threshold


@given(policies(), st.sets(st.integers(0, 5)))
def test_a_quorum_is_what_its_groups_say(rule: Policy, chosen: set[int]) -> None:
    names = {w.name for n, w in enumerate(rule.witnesses) if n in chosen}
    expected = rule.quorum == "none" or _witnessed(rule, rule.quorum, names)
    assert rule.satisfied_by(names) is expected


LINES = st.sampled_from(
    [*example().splitlines(), "quorum none", "quorum X1", "group g 1 X1 X1", "log", "a b", ""]
)


@given(st.binary(max_size=80) | st.lists(LINES, max_size=20).map(lambda x: "\n".join(x).encode()))
def test_whatever_is_read_is_a_policy_or_refused(data: bytes) -> None:
    try:
        read = Policy.parse(data)
    except PolicyInvalid:
        return
    assert Policy.parse(read.encode()) == read


W = "witness a {}\nwitness b {}\nwitness c {}\n".format(*KEYS)
Q = "quorum none\n"


@pytest.mark.parametrize(
    "text",
    [
        "",
        "quorum a\n",
        "quorum none",
        W + "quorum d\n",
        W + "quorum a b\n",
        W + "quorum\n",
        W + Q + Q,
        W + "quorum g\ngroup g all a\n",
        W + "group g all\n" + Q,
        W + "group g\n" + Q,
        W + "group g 0 a\n" + Q,
        W + "group g 2 a\n" + Q,
        W + "group g 01 a\n" + Q,
        W + "group g +1 a\n" + Q,
        W + "group g \u0661 a\n" + Q,
        W + "group g most a b\n" + Q,
        W + "group g all a a\n" + Q,
        W + "group g all a b\ngroup h all b c\n" + Q,
        W + "group g all a\ngroup g all b\n" + Q,
        W + "group a all b\n" + Q,
        W + "group g all g\n" + Q,
        W + "group g all none\n" + Q,
        W + "group none all a\n" + Q,
        W + "group g any h\ngroup h any a\n" + Q,
        f"witness none {KEYS[0]}\n" + Q,
        f"witness a {KEYS[0]}\nwitness a {KEYS[1]}\n" + Q,
        f"witness a {KEYS[0]}\nwitness b {Ed25519CosignerKey('x', KEYS[0].public)}\n" + Q,
        f"witness a {KEYS[0]} https://a.example/ more\n" + Q,
        "witness a\n" + Q,
        "witness a nokey\n" + Q,
        f"witness a {LOGS[0]}\n" + Q,
        f"log {KEYS[0]}\n" + Q,
        f"log {LOGS[0]}\nlog {VerifierKey('other', LOGS[0].public)} https://x.example/\n" + Q,
        f"log {LOGS[0]} https://a.example/ more\n" + Q,
        "log\n" + Q,
        "logs x\n" + Q,
        "Quorum none\n",
        "quorum none\r\n",
        "quorum\u00a0none\n",
        "quorum none\n\x7f\n",
        "# \x00\n" + Q,
        "#" * 1_000_001 + "\n" + Q,
    ],
)
def test_malformed_policies_are_refused(text: str) -> None:
    with pytest.raises(PolicyInvalid):
        Policy.parse(text.encode())


def test_what_is_wrong_is_said_with_its_line_in_the_readers_language() -> None:
    with pytest.raises(PolicyInvalid) as caught:
        Policy.parse((W + "group g all d\n" + Q).encode())
    assert caught.value.text.in_language("en") == (
        "Line 4 of the policy: no earlier line defines d."
    )
    assert "ligne précédente" in caught.value.text.in_language("fr")


def test_names_are_octets() -> None:
    kelvin = f"witness \u212a {KEYS[0]}\nwitness K {KEYS[1]}\nquorum K\n".encode()
    assert [w.name for w in Policy.parse(kelvin).witnesses] == ["\u212a", "K"]
    odd = b"witness \xff\xfe " + str(KEYS[0]).encode() + b" \x80\nquorum \xff\xfe\n"
    assert Policy.parse(odd).encode() == odd


@pytest.mark.parametrize("names", SUBSETS, ids="+".join)
def test_a_note_satisfies_what_its_cosigners_satisfy(names: tuple[str, ...]) -> None:
    verdict = policy().judge(cosigned(*names).encode())
    assert verdict.cosigned == dict.fromkeys(names, TIME)
    assert verdict.satisfied is ("archive" in names and len(names) >= 3)
    assert verdict.checkpoint == CHECKPOINT
    if verdict.satisfied:
        assert policy().open(cosigned(*names).encode()) == CHECKPOINT
    else:
        with pytest.raises(PolicyUnmet):
            policy().open(cosigned(*names).encode())


def test_no_number_of_witnesses_stands_for_the_log() -> None:
    text = CHECKPOINT.text()
    witnesses_only = Note(text, tuple(c.sign(text, TIME) for c in (OWN, W1, W2, W3)))
    with pytest.raises(NoteInvalid):
        policy().judge(witnesses_only.encode())
    stranger = SigningKey(ORIGIN, bytes(31) + b"x")
    with pytest.raises(NoteInvalid):
        policy().judge(cosigned("archive", "w1", "w2", log=stranger).encode())
    assert policy().judge(cosigned("w1", log=stranger).encode(), [stranger.verifier])


def test_a_log_signs_for_its_own_origin_only() -> None:
    elsewhere = Checkpoint("elsewhere.example/log", 1, bytes(32))
    note = cosigned("archive", "w1", "w2", checkpoint=elsewhere)
    with pytest.raises(NoteInvalid):
        policy().judge(note.encode())


def test_a_wrong_cosignature_by_a_known_witness_spoils_the_note() -> None:
    other = Checkpoint(ORIGIN, 2, CHECKPOINT.root).text()
    good = cosigned("archive", "w1", "w2")
    bad = Note(good.text, (*good.signatures, W3.sign(other, TIME)))
    with pytest.raises(NoteInvalid):
        policy().judge(bad.encode())
    unknown = Note(good.text, (*good.signatures, SigningKey("x", bytes(32)).sign(other)))
    assert policy().judge(unknown.encode()).satisfied


def test_an_mldsa_key_can_be_the_logs() -> None:
    rule = Policy("none", (Log(OWN.verifier),))
    text = CHECKPOINT.text()
    assert rule.judge(Note(text, (OWN.sign(text, 0),)).encode()).satisfied
    assert Policy.parse(rule.encode()) == rule


def test_a_proof_is_verified_under_a_policy() -> None:
    enough, too_few = cosigned("archive", "w1", "w3"), cosigned("archive", "w1")
    TlogProof(0, (), enough.encode()).verify_under(policy(), leaf_hash(b"entry"))
    with pytest.raises(PolicyUnmet):
        TlogProof(0, (), too_few.encode()).verify_under(policy(), leaf_hash(b"entry"))
