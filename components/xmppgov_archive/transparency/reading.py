"""Reads every entry of a published log and checks that they are what its checkpoint says."""

from __future__ import annotations

from collections.abc import Iterator

from xmppgov.errors import CheckFailed
from xmppgov.i18n import Texts
from xmppgov.tlog.checkpoint import Checkpoint
from xmppgov.tlog.errors import TileInvalid
from xmppgov.tlog.note import Note
from xmppgov.tlog.policy import Policy
from xmppgov.tlog.tiles import ENTRIES, WIDTH, Edge, Read, split_bundle, tile_path
from xmppgov_archive.transparency.service import Figures, Summary

texts = Texts("xmppgov_archive")


def read_figures(
    note: bytes, policy: Policy | None, read: Read, since: str | None, start: int
) -> Figures:
    """Return the figures of the log whose files `read` returns, from `start` (ms) on.

    Raises:
        NoteInvalid: it is no checkpoint, or no log that the policy knows has signed it.
        TileInvalid: a file is missing or cut.
        CheckFailed: the entries are not those that were signed.
        RecordInvalid: something is no entry.
    """
    checkpoint = (
        policy.judge(note).checkpoint if policy else Checkpoint.parse(Note.parse(note).text)
    )
    summary = Summary(Figures(checkpoint.origin, checkpoint.size, since), start)
    for index, entry in enumerate(_entries(checkpoint, read)):
        summary.follow(index, entry)
    return summary.finish()


def _entries(checkpoint: Checkpoint, read: Read) -> Iterator[bytes]:
    edge = Edge()
    for first in range(0, checkpoint.size, WIDTH):
        entries = _bundle(first // WIDTH, min(WIDTH, checkpoint.size - first), read)
        edge.append(entries)
        yield from entries
    if edge.root() != checkpoint.root:
        raise CheckFailed(texts("The entries are not those that the checkpoint covers."))


def _bundle(index: int, width: int, read: Read) -> list[bytes]:
    """Return the entries of a bundle; where its partial file is gone, those of the full one."""
    path = tile_path(ENTRIES, index, width)
    try:
        entries = split_bundle(read(path))
    except TileInvalid:
        entries = split_bundle(read(tile_path(ENTRIES, index)))
    if len(entries) < width:
        raise TileInvalid(texts("{path}: the file is cut short.", path=path))
    return entries[:width]
