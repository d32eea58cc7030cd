"""Draws the names of the synthetic country's towns and départements, with their articles."""

from __future__ import annotations

from random import Random

from xmppgov.demo.names import DEPARTMENT_FIRST, PLACES, RIVERS, SAINTS, TOWNS

VOWELS = "AEÉÈIOÔUYŒH"


def towns(random: Random, count: int) -> list[str]:
    """Return `count` different towns after "Mairie": "de Noyers-sur-Oust", "d'Orval"."""
    found: dict[str, None] = {}
    while len(found) < count:
        found[of(_town(random))] = None
    return list(found)


def departments(random: Random, count: int) -> list[str]:
    """Return `count` different départements after "Préfecture": "de Haute-Vesle"."""
    every = [of(_department(first, river)) for river in RIVERS for first in DEPARTMENT_FIRST]
    return random.sample(every, count)


def of(name: str) -> str:
    """Put "de" before a place: "de Lagny", "d'Orval", "de Haute-Vesle" (whose h is aspirate)."""
    elided = name[0] in VOWELS and not name.startswith("Haut")
    return f"d'{name}" if elided else f"de {name}"


def _department(first: str, river: str) -> str:
    """Join both parts: "Haute-Vire", "Val-de-Risle", "Val-d'Oust"."""
    if first.endswith("-de") and river[0] in VOWELS:
        return f"{first[:-1]}'{river}"
    return f"{first}-{river}"


def _town(random: Random) -> str:
    fate, town, river = random.random(), random.choice(TOWNS), random.choice(RIVERS)
    saint, place = random.choice(SAINTS), random.choice(PLACES)
    if fate < 0.3:
        return f"Saint-{saint}-sur-{river}"
    if fate < 0.5:
        return f"Saint-{saint}-{place}"
    if fate < 0.75:
        return f"{town}-sur-{river}"
    return f"{town}-{place}" if fate < 0.97 else town
