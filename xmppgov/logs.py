"""Logging: structured lines on standard error, and no stanza at any level.

slixmpp writes every stanza at DEBUG and the OMEMO libraries write plaintext there, so their loggers
are pinned at INFO whatever the operator asks for; slixmpp's report of unparsable input, which
quotes the input, is cut.
"""

from __future__ import annotations

import logging
import sys

import structlog

from xmppgov.config import LogSection

PINNED = (
    "slixmpp",
    "slixmpp_omemo",
    "omemo",
    "oldmemo",
    "doubleratchet",
    "x3dh",
    "aiosqlite",
    "asyncio",
)
QUOTING = ("slixmpp_omemo", "omemo")
"""Their warnings quote what somebody published, in as many lines as that person lists devices."""
_LEVELS = {
    "debug": logging.DEBUG,
    "info": logging.INFO,
    "warning": logging.WARNING,
    "error": logging.ERROR,
}


class _Cut(logging.Filter):
    """Replace the arguments of slixmpp's quoting messages."""

    def filter(self, record: logging.LogRecord) -> bool:
        quoting = ("Parse error", "Unable to parse")
        if isinstance(record.msg, str) and record.msg.startswith(quoting):
            record.msg, record.args = "unparsable input from the server", ()
        return True


def pin_library_loggers(level: int = logging.INFO) -> None:
    """Keep the libraries from writing anybody's content, or anything below `level`."""
    for name in PINNED:
        logger = logging.getLogger(name)
        logger.setLevel(max(logging.INFO, logger.level, level))
    for name in QUOTING:
        logging.getLogger(name).setLevel(logging.ERROR)
    for name in ("slixmpp.xmlstream.xmlstream", "slixmpp.xmlstream"):
        logging.getLogger(name).addFilter(_Cut())


def configure_logging(section: LogSection) -> None:
    """Write this process's log lines to standard error, as `section` says."""
    level = _LEVELS[section.level]
    pin_library_loggers(level)
    logging.basicConfig(level=level, stream=sys.stderr, format="%(levelname)s %(name)s %(message)s")
    renderer = (
        structlog.processors.JSONRenderer()
        if section.json_lines
        else structlog.dev.ConsoleRenderer(colors=sys.stderr.isatty())
    )
    structlog.configure(
        wrapper_class=structlog.make_filtering_bound_logger(level),
        processors=[
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            structlog.processors.format_exc_info,
            renderer,
        ],
        logger_factory=structlog.PrintLoggerFactory(sys.stderr),
    )
