"""Draws the names of the synthetic country's people: accents, hyphens, particles, no two alike."""

from __future__ import annotations

from random import Random

from xmppgov.demo.names import (
    FAMILIES,
    FIRST_HALVES_MEN,
    FIRST_HALVES_WOMEN,
    MEN,
    PARTICLES,
    WOMEN,
)

DOUBLE_GIVEN, DOUBLE_FAMILY, PARTICLE, WOMAN = 0.1, 0.07, 0.04, 0.47
VOWELS = "AEÉÈIOÔUYŒH"


class Names:
    """A source of names; each full name comes once, though family names come often."""

    def __init__(self, random: Random) -> None:
        self._random = random
        self._drawn: set[tuple[str, str]] = set()

    def draw(self) -> tuple[str, str, str]:
        """Return (M. or Mme, given name, family name)."""
        while True:
            woman = self._random.random() < WOMAN
            name = self._given(woman), self._family()
            if name not in self._drawn:
                self._drawn.add(name)
                return "Mme" if woman else "M.", *name

    def _given(self, woman: bool) -> str:
        name = self._random.choice(WOMEN if woman else MEN)
        halves = FIRST_HALVES_WOMEN if woman else FIRST_HALVES_MEN
        half = self._random.choice(halves)
        double = self._random.random() < DOUBLE_GIVEN and half != name
        return f"{half}-{name}" if double else name

    def _family(self) -> str:
        name = self._random.choice(FAMILIES)
        other, fate = self._random.choice(FAMILIES), self._random.random()
        if fate < DOUBLE_FAMILY and other != name:
            return f"{name}-{other}"
        if fate > 1 - PARTICLE:
            return with_particle(self._random.choice(PARTICLES), name)
        return name


def with_particle(particle: str, name: str) -> str:
    """Put a particle before a name, elided where it must be."""
    vowel = name[0] in VOWELS
    if particle == "de " and vowel:
        return f"d'{name}"
    if particle in ("d'", "L'") and not vowel:
        return f"de {name}" if particle == "d'" else f"Le {name}"
    return f"{particle}{name}"
