"""What two spellings of a word have in common: no case, no accents (Unicode, annex 15)."""

from __future__ import annotations

import unicodedata


def plain(text: str) -> str:
    """Return `text` without case and marks; doing it again changes nothing.

    One turn is not always enough: a letter that is decomposed may have a case that it had not
    before.
    """
    folded = "".join(
        c for c in unicodedata.normalize("NFKD", text.casefold()) if not unicodedata.combining(c)
    )
    return folded if folded == text else plain(folded)
