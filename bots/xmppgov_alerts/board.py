"""An alert as a person on duty reads it: counts, then each recipient, those in trouble first."""

from __future__ import annotations

import unicodedata
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text as Styled

from xmppgov.i18n import Text, Texts

texts = Texts("xmppgov_alerts")

STATE_NAMES = {
    "queued": texts("waiting"),
    "encrypted": texts("encrypted"),
    "sent": texts("sent"),
    "accepted": texts("at the server"),
    "delivered": texts("on a device"),
    "read": texts("read"),
    "acknowledged": texts("confirmed"),
    "withdrawn": texts("withdrawn"),
    "unreachable": texts("unreachable"),
    "failed": texts("failed"),
    "expired": texts("expired"),
    "no-account": texts("no account"),
}
REASONS = {
    "no-device": texts("no device that can decrypt"),
    "no-bundle": texts("no usable keys"),
    "keys-not-readable": texts("keys cannot be read"),
    "no-text": texts("the text could not be opened"),
}
STYLES = {
    "acknowledged": "green", "read": "cyan", "delivered": "cyan", "no-account": "red",
    "unreachable": "red", "failed": "red", "expired": "yellow",
}  # fmt: skip
SETTLED = frozenset({"acknowledged", "failed", "no-account", "expired", "withdrawn"})


def settled(report: Mapping[str, Any]) -> bool:
    """Whether nothing more can change."""
    waits = any(count for state, count in report["counts"].items() if state not in SETTLED)
    return report["state"] != "open" or not waits


def board(report: Mapping[str, Any]) -> RenderableType:
    """Return the whole picture of an alert, fit for 80 columns."""
    parts: list[RenderableType] = [_title(report)]
    if report["references"]:
        parts.append(_changes(report))
    parts += [_counts(report), _table(report["recipients"])]
    if report["next"] is not None:
        parts.append(str(texts("The list goes on: xmppgov alert report {id}", id=report["id"])))
    return Group(*_framed(report["banner"], parts))


def _framed(banner: str | None, parts: list[RenderableType]) -> list[RenderableType]:
    """Put the banner of an exercise before and behind what is shown."""
    frame = [Styled(banner, style="bold reverse")] if banner else []
    return [*frame, *parts, *frame]


def _changes(report: Mapping[str, Any]) -> str:
    """Say what an update or a cancellation was to do, and what became of that on this page."""
    corrected = sum(one["as"] == "correction" for one in report["recipients"])
    retracted = sum(one["retraction"] is not None for one in report["recipients"])
    if report["msg_type"] == "Cancel":
        return str(texts("Cancellation; on this page {count} retractions.", count=retracted))
    return str(
        texts(
            "Update, version {version}; on this page {count} corrections.",
            version=report["version"],
            count=corrected,
        )
    )


def _title(report: Mapping[str, Any]) -> Styled:
    sentence = texts(
        "Alert No. {number} ({id}), {severity}: {created} to {expires}",
        number=report["number"],
        id=report["id"],
        severity=report["severity"],
        created=_short(report["created"]),
        expires=_short(report["expires"]),
    )
    return Styled(str(sentence), style="bold", overflow="fold")


def _counts(report: Mapping[str, Any]) -> Styled:
    line = Styled(overflow="fold")
    for state, count in report["counts"].items():
        if count:
            line.append(f"{_name(state)} {count}", style=STYLES.get(state, "")).append("   ")
    return line


def _table(recipients: Sequence[Mapping[str, Any]]) -> Table:
    table = Table(box=None, pad_edge=False, header_style="bold")
    table.add_column(str(texts("State")), no_wrap=True)
    table.add_column(str(texts("Person")), ratio=3, overflow="fold")
    table.add_column(str(texts("Address")), ratio=3, overflow="fold")
    table.add_column(str(texts("Since")), no_wrap=True)
    for recipient in recipients:
        state = recipient["state"]
        table.add_row(
            Styled(_name(state), style=STYLES.get(state, "")),
            _person(recipient),
            Styled(_plain(recipient["jid"] or "–")),
            _short(recipient["since"]),
        )
    return table


def _person(recipient: Mapping[str, Any]) -> Styled:
    person = Styled(_plain(recipient["name"]))
    reason = recipient["reason"]
    if reason:
        known = REASONS.get(reason)
        person.append(f" ({_plain(reason) if known is None else known})", style="red")
    return person


def _name(state: str) -> str:
    known: Text | None = STATE_NAMES.get(state)
    return _plain(state) if known is None else str(known)


def _plain(text: str) -> str:
    """Leave out what would drive a terminal."""
    return "".join(c for c in text if unicodedata.category(c) not in ("Cc", "Cf", "Zl", "Zp"))


def _short(moment: str) -> str:
    """Write an RFC 3339 time in the terminal's own zone: to the second today, else with its day."""
    local = datetime.fromisoformat(moment).astimezone()
    today = local.date() == datetime.now().astimezone().date()
    return local.strftime("%H:%M:%S" if today else "%d/%m %H:%M")
