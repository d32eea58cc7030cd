"""What a record's kind, encryption and state are called where people read them, in words."""

from __future__ import annotations

from collections.abc import Mapping

from xmppgov.i18n import Text, Texts

texts = Texts("xmppgov_archive")
KINDS: Mapping[str, Text] = {
    "msg.direct": texts("message"),
    "msg.room": texts("message to a room"),
    "msg.private": texts("private message in a room"),
    "msg.subject": texts("change of subject"),
    "msg.invite": texts("invitation"),
    "msg.call": texts("call"),
    "msg.keytransport": texts("exchange of keys"),
    "msg.bounce": texts("error message"),
    "file.upload": texts("file"),
    "room.joined": texts("joined a room"),
    "room.left": texts("left a room"),
    "alert.sent": texts("alert"),
    "alert.ack": texts("alert confirmed"),
    "dir.access": texts("look-up of a person"),
}
ENCRYPTIONS: Mapping[str, Text] = {
    "omemo:0": texts("encrypted (OMEMO)"),
    "omemo:2": texts("encrypted (OMEMO 2)"),
    "openpgp:0": texts("encrypted (OpenPGP)"),
    "x:encrypted": texts("encrypted (PGP, old)"),
    "otr": texts("encrypted (OTR)"),
    "none": texts("in clear"),
}
STATES: Mapping[str, Text] = {
    "accepted": texts("taken for delivery"),
    "unconfirmed": texts("perhaps not delivered"),
}
COLUMNS = {"kind": KINDS, "encryption": ENCRYPTIONS, "state": STATES}
"""The words of an answer's columns."""


def worded(column: str, code: str, language: str | None) -> str:
    """Return the words for a code, or the code where there are none."""
    words = COLUMNS.get(column, {}).get(code)
    return code if words is None else words.in_language(language)
