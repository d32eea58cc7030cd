"""Wires a bot from its settings; the same for one that runs and for one that is tried."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from xmppgov.bot.config import BotSection, BotSettings, settings_of
from xmppgov.bot.definition import Bot
from xmppgov.bot.letters.cipher import Cipher
from xmppgov.bot.letters.key import read_cipher
from xmppgov.bot.letters.service import SETTING
from xmppgov.bot.limits import Limits
from xmppgov.bot.line import MakeLine, over_xmpp
from xmppgov.bot.running import Running
from xmppgov.bot.store import SCHEMAS
from xmppgov.clock import Clock
from xmppgov.config import load
from xmppgov.errors import ConfigurationError
from xmppgov.i18n import Texts
from xmppgov.storage.database import Database

texts = Texts("xmppgov.bot")


def read_settings(bot: Bot, path: Path) -> BotSettings:
    """Read and check a bot's configuration file.

    Raises:
        ConfigurationError: the text names the file, the setting and what to do.
    """
    settings = load(settings_of(bot), path)
    try:
        settings.rules(bot)
    except ConfigurationError as error:
        raise ConfigurationError(
            texts("{path}: {problem}", path=path, problem=error.text)
        ) from error
    return settings


def read_key(section: BotSection) -> Cipher | None:
    """Read the key of letters, if one is named. Raises `ConfigurationError`."""
    if section.text_key_file is None:
        return None
    return read_cipher(section.text_key_file, section.database, setting=SETTING, purpose="letter")


@asynccontextmanager
async def build(
    bot: Bot, settings: BotSettings, *, clock: Clock | None = None, make_line: MakeLine = over_xmpp
) -> AsyncIterator[Running]:
    """A bot, connected and answering while the block runs."""
    cipher = read_key(settings.bot)
    own = [bot.schema] if bot.schema else []
    database = await Database.open(settings.bot.database, *SCHEMAS, *own)
    try:
        running = Running(
            bot,
            settings.xmpp,
            database=database,
            resource=bot.name,
            domains=settings.bot.domains,
            directory=settings.bot.directory,
            rules=settings.rules(bot),
            limits=Limits(**settings.limits.model_dump()),
            settings=settings.own(bot),
            cipher=cipher,
            owner=settings.bot.owner,
            clock=clock,
            make_line=make_line,
        )
        async with running:
            yield running
    finally:
        await database.close()
