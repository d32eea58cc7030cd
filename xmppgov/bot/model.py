"""What a bot receives."""

from __future__ import annotations

import unicodedata
from dataclasses import dataclass
from typing import NamedTuple


class Target(NamedTuple):
    """The message that somebody reacts to: by its id, or by the beginning of its text."""

    id: str | None = None
    quote: str | None = None


@dataclass(frozen=True, slots=True)
class Incoming:
    """A message to a bot: what was decrypted, or (then in clear) somebody's reactions.

    Of a reaction `text` is the signs, and `target` says what it is for.
    """

    sender: str  # bare address
    text: str
    language: str | None  # RFC 5646 tag of the stanza
    stanza_id: str  # the same when the server delivers the message again
    room: str | None = None  # None 1:1
    target: Target | None = None
    encrypted: bool = True


def quoted_reaction(text: str) -> tuple[str, str] | None:
    """Return quote and signs of a text that is a reaction to what it quotes, else None.

    Clients that cannot encrypt a reaction write the beginning of the message, quoted (XEP-0393
    §5.1.3), and below it nothing but signs.
    """
    lines = text.strip().split("\n")
    quote = [line[1:].strip() for line in lines[:-1]]
    if not quote or not all(line.startswith(">") for line in lines[:-1]):
        return None
    signs = lines[-1].strip()
    return (" ".join(quote).strip(), signs) if is_sign(signs) else None


def is_sign(text: str) -> bool:
    """Tell whether a text is signs alone: no letter, no digit, no punctuation of a sentence."""
    kinds = {unicodedata.category(c) for c in text if c not in "\u200d\ufe0f\ufe0e "}
    return bool(kinds) and len(text) <= 64 and kinds <= {"So", "Sk", "Sm", "Mn", "Cf"}
