"""Makes names comparable: without accents, case, hyphens, apostrophes and ligatures.

Done here rather than by the database, so that every engine and every index agrees.
"""

from __future__ import annotations

import re

from xmppgov.folding import plain

_LETTERS = str.maketrans(
    {"œ": "oe", "æ": "ae", "ß": "ss", "ł": "l", "ø": "o", "đ": "d", "ð": "d", "þ": "th", "ı": "i"}
)
_GAP = re.compile(r"[\W_]+")
_PARTICLES = """a al au aux d da das de dei del della den der des di do dos du el en et l la las le
les los of van vom von y zu zum zur"""
PARTICLES = frozenset(_PARTICLES.split())
"""Words of names and of titles that may be said or left out."""


def fold(text: str) -> str:
    """Return `text` as lower-case words of letters and digits, one blank apart.

    Folding what is folded changes nothing.
    """
    return _GAP.sub(" ", plain(text).translate(_LETTERS)).strip()


def words(text: str) -> list[str]:
    """Return the folded words of `text`."""
    return fold(text).split()


def ascii_words(text: str) -> list[str]:
    """Return the folded words of `text` with nothing but a–z and 0–9, for addresses."""
    kept = ("".join(c for c in word if c.isascii()) for word in words(text))
    return [word for word in kept if word]
