"""The framework for bots. What an author needs of it is here; the parts have their own modules."""

from xmppgov.bot.context import Context
from xmppgov.bot.definition import OPEN, Bot
from xmppgov.bot.entry import service

__all__ = ["OPEN", "Bot", "Context", "service"]
