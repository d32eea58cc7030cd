"""Finds the command that a message means, or explains what can be asked."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator

from rapidfuzz import fuzz, process

from xmppgov.bot.questions.model import Asked, Command, fold
from xmppgov.i18n import Text, Texts, choose_language

texts = Texts("xmppgov.bot")
SIMILAR = 70  # of 100, for "did you mean"
_FRENCH_HELP = frozenset({"aide", "bonjour", "salut"})
_HELP = _FRENCH_HELP | {"help", "hello"}


class Commands:
    """The commands of one bot."""

    def __init__(self, introduction: Text) -> None:
        self._introduction = introduction
        self._commands: list[Command] = []
        self._by_word: dict[str, Command] = {}

    def add(self, command: Command) -> None:
        """Add a command. Raises `ValueError` where another one has its word or alias."""
        for word in map(fold, command.words):
            if word in self._by_word:
                raise ValueError(f"the command {word!r} is there already")
            self._by_word[word] = command
        self._commands.append(command)

    def __bool__(self) -> bool:
        return bool(self._commands)

    def __iter__(self) -> Iterator[Command]:
        return iter(self._commands)

    def named(self, word: str) -> Command | None:
        """Return the command of a name, in any spelling."""
        return self._by_word.get(fold(word))

    def find(self, text: str, tag: str | None) -> Asked | None:
        """Return what a message asks for; None where it asks nothing known."""
        first, _, rest = text.strip().partition(" ")
        command = self.named(first)
        if command is None:
            return None
        return Asked(command, rest.strip(), self.language(text, tag))

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

    def explain(self, text: str, tag: str | None, allowed: Collection[Command]) -> str:
        """Return what somebody to whom `allowed` are open can ask, and what they perhaps meant."""
        word, language = fold(text.strip().partition(" ")[0]), self.language(text, tag)
        lines = [self._introduction.in_language(language), *_lines(allowed, language)]
        names = {name: one for name, one in self._by_word.items() if one in allowed}
        match = process.extractOne(word, list(names), scorer=fuzz.ratio)
        if word and word not in _HELP and match and match[1] >= SIMILAR:
            meant = next(name for name in names[match[0]].words if fold(name) == match[0])
            lines.insert(0, texts("Did you mean “{word}”?", word=meant).in_language(language))
        return "\n".join(lines)


def usage(asked: Asked) -> str:
    """Return how the command that was asked for is written, with its help."""
    english = choose_language(asked.language) == "en"
    return f"{asked.command.usage(english)}\n{asked.command.help.in_language(asked.language)}"


def _lines(commands: Iterable[Command], language: str | None) -> Iterable[str]:
    return (f"• {command.help.in_language(language)}" for command in commands)
