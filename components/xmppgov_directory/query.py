"""What somebody searches for: words, where they must stand, and which match is better.

Pure. Every word must be found; the last word of a field may be the beginning of a longer one;
particles (de, la, von) are never required beside other words, and break ties.
"""

from __future__ import annotations

from dataclasses import dataclass

from xmppgov.directory.folding import PARTICLES, words
from xmppgov.directory.model import FEWEST_LETTERS
from xmppgov.errors import BadRequest
from xmppgov.i18n import Texts

texts = Texts("xmppgov_directory")
MOST_WORDS, LONGEST = 12, 200
FIELDS = ("q", "first", "last", "nick", "body")
"""The fields of a search form, in the order in which the form shows them."""


@dataclass(frozen=True, slots=True)
class Word:
    """A folded word of a query; `field` is one of `FIELDS`; a prefix matches longer words too."""

    text: str
    field: str = "q"
    prefix: bool = False

    def stands_in(self, text: str) -> bool:
        """Tell whether the word is in a folded text that begins and ends with a blank."""
        return (f" {self.text}" if self.prefix else f" {self.text} ") in text


@dataclass(frozen=True, slots=True)
class Query:
    """The words that must be found, and the particles that are welcome."""

    words: tuple[Word, ...]
    particles: frozenset[str] = frozenset()
    phrase: str = ""

    @property
    def text(self) -> str:
        """The required words, for a search that forgives typing errors."""
        return " ".join(word.text for word in self.words)


def parse(fields: dict[str, str]) -> Query:
    """Read a query from the fields of a form; unknown fields are not searched.

    Raises:
        BadRequest: no word has two letters, or there are too many words.
    """
    if sum(len(fields.get(name, "")) for name in FIELDS) > LONGEST:
        raise BadRequest(texts("At most {n} characters can be searched for.", n=LONGEST))
    found = [word for name in FIELDS for word in _field(name, fields.get(name, ""))]
    required = [word for word in found if word.text not in PARTICLES] or found
    if not any(len(word.text) >= FEWEST_LETTERS for word in required):
        raise BadRequest(texts("Type at least {n} letters of a name.", n=FEWEST_LETTERS))
    if len(found) > MOST_WORDS:
        raise BadRequest(texts("At most {n} words can be searched for.", n=MOST_WORDS))
    optional = frozenset(word.text for word in found) - {word.text for word in required}
    return Query(tuple(required), optional, " ".join(word.text for word in found))


def _field(name: str, value: str) -> list[Word]:
    # Of an address, only the local part says who it is.
    parts = [w for part in value.split() for w in words(part.split("@")[0])]
    return [Word(part, name, n == len(parts)) for n, part in enumerate(parts, start=1)]


@dataclass(frozen=True, slots=True)
class Candidate:
    """A person as the index holds them, folded: what a query is compared with."""

    family: str
    given: str
    nick: str
    rest: str


def rank(query: Query, person: Candidate) -> tuple[int, ...]:
    """Return how well `person` matches; the smallest is the best.

    Exact before prefix; family name before given name before body; then the whole name as typed,
    fewer words found elsewhere than in the name, fewer words of the family name left over.
    """
    family, names = f" {person.family} ", f" {person.family} {person.given} {person.nick} "
    everything = f"{names}{person.rest} "
    inexact = sum(f" {word.text} " not in everything for word in query.words)
    elsewhere = sum(not word.stands_in(names) for word in query.words)
    in_family = sum(f" {word.text} " in family for word in query.words)
    missing = sum(f" {particle} " not in family for particle in query.particles)
    return (
        inexact,
        _place(query, family, elsewhere),
        _whole(query, person),
        elsewhere,
        person.family.count(" ") + 1 - in_family,
        missing,
    )


def _place(query: Query, family: str, elsewhere: int) -> int:
    if any(word.stands_in(family) for word in query.words):
        return 0
    return 1 if elsewhere < len(query.words) else 2


def _whole(query: Query, person: Candidate) -> int:
    orders = (f"{person.given} {person.family}", f"{person.family} {person.given}", person.family)
    return orders.index(query.phrase) if query.phrase in orders else len(orders)
