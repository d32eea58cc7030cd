"""Exports that verify: a manifest, then a line an index (docs/protocol/exports.md)."""

from __future__ import annotations

from collections.abc import AsyncIterator

from xmppgov.archive.disclosure import disclose
from xmppgov.archive.exports.model import EntryLine, Line, RecordLine, write_line
from xmppgov_archive.exports.service import Entry, Export, Item

OUTSIDE = ("t",)  # what is shown of a record of another day, so that no index is left out


async def lines(export: Export) -> AsyncIterator[bytes]:
    """Yield the export, some lines at a time."""
    yield write_line(export.manifest)
    async for items in export.everything():
        yield b"".join(write_line(_line(export, item)) for item in items)


def _line(export: Export, item: Item | Entry) -> Line:
    proof = export.proof(item.index)
    if isinstance(item, Entry):
        return EntryLine(item.index, item.data, proof)
    names = OUTSIDE if item.outside else export.manifest.fields
    shown = disclose(item.record, item.values, item.secret, names)
    return RecordLine(item.index, shown, proof, item.outside)
