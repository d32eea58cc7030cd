"""Days as they are written on the command line."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta

from xmppgov.errors import ConfigurationError
from xmppgov.i18n import Texts

texts = Texts("xmppgov_archive")


def first_millisecond(text: str) -> int:
    """Return the first millisecond of a day (UTC), written `2026-11-24`."""
    try:
        day = date.fromisoformat(text)
    except ValueError as error:
        raise ConfigurationError(texts("{day} is no day; write YYYY-MM-DD.", day=text)) from error
    midnight = datetime(day.year, day.month, day.day, tzinfo=UTC)
    return (midnight - datetime(1970, 1, 1, tzinfo=UTC)) // timedelta(milliseconds=1)
