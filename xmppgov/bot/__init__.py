"""The framework for bots. What an author needs of it is here; the parts have their own modules."""

from xmppgov.bot.context import Context
from xmppgov.bot.definition import OPEN, Bot

__all__ = ["OPEN", "Bot", "Context"]
