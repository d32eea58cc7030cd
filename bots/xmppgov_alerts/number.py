"""An alert's number: four characters that people read, quote and type. It is no secret.

Crockford's alphabet, upper case; one of 2 to 9 is always there, so that no word looks like one.
"""

from __future__ import annotations

import re

ALPHABET = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"
_MISREAD = str.maketrans("ILO", "110")
_SHOWN = re.compile(r"(?:[nN]°|No\.) ?([0-9A-Z]{4})(?![0-9A-Za-z])(?: \(version (\d{1,9})\))?")
_TYPED = re.compile(r"(?=.*[2-9])[0-9A-TV-Z]{4}")
BYTES = 4  # of randomness for one number


def number_of(random: bytes) -> str:
    """Write four random bytes as a number."""
    value = int.from_bytes(random, "big")
    first, others = value % 8, value // 8
    characters = [ALPHABET[others >> shift & 31] for shift in (0, 5, 10)]
    characters.insert(others >> 15 & 3, ALPHABET[2 + first])
    return "".join(characters)


def typed(word: str) -> str | None:
    """Return the number that somebody typed, with I, L and O as 1, 1 and 0; None for a word."""
    word = word.upper()
    return word.translate(_MISREAD) if _TYPED.fullmatch(word) else None


def shown(number: str, version: int) -> str:
    """Write a number as alerts show it: `7F3K`, `7F3K (version 2)`."""
    return number if version == 1 else f"{number} (version {version})"


def quoted(text: str) -> tuple[str, int] | None:
    """Return number and version of the alert whose beginning is quoted, if it shows them."""
    found = _SHOWN.search(text)
    return (found[1], int(found[2] or 1)) if found else None
