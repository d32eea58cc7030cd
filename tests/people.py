"""People for tests: the library's, whose accounts talk OMEMO 1:1."""

from xmppgov.bot.testing.client import Heard, OmemoPerson, person

__all__ = ["Heard", "OmemoPerson", "person"]
