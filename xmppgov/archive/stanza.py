"""Batches between an emitter and the archive (docs/protocol/archive.md), parsed strictly.

Only what the protocol names is read, and a batch with anything else is refused: what a server must
not send cannot slip in. No error says what the batch held.
"""

from __future__ import annotations

import re
import xml.etree.ElementTree as ET
from collections.abc import Mapping
from xml.sax.saxutils import quoteattr

from xmppgov.archive.batch import (
    ENCRYPTIONS,
    EVENTS,
    KINDS,
    SCOPES,
    Batch,
    CountedMessage,
    Hole,
    Item,
    Progress,
    WireRecord,
    reach,
)
from xmppgov.archive.model import LARGEST_EPOCH, LARGEST_SEQ
from xmppgov.errors import BadRequest, Detail
from xmppgov.i18n import Texts

texts = Texts("xmppgov")
NS = "urn:xmppgov:archive:0"
BATCH, STATUS = f"{{{NS}}}batch", f"{{{NS}}}status"
_RECORD, _HOLE, _COUNTED = f"{{{NS}}}record", f"{{{NS}}}hole", f"{{{NS}}}counted"
LARGEST_BATCH = 2000  # items
LARGEST_TIME = 253_402_300_799_999  # the last millisecond of the year 9999

_IN_ROOM = {"groupchat", "subject", "joined", "left"}
_TO_SOMEBODY = {"upload", "alert-sent", "alert-ack", "lookup"}
_STATES = {"accepted", "unconfirmed"}
_REASONS = {"boot", "lost"}
_ALWAYS = {"seq", "id", "t", "kind", "path", "from", "state"}
_REQUIRED = _ALWAYS | {"size", "enc"}
_ALLOWED = _REQUIRED | {"to", "room", "n", "oid", "sid"}
_MEMBERSHIP, _TRANSFERRED = {"joined", "left"}, {"n", "size", "enc"}
_NUMBER = re.compile(r"0|[1-9][0-9]{0,15}", re.ASCII)
_UUID7 = re.compile(
    r"[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}", re.ASCII
)
# The server's capture module has the same grammar (address.lib.lua).
_BARE = re.compile(r"(?:[^\s@/\x00-\x1f\x7f-\x9f]{1,1023}@)?[^\s@/\x00-\x1f\x7f-\x9f]{1,1023}")
_LONGEST_PART = 1023  # bytes of an address's part
_ID = re.compile(r"[A-Za-z0-9_.:-]{1,64}|sha256:[0-9a-f]{64}", re.ASCII)


def parse_batch(element: ET.Element) -> Batch:
    """Read a `<batch/>`.

    Raises:
        BadRequest: it is malformed, or a number is missing, doubled or out of order.
    """
    attributes = element.attrib
    named = attributes.keys() - {"waiting"}
    if named != {"epoch", "first", "last"} or len(element) > LARGEST_BATCH:
        raise _malformed("batch")
    _no_text(element)
    epoch = _number(attributes["epoch"], LARGEST_EPOCH)
    first, last = (_number(attributes[name], LARGEST_SEQ) for name in ("first", "last"))
    items = tuple([_parse_item(child) for child in element])
    expected = first
    for item in items:
        low, high = reach(item)
        if low != expected or high < low:
            raise _malformed("seq")
        expected = high + 1
    if not items or first < 1 or expected != last + 1:
        raise _malformed("seq")
    return Batch(epoch, first, last, items, _waiting(attributes))


def parse_status(element: ET.Element) -> Progress:
    """Read a `<status/>`.

    Raises:
        BadRequest: it is malformed.
    """
    if element.attrib.keys() - {"waiting"} != {"epoch"} or len(element):
        raise _malformed("status")
    return Progress(_number(element.attrib["epoch"], LARGEST_EPOCH), _waiting(element.attrib))


def committed(epoch: int, last: int) -> str:
    """Write the answer to a batch."""
    return f'<committed xmlns="{NS}" epoch="{epoch}" last="{last}"/>'


def status(epoch: int, last: int) -> str:
    """Write the answer to a `<status/>`; `last` is 0 where nothing of the epoch is known."""
    return f'<status xmlns="{NS}" epoch="{epoch}" last="{last}"/>'


def known(seq: int) -> Detail:
    """Return what a conflict says: the number that is committed with other content."""
    return Detail(NS, "known", {"seq": str(seq)})


def expected(epoch: int, seq: int) -> Detail:
    """Return what an unexpected request says: the number with which to go on."""
    return Detail(NS, "expected", {"epoch": str(epoch), "seq": str(seq)})


def write_batch(batch: Batch) -> str:
    """Write a batch; the inverse of `parse_batch`."""
    items = "".join([write_item(item) for item in batch.items])
    head = f'epoch="{batch.epoch}" first="{batch.first}" last="{batch.last}"'
    if batch.waiting is not None:
        head += f' waiting="{batch.waiting}"'
    return f'<batch xmlns="{NS}" {head}>{items}</batch>'


def write_status(progress: Progress) -> str:
    """Write the question how far an epoch is committed; the inverse of `parse_status`."""
    waiting = "" if progress.waiting is None else f' waiting="{progress.waiting}"'
    return f'<status xmlns="{NS}" epoch="{progress.epoch}"{waiting}/>'


def parse_committed(element: ET.Element | None, epoch: int) -> int:
    """Return up to which number an answer says that `epoch` is committed.

    Raises:
        BadRequest: it is no answer to a batch or a status of this epoch.
    """
    names = {f"{{{NS}}}committed", STATUS}
    if element is None or element.tag not in names or element.get("epoch") != str(epoch):
        raise _malformed("answer")
    return _number(element.get("last", ""), LARGEST_SEQ)


def write_item(item: Item) -> str:
    """Write what a batch holds for one item."""
    if isinstance(item, WireRecord):
        return _write("record", _attributes(item))
    return _write("hole" if isinstance(item, Hole) else "counted", item._asdict())


def parse_seq(detail: ET.Element | None, name: str) -> int | None:
    """Return the number that a refusal's `<known/>` or `<expected/>` names, if it is one."""
    if detail is None or detail.tag != f"{{{NS}}}{name}":
        return None
    return int(seq) if _NUMBER.fullmatch(seq := detail.get("seq", "")) else None


def _attributes(record: WireRecord) -> Mapping[str, object]:
    fields = record._asdict()
    fields["from"] = fields.pop("sender")
    return fields


def _write(name: str, values: Mapping[str, object]) -> str:
    present = (f" {k}={quoteattr(str(v))}" for k, v in values.items() if v is not None)
    return f"<{name}{''.join(present)}/>"


def _parse_item(element: ET.Element) -> Item:
    if len(element):
        raise _malformed("record")
    _no_text(element)
    if element.tag == _RECORD:
        return _parse_record(element.attrib)
    if element.tag == _HOLE and element.attrib.keys() == {"first", "last", "reason"}:
        first, last = (_number(element.attrib[name], LARGEST_SEQ) for name in ("first", "last"))
        return Hole(first, last, _one_of(element.attrib, "reason", _REASONS))
    if element.tag == _COUNTED and element.attrib.keys() - {"room"} == {"seq"}:
        seq = _number(element.attrib["seq"], LARGEST_SEQ)
        return CountedMessage(seq, _address(element.attrib, "room"))
    raise _malformed("hole")


def _parse_record(a: Mapping[str, str]) -> WireRecord:
    names = a.keys()
    needed = _ALWAYS if a.get("kind") in EVENTS else _REQUIRED
    allowed = _ALLOWED - _TRANSFERRED if a.get("kind") in _MEMBERSHIP else _ALLOWED
    if not (names >= needed and names <= allowed):
        raise _malformed("record")
    if not _UUID7.fullmatch(a["id"]):
        raise _malformed("id")
    kind, n = _one_of(a, "kind", KINDS), a.get("n")
    to, room = _address(a, "to"), _address(a, "room")
    _check_place(kind, to, room)
    if n is not None and room is None:
        raise _malformed("n")
    return WireRecord(
        seq=_number(a["seq"], LARGEST_SEQ),
        id=a["id"],
        t=_number(a["t"], LARGEST_TIME),
        kind=kind,
        path=_one_of(a, "path", SCOPES),
        sender=_address(a, "from") or "",
        to=to,
        room=room,
        n=None if n is None else _number(n, LARGEST_SEQ),
        size=_number(a["size"], 2**50) if "size" in a else None,
        enc=_one_of(a, "enc", ENCRYPTIONS) if "enc" in a else None,
        oid=_optional(a, "oid", _ID),
        sid=_optional(a, "sid", _ID),
        state=_one_of(a, "state", _STATES),
    )


def _check_place(kind: str, to: str | None, room: str | None) -> None:
    """Refuse a record without the addressee that its kind has, or with one that it has not."""
    if kind in _IN_ROOM:
        wrong = room is None or to is not None
    elif kind == "muc-pm":
        wrong = room is None or to is None
    elif kind in _TO_SOMEBODY:
        wrong = room is not None or to is None
    else:
        wrong = room is None and to is None
    if wrong:
        raise _malformed("to")


def _address(a: Mapping[str, str], name: str) -> str | None:
    value = _optional(a, name, _BARE)
    if value is not None and not value.isascii() and not _is_short(value):
        raise _malformed(name)
    return value


def _is_short(address: str) -> bool:
    return all(len(part.encode()) <= _LONGEST_PART for part in address.split("@"))


def _optional(a: Mapping[str, str], name: str, pattern: re.Pattern[str]) -> str | None:
    value = a.get(name)
    if value is not None and not pattern.fullmatch(value):
        raise _malformed(name)
    return value


def _one_of(a: Mapping[str, str], name: str, allowed: Mapping[str, str] | set[str]) -> str:
    value = a[name]
    if value not in allowed:
        raise _malformed(name)
    return value


def _number(text: str, largest: int) -> int:
    value = int(text) if _NUMBER.fullmatch(text) else largest + 1
    if value > largest:
        raise _malformed("number")
    return value


def _waiting(a: Mapping[str, str]) -> int | None:
    return _number(a["waiting"], LARGEST_SEQ) if "waiting" in a else None


def _no_text(element: ET.Element) -> None:
    if (element.text and element.text.strip()) or (element.tail and element.tail.strip()):
        raise _malformed("text")


def _malformed(part: str) -> BadRequest:
    return BadRequest(texts("The batch is malformed ({part}); nothing was committed.", part=part))
