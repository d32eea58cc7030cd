"""The directory's configuration file (docs/operator.md)."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from xmppgov.config import ConfigPath, LogSection, Section, Settings, XmppSection
from xmppgov.directory.model import MOST_RESULTS


class DirectorySection(Section):
    """`[directory]`: the database, who may ask, and how much."""

    database: ConfigPath
    domains: Annotated[frozenset[str], Field(min_length=1)]
    """The organisation's domains: their people may search, and nobody else."""
    machines: frozenset[str] = frozenset()
    """Bare addresses, of components and bots, that may ask by `urn:xmppgov:directory:0`."""
    max_results: int = Field(MOST_RESULTS, ge=1, le=MOST_RESULTS)
    searches_per_minute: int = Field(30, ge=1)


class DirectorySettings(Settings):
    """The whole file."""

    xmpp: XmppSection
    directory: DirectorySection
    log: LogSection = LogSection()
