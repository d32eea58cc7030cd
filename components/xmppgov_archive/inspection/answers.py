"""What witnesses answer, and when too few of them do."""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple

from xmppgov.tlog.cosignature import CosignerKey
from xmppgov.tlog.policy import Policy


class Answer(NamedTuple):
    """What a witness says: a note, or nothing; `key` where the policy knows it."""

    name: str
    key: CosignerKey | None
    note: bytes | None


def too_few(policy: Policy, answers: Iterable[Answer]) -> list[str]:
    """Return who is silent, if the policy would not be satisfied without them; else nobody.

    A witness that is not the policy's was named by whoever asks: it must answer.
    """
    silent = [answer for answer in answers if answer.note is None]
    names = {answer.name for answer in silent}
    others = [w.name for w in policy.witnesses if w.name not in names]
    if policy.satisfied_by(others) and all(answer.key is not None for answer in silent):
        return []
    return [answer.name for answer in silent]
