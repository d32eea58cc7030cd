"""Tries a bot: without a server and in no time (`talking`), or on a real one."""

from xmppgov.bot.testing.chat import Chat, Sent, talking
from xmppgov.bot.testing.people import someone

__all__ = ["Chat", "Sent", "someone", "talking"]
