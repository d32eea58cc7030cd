"""Whatever the wire lets in is a record of the schema: what is committed can be verified."""

from __future__ import annotations

import xml.etree.ElementTree as ET
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.unit.archive.batches import START, uuid7
from tests.unit.components.archive.conftest import EPOCH, Place
from xmppgov.archive.batch import ENCRYPTIONS, KINDS, SCOPES, Batch, WireRecord
from xmppgov.archive.jcs import decode, encode
from xmppgov.archive.model import parse_record
from xmppgov.archive.stanza import NS, parse_batch
from xmppgov.errors import BadRequest
from xmppgov_archive.records.policy import Label, family, to_record
from xmppgov_archive.records.pseudonyms import Pseudonyms

ALWAYS = {"seq": "1", "id": uuid7(START, 1), "t": str(START), "state": "accepted"}
domains = st.sampled_from(["gov.localhost", "a" * 400, "é.example"])
bare = st.builds(lambda name, domain: name + domain, st.sampled_from(["", "alice@"]), domains)
records = st.fixed_dictionaries(
    {
        "kind": st.sampled_from(sorted(KINDS)),
        "path": st.sampled_from(sorted(SCOPES)),
        "from": bare,
    },
    optional={
        "to": bare,
        "room": bare,
        "n": st.integers(0, 500).map(str),
        "size": st.integers(0, 2**50).map(str),
        "enc": st.sampled_from(sorted(ENCRYPTIONS)),
        "oid": st.just("o-1"),
        "sid": st.just("s-1"),
    },
)


def parse(attributes: dict[str, str]) -> Batch:
    batch = ET.Element(f"{{{NS}}}batch", {"epoch": str(EPOCH), "first": "1", "last": "1"})
    ET.SubElement(batch, f"{{{NS}}}record", ALWAYS | attributes)
    return parse_batch(batch)


class Names:
    """Pseudonyms that say nothing and have the form of true ones."""

    def of(self, _sort: str, _name: str, _t: int) -> str:
        return "A" * 22

    of_id = of


@settings(max_examples=1000)
@given(records)
def test_what_is_let_in_is_a_record(attributes: dict[str, str]) -> None:
    try:
        (wire,) = parse(attributes).items
    except BadRequest:
        return
    assert isinstance(wire, WireRecord)
    labels = {family(kind): Label("standard", "duty") for kind in KINDS.values()}
    names: Pseudonyms = Names()  # type: ignore[assignment]
    record = to_record(wire, em=f"1/{EPOCH}", unit=None, labels=labels, names=names)
    assert parse_record(encode(record)) == decode(encode(record))


MEMBER = {"kind": "joined", "path": "local", "from": "alice@gov.localhost", "room": "r@gov"}


@pytest.mark.parametrize("kind", ["joined", "left"])
@pytest.mark.parametrize("extra", [{"n": "3"}, {"size": "5"}, {"enc": "none"}])
def test_membership_has_no_size(kind: str, extra: dict[str, str]) -> None:
    with pytest.raises(BadRequest):
        parse({**MEMBER, "kind": kind, **extra})


async def test_membership_is_committed_and_verified(tmp_path: Path) -> None:
    place = Place(tmp_path)
    await place.fill(parse(MEMBER))
    assert not (await place.verify()).findings
