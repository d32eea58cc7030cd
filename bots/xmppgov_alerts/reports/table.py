"""A report as CSV (RFC 4180) in UTF-8 with a byte order mark, as spreadsheets want it.

Every line of an exercise begins and ends with its banner, so that a line alone shows what it is.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Sequence

from xmppgov_alerts.model import Alert, rfc3339
from xmppgov_alerts.reports.model import RecipientState
from xmppgov_alerts.wording import banner

COLUMNS = (
    "status", "id", "number", "version", "msg_type", "severity", "person", "name", "jid",
    "state", "reason", "since", "how", "as", "nudge", "retraction", "banner",
)  # fmt: skip
_FORMULA = ("=", "+", "-", "@", "\t", "\r")
"""What a spreadsheet would calculate."""


def head() -> bytes:
    """Return the line of column names."""
    return b"\xef\xbb\xbf" + _written([COLUMNS])


def lines(alert: Alert, recipients: Iterable[RecipientState]) -> bytes:
    """Return the lines of some recipients."""
    frame = banner(alert.status)
    first = (
        frame or alert.status.value, alert.id, alert.number, str(alert.version),
        alert.msg_type.value, alert.severity.value,
    )  # fmt: skip
    return _written([*first, *_cells(one), frame or ""] for one in recipients)


def _cells(one: RecipientState) -> Sequence[str]:
    values = (
        one.person, one.name, one.jid, one.state, one.reason, rfc3339(one.since), one.how,
        one.sent_as, one.nudge, one.retraction,
    )  # fmt: skip
    return [_harmless(value or "") for value in values]


def _harmless(value: str) -> str:
    """Keep a spreadsheet from taking a name for a formula."""
    return f"'{value}" if value.startswith(_FORMULA) else value


def _written(rows: Iterable[Sequence[str]]) -> bytes:
    out = io.StringIO(newline="")
    csv.writer(out, lineterminator="\r\n").writerows(rows)
    return out.getvalue().encode()
