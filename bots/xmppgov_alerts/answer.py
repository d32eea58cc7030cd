"""Which answers mean "I have read it": a few words and signs in two languages, however typed."""

from __future__ import annotations

import re

from xmppgov.directory.folding import words

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


def acknowledges(text: str) -> bool:
    """Whether an answer is an acknowledgement and nothing else.

    Quoted lines (XEP-0393 §5.1.3) are passed over. "pas reçu" and "reçu ?" are none.
    """
    own = "\n".join(line for line in text.splitlines() if not line.startswith(">"))
    if len(own) > LONGEST or "?" in own:
        return False
    said = words(own)
    return bool((_signs(own) or WORDS & set(said)) and all(w in WORDS or w in POLITE for w in said))


def _signs(text: str) -> bool:
    return any(character in SIGNS for character in text)
