"""Exports for spreadsheets: CSV as RFC 4180 has it, with a cell for each field that is shown.

A spreadsheet takes a cell that begins with `=`, `+`, `-` or `@` for a formula. Pseudonyms may begin
with a minus; such a cell is written behind an apostrophe, which spreadsheets show as text.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from datetime import UTC, datetime

from xmppgov.archive.jcs import Value
from xmppgov_archive.exports.service import Export

FORMULA = ("=", "+", "-", "@", "\t", "\r")


async def lines(export: Export) -> AsyncIterator[bytes]:
    """Yield the export, some lines at a time."""
    manifest = export.manifest
    yield row(["index", "time", *manifest.fields, "export"])
    async for items in export.records():
        yield b"".join(
            row(
                [
                    item.index,
                    moment(int(item.record["t"])) if "t" in manifest.fields else "",
                    *(item.record.get(name, "") for name in manifest.fields),
                    manifest.watermark,
                ]
            )
            for item in items
        )


def row(cells: Sequence[Value]) -> bytes:
    """Write one line."""
    return (",".join(map(_cell, cells)) + "\r\n").encode()


def moment(t: int) -> str:
    """Return a time in ms UTC as ISO 8601 has it."""
    return datetime.fromtimestamp(t / 1000, UTC).isoformat(timespec="milliseconds")[:-6] + "Z"


def _cell(value: Value) -> str:
    text = str(value)
    if isinstance(value, str) and text.startswith(FORMULA):
        text = "'" + text
    if any(c in text for c in ',"\r\n'):
        return '"' + text.replace('"', '""') + '"'
    return text
