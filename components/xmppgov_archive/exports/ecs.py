"""Exports for a SIEM: a line of JSON an event, in the Elastic Common Schema.

The schema (https://www.elastic.co/docs/reference/ecs) has no chat. A record is an event whose
number and hash are the log's; what only this messenger has stands in a namespace of its own,
`xmpp`.
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

from xmppgov.archive.document import write
from xmppgov.archive.jcs import Value
from xmppgov.tlog.merkle import leaf_hash
from xmppgov_archive.exports.service import Export, Item
from xmppgov_archive.exports.table import moment

VERSION = "9.4.0"
DIRECTIONS = {"internal": "internal", "s2s-in": "inbound", "s2s-out": "outbound"}
CATEGORIES: dict[str, tuple[str, str]] = {
    "msg": ("network", "info"),
    "file": ("file", "creation"),
    "room": ("iam", "group"),
    "alert": ("network", "info"),
    "dir": ("database", "access"),
}
"""`event.category` and `event.type` of each family of kinds, of the values that ECS allows."""
OWN = ("class", "basis", "room", "n", "enc", "id", "ref", "oid", "state", "em", "es", "v")


async def lines(export: Export) -> AsyncIterator[bytes]:
    """Yield the export, some lines at a time."""
    async for items in export.records():
        leaves = await export.leaves(items)
        yield b"".join(
            write(event(export, item, leaf_hash(leaves[item.index]))) + b"\n" for item in items
        )


def event(export: Export, item: Item, hash_: bytes) -> dict[str, Any]:
    """Return a record's event; fields that are not to be shown are not in it."""
    manifest = export.manifest
    shown = {name: item.record[name] for name in manifest.fields if name in item.record}
    document: dict[str, Any] = {
        "ecs": {"version": VERSION},
        "event": {
            "kind": "event",
            "module": "xmppgov",
            "dataset": "xmppgov.archive",
            "sequence": item.index,
            "hash": hash_.hex(),
        },
        "service": {"type": "xmpp", "name": manifest.origin},
        "labels": {"export": manifest.watermark},
    }
    if "state" in shown:
        outcome = "success" if shown["state"] == "accepted" else "unknown"
        document["event"]["outcome"] = outcome
    _add_times_and_kinds(document, shown)
    _add_people(document, shown)
    own = {name: shown[name] for name in OWN if name in shown}
    return document | ({"xmpp": own} if own else {})


def _add_times_and_kinds(document: dict[str, Any], shown: dict[str, Value]) -> None:
    document["@timestamp"] = moment(int(shown["t"]))
    if "kind" in shown:
        category, type_ = CATEGORIES[str(shown["kind"]).partition(".")[0]]
        event = {"action": shown["kind"], "category": [category], "type": [type_]}
        document["event"].update(event)
    if "scope" in shown:
        document["network"] = {"direction": DIRECTIONS[str(shown["scope"])], "protocol": "xmpp"}
    if "size" in shown:
        document.setdefault("network", {})["bytes"] = shown["size"]


def _add_people(document: dict[str, Any], shown: dict[str, Value]) -> None:
    """Add pseudonyms: of people as users, of the unit as the organization."""
    people = [str(shown[name]) for name in ("from", "to") if name in shown]
    if "from" in shown:
        document["user"] = {"id": shown["from"]}
    if "to" in shown:
        document.setdefault("user", {})["target"] = {"id": shown["to"]}
    if people:
        document["related"] = {"user": people}
    if "org" in shown:
        document["organization"] = {"id": shown["org"]}
    if "domain" in shown:
        side = "source" if shown.get("scope") == "s2s-in" else "destination"
        document[side] = {"domain": shown["domain"]}
