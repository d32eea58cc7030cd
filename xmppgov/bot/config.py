"""The configuration file of a bot: the tables that all have, and the bot's own (docs/bots.md)."""

from __future__ import annotations

from typing import Annotated, Any

from pydantic import AfterValidator, Field, create_model, model_validator

from xmppgov.bot.definition import Bot
from xmppgov.bot.limits import Limits
from xmppgov.bot.permissions.model import Rule, Selector
from xmppgov.bot.permissions.policy import ANY
from xmppgov.config import ConfigPath, LogSection, Section, Settings, XmppSection
from xmppgov.errors import ConfigurationError
from xmppgov.i18n import Texts

texts = Texts("xmppgov.bot")
_ADDRESS = r"^[^@/\sA-Z]+@[^@/\sA-Z]+$"


def _selector(text: str) -> str:
    try:
        Selector.parse(text)
    except ConfigurationError as error:
        raise ValueError(str(error.text)) from None
    return text


class BotSection(Section):
    """`[bot]`: where the bot keeps its state, whom it asks, whom it answers."""

    database: ConfigPath
    program: str = ""
    """What runs, for the command line: a file, or `module:attribute`."""
    text_key_file: ConfigPath | None = None
    """The key under which letters lie in the database; outside of its folder."""
    directory: str | None = Field(None, min_length=3)
    domains: frozenset[str] = frozenset()
    """Whose messages are read; by default those of the bot's own domain."""
    owner: str | None = Field(None, pattern=_ADDRESS)
    """Who is told what fails."""

    @model_validator(mode="after")
    def _owner_gets_letters(self) -> BotSection:
        if self.owner is not None and self.text_key_file is None:
            raise ValueError("the owner is told by letter, which needs text_key_file")
        return self


class LimitsSection(Section):
    """`[limits]`: questions a minute of one sender and in one room, and how many at once."""

    per_sender: float = Field(Limits().per_sender, gt=0)
    per_room: float = Field(Limits().per_room, gt=0)
    burst: int = Field(Limits().burst, ge=1)


class PermissionSection(Section):
    """`[[permissions]]`: who may ask for a command (`*`: for any), 1:1 or in these rooms."""

    command: str = Field(min_length=1)
    who: list[Annotated[str, AfterValidator(_selector)]] = Field(min_length=1)
    rooms: frozenset[str] = frozenset()


class BotSettings(Settings):
    """The whole file, but for the bot's own table."""

    xmpp: XmppSection
    bot: BotSection
    limits: LimitsSection = LimitsSection()
    permissions: tuple[PermissionSection, ...] = ()
    log: LogSection = LogSection()

    def own(self, bot: Bot) -> Section | None:
        """Return the bot's own table."""
        return getattr(self, bot.name) if bot.settings else None

    def rules(self, bot: Bot) -> list[Rule]:
        """Return the permissions, whose commands go by their first word.

        Raises:
            ConfigurationError: one is for a command that the bot does not have.
        """
        return [
            Rule(_word(bot, number, one), tuple(map(Selector.parse, one.who)), one.rooms)
            for number, one in enumerate(self.permissions)
        ]


def _word(bot: Bot, number: int, section: PermissionSection) -> str:
    if section.command == ANY:
        return ANY
    command = bot.commands.named(section.command)
    if command is None:
        raise ConfigurationError(
            texts(
                "permissions.{number}.command: {name} has no command “{word}”; it has: {words}.",
                number=number,
                name=bot.name,
                word=section.command,
                words=", ".join(one.word for one in bot.commands),
            )
        )
    return command.word


def settings_of(bot: Bot) -> type[BotSettings]:
    """Return the model of a bot's file; its own table may be left out where all of it may be."""
    if bot.settings is None:
        return BotSettings
    needed = any(field.is_required() for field in bot.settings.model_fields.values())
    default: Any = ... if needed else bot.settings()
    fields: dict[str, Any] = {bot.name: (bot.settings, default)}
    return create_model("OwnSettings", __base__=BotSettings, **fields)
