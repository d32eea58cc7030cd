"""Whatever a record can say of its kind, encryption and state has words in both languages."""

from __future__ import annotations

from typing import get_args

from xmppgov.archive.model import Encryption, Record
from xmppgov_archive.inspection.words import ENCRYPTIONS, KINDS, STATES, worded


def test_every_code_has_words() -> None:
    kinds, states = set[str](), set[str]()
    for model in get_args(Record):
        kinds |= set(get_args(model.model_fields["kind"].annotation))
        states |= set(get_args(model.model_fields["state"].annotation))
    assert (set(KINDS), set(STATES)) == (kinds, states)
    assert set(ENCRYPTIONS) == set(get_args(Encryption))


def test_a_reader_s_words_are_of_their_language() -> None:
    said = [worded("kind", "msg.direct", language) for language in ("fr", "en", None)]
    assert said[:2] == ["message", "message"]
    assert worded("encryption", "omemo:0", "fr") == "chiffré (OMEMO)"
    assert worded("encryption", "omemo:0", "en") == "encrypted (OMEMO)"
    assert worded("state", "unconfirmed", "en") == "perhaps not delivered"
    assert worded("from", "none", "en") == "none"
    assert worded("kind", "msg.unheard", "en") == "msg.unheard"
