"""A command: its names, its help, its arguments, what it does, and who may ask for it."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import Any

from xmppgov.bot.permissions.model import Rule
from xmppgov.bot.questions.signature import Signature
from xmppgov.folding import plain
from xmppgov.i18n import Text

Answer = Callable[..., Awaitable[Text | str | None]]


def fold(word: str) -> str:
    """Return a word without case, accents and what people put before commands."""
    return plain(word).strip("/!:,.?;«» ")


@dataclass(frozen=True, slots=True)
class Command:
    """A word with what it does; `rules` hold where the configuration has none for it."""

    word: str
    help: Text
    answer: Answer
    aliases: tuple[str, ...] = ()
    english: tuple[str, ...] = ()
    signature: Signature = field(default_factory=Signature)
    rules: tuple[Rule, ...] = ()

    @property
    def words(self) -> tuple[str, ...]:
        """Return everything that names the command."""
        return (self.word, *self.aliases, *self.english)

    def usage(self, english: bool) -> str:
        """Return how the command is written."""
        word = self.english[0] if english and self.english else self.word
        return f"{word} {self.signature.usage}".rstrip()


@dataclass(frozen=True, slots=True)
class Asked:
    """A message that is a command: what it names, the text behind that, the answer's language."""

    command: Command
    text: str
    language: str | None

    def arguments(self) -> dict[str, Any]:
        """Return the arguments by name. Raises `BadRequest`."""
        return self.command.signature.read(self.text)
