"""The time stamps that lie beside the log: which day is the last, and whether they all hold."""

from __future__ import annotations

from collections.abc import Iterator

from xmppgov.archive.log import LogCheck
from xmppgov.i18n import Texts
from xmppgov_archive.config import ArchiveSection
from xmppgov_archive.log.tokens import NOTE, TOKEN, TokenInvalid, Tokens

texts = Texts("xmppgov_archive")


def stamped_days(section: ArchiveSection) -> list[str]:
    """Return the days (YYYY-MM-DD) that have a token, in order."""
    return sorted(file.stem for file in section.timestamps_dir.glob(f"*{TOKEN}"))


def check_stamps(section: ArchiveSection, log: LogCheck) -> None:
    """Check every token, and that the log begins with what was stamped.

    Raises:
        ConfigurationError: what checks tokens is not installed.
    """
    days = stamped_days(section)
    tokens = Tokens(section.timestamps.ca_file) if days and section.timestamps else None
    for day, note, token in _stamps(section, days):
        where = f"timestamp {day}"
        log.check_stamped(note, where)
        try:
            if tokens is not None:
                tokens.check(token, note)
        except TokenInvalid as error:
            log.report.add("timestamp-invalid", where, error.text)


def _stamps(section: ArchiveSection, days: list[str]) -> Iterator[tuple[str, bytes, bytes]]:
    folder = section.timestamps_dir
    for day in days:
        note, token = folder / f"{day}{NOTE}", folder / f"{day}{TOKEN}"
        yield day, note.read_bytes() if note.exists() else b"", token.read_bytes()
