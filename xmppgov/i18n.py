"""Texts for people in French and English (gettext catalogues, read with Babel; no compiled files).

The English sentence is the message id. A package keeps its French in `locale/fr.po` beside its
code, and makes its texts with `texts = Texts(__package__)`, then
`texts("At most {n} results.", n=50)`.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cache
from importlib.resources import files

from babel.messages.pofile import read_po

DEFAULT_LANGUAGE = "fr"
LANGUAGES = ("fr", "en")


@cache
def _french(package: str) -> Mapping[str, str]:
    """Return the French sentences of `package`, by English sentence."""
    with (files(package) / "locale" / "fr.po").open("rb") as file:
        catalogue = read_po(file, locale="fr")
    return {str(m.id): str(m.string) for m in catalogue if m.id and m.string}


def choose_language(tag: str | None) -> str:
    """Map an RFC 5646 tag (`fr-FR`, `en`, empty, unknown) to one of `LANGUAGES`."""
    primary = (tag or "").replace("_", "-").split("-")[0].lower()
    if not primary:
        return DEFAULT_LANGUAGE
    return primary if primary in LANGUAGES else "en"


def terminal_language() -> str:
    """Return the language of the terminal's locale (LC_ALL, LC_MESSAGES, LANG)."""
    value = next(
        (os.environ[k] for k in ("LC_ALL", "LC_MESSAGES", "LANG") if os.environ.get(k)), ""
    )
    primary = value.split(".")[0]
    return DEFAULT_LANGUAGE if primary in ("", "C", "POSIX") else choose_language(primary)


def percent_sign() -> str:
    """Return what stands behind a percentage in the terminal's language."""
    return "\N{NO-BREAK SPACE}%" if terminal_language() == "fr" else "%"


@dataclass(frozen=True)
class Text:
    """A sentence for people, in every language at once."""

    package: str
    message: str
    params: Mapping[str, object] = field(default_factory=dict)

    def in_language(self, tag: str | None) -> str:
        """Return the sentence in the language of RFC 5646 `tag`; French where none is named."""
        pattern = self.message
        if choose_language(tag) == "fr":
            pattern = _french(self.package).get(self.message, self.message)
        params = {
            k: v.in_language(tag) if isinstance(v, Text) else v for k, v in self.params.items()
        }
        return pattern.format(**params) if params else pattern

    def __str__(self) -> str:
        return self.in_language(terminal_language())


@dataclass(frozen=True)
class Texts:
    """Makes the texts of one package."""

    package: str

    def __call__(self, message: str, **params: object) -> Text:
        return Text(self.package, message, params)
