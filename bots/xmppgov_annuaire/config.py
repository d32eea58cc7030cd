"""The directory bot's configuration file (docs/bots.md)."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from xmppgov.config import ConfigPath, LogSection, Section, Settings, XmppSection


class BotSection(Section):
    """`[bot]`: where the bot keeps its state, whom it asks, whom it answers."""

    database: ConfigPath
    directory: str = Field(min_length=3)
    domains: Annotated[frozenset[str], Field(min_length=1)]
    """Whose messages are read; the directory itself decides who may search."""


class AnnuaireSettings(Settings):
    """The whole file."""

    xmpp: XmppSection
    bot: BotSection
    log: LogSection = LogSection()
