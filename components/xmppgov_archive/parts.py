"""What an archive consists of when it is open, for the features that are built on it."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

from xmppgov.tlog.note import SigningKey
from xmppgov_archive.records.keys import KeyRing
from xmppgov_archive.records.pseudonyms import Pseudonyms
from xmppgov_archive.records.rest import AtRest
from xmppgov_archive.records.service import Archive
from xmppgov_archive.records.store import RecordStore


class Parts(NamedTuple):
    """The archive, its parts, and its clock (ms UTC)."""

    archive: Archive
    store: RecordStore
    keys: KeyRing
    names: Pseudonyms
    rest: AtRest
    signing_key: SigningKey
    clock: Callable[[], int]
