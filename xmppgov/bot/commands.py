"""What people can ask a bot: a word, its synonyms, a sentence of help, and a function."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterable
from dataclasses import dataclass

from rapidfuzz import fuzz, process

from xmppgov.folding import plain
from xmppgov.i18n import Text, Texts

texts = Texts("xmppgov")
SIMILAR = 70  # of 100, for "did you mean"


@dataclass(frozen=True, slots=True)
class Question:
    """A message that is a command: `argument` is everything after the command's word."""

    sender: str  # bare address
    argument: str
    language: str | None  # RFC 5646 tag


Handler = Callable[[Question], Awaitable[Text | str]]


@dataclass(frozen=True, slots=True)
class Command:
    """A word with what it does."""

    word: str
    aliases: tuple[str, ...]
    english: tuple[str, ...]
    help: Text
    answer: Handler

    @property
    def words(self) -> tuple[str, ...]:
        """Return everything that names the command."""
        return (self.word, *self.aliases, *self.english)


def fold(word: str) -> str:
    """Return a word without case, accents and what people put before commands."""
    return plain(word).strip("/!:,.?;«» ")


class Commands:
    """The commands of one bot."""

    def __init__(self, introduction: Text) -> None:
        self._introduction = introduction
        self._commands: list[Command] = []
        self._by_word: dict[str, Command] = {}

    def add(self, command: Command) -> None:
        """Add a command; its word and aliases must be new."""
        for word in map(fold, command.words):
            if word in self._by_word:
                raise ValueError(f"the command {word!r} is there already")
            self._by_word[word] = command
        self._commands.append(command)

    def __bool__(self) -> bool:
        return bool(self._commands)

    async def answer(self, sender: str, text: str, language: str | None) -> Text | str:
        """Do what a message asks; explain what can be asked where it asks nothing known."""
        first, _, argument = text.strip().partition(" ")
        word = fold(first)
        command = self._by_word.get(word)
        language = self.language(text, language)
        if command is None:
            return self._explain(word, language)
        return await command.answer(Question(sender, argument.strip(), language))

    def language(self, text: str, tag: str | None) -> str | None:
        """Return the language of an answer: that of the command's word, else the stanza's `tag`.

        Servers write their own default language into the stanzas of clients that name none, so that
        the tag says little, and the word says much.
        """
        word = fold(text.strip().partition(" ")[0])
        if word in _FRENCH_HELP:
            return "fr"
        command = self._by_word.get(word)
        if command is None:
            return tag
        return "en" if word in map(fold, command.english) else "fr"

    def _explain(self, word: str, language: str | None) -> str:
        lines = [self._introduction.in_language(language), *self._lines(language)]
        match = process.extractOne(word, list(self._by_word), scorer=fuzz.ratio)
        if word and word not in _HELP and match and match[1] >= SIMILAR:
            asked = texts("Did you mean “{word}”?", word=self._name(match[0]))
            lines.insert(0, asked.in_language(language))
        return "\n".join(lines)

    def _name(self, folded: str) -> str:
        command = self._by_word[folded]
        return next(name for name in command.words if fold(name) == folded)

    def _lines(self, language: str | None) -> Iterable[str]:
        for command in self._commands:
            yield f"• {command.help.in_language(language)}"


_FRENCH_HELP = frozenset({"aide", "bonjour", "salut"})
_HELP = _FRENCH_HELP | {"help", "hello"}
