"""Which answers mean "I have read it": a few words and signs in two languages, however typed."""

from __future__ import annotations

import re
from dataclasses import dataclass

from xmppgov.bot.model import Incoming
from xmppgov.directory.folding import words
from xmppgov_alerts.model import Alert, How
from xmppgov_alerts.number import quoted, typed

SIGNS = frozenset("👍👌✅✔☑🆗🫡")
WORDS = frozenset(
    re.findall(
        r"\w+",
        """ok okay oki recu recue vu vue lu lue compris note noted received read seen ack
        acknowledged confirme confirmed roger""",
    )
)
POLITE = frozenset(
    re.findall(
        r"\w+",
        """bien merci accord d j ai je l m a tout est c alerte message de reception i ve it the
        thanks thank you got well yes oui bonjour bonsoir hello""",
    )
)
LONGEST = 120  # characters: what is longer says something else


@dataclass(frozen=True, slots=True)
class Answer:
    """A confirmation: how it was given, and which alert it names, if it names one."""

    how: How
    number: str | None = None
    version: int | None = None

    def names(self, alert: Alert) -> bool:
        """Whether it may be for `alert`: it has that number, or none was said."""
        same = self.version in (None, alert.version)
        return self.number is None or (self.number == alert.number and same)


def read(incoming: Incoming) -> Answer | None:
    """Return the confirmation in a message; None where it is something else.

    Quoted lines (XEP-0393 §5.1.3) are passed over. "pas reçu" and "reçu ?" are none. What a
    reaction quotes, or a word that is a number, says which alert is meant.
    """
    own = "\n".join(line for line in incoming.text.splitlines() if not line.startswith(">"))
    if len(own) > LONGEST or "?" in own:
        return None
    said = words(own)
    numbers = [number for word in said if (number := typed(word))]
    rest = {word for word in said if not typed(word)}
    if len(numbers) > 1 or rest - WORDS - POLITE or not (rest & WORDS or _signs(own)):
        return None
    return _answer(incoming, numbers, bool(rest & WORDS))


def _answer(incoming: Incoming, numbers: list[str], word: bool) -> Answer:
    how = How.SIGN if incoming.encrypted else How.REACTION
    if numbers:
        return Answer(How.COMMAND if word else how, numbers[0])
    lines = [line for line in incoming.text.splitlines() if line.startswith(">")]
    quote = incoming.target.quote if incoming.target else " ".join(lines)
    number, version = quoted(quote or "") or (None, None)
    return Answer(How.WORD if word else how, number, version)


def _signs(text: str) -> bool:
    return any(character in SIGNS for character in text)
