"""Who of the synthetic country has an account, and which dozen the demo shows.

Read from the country's tables (docs/directory-csv.md). First come members of three groups, then
people of the government, then those who look after the system, and a guest.
"""

from __future__ import annotations

import csv
from collections import defaultdict
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import date
from itertools import islice
from pathlib import Path

GROUP = "group"
GROUPS, OF_THE_FIRST, OF_THE_OTHERS, OF_THE_GOVERNMENT = 3, 3, 2, 2
KEEPERS = (
    ("sécurité", "securite", "Officier de sécurité"),
    ("archiviste", "archives", "Archiviste"),
    ("protection des données", "dpd", "Délégué à la protection des données"),
)
"""Who looks after the system: what their post's title holds, else an address and a title."""


@dataclass(frozen=True)
class Person:
    """A person with an account; `groups` are the ids of bodies with a room, in the posts' order."""

    jid: str
    name: str
    post: str = ""
    groups: tuple[str, ...] = ()
    shown: bool = False


def cast(folder: Path, domain: str, day: date) -> list[Person]:
    """Return everybody who has an account, first those to show, in the table's order."""
    people = list(_people(folder, day))
    shown = [*_members(folder, people)]
    keepers = [_keeper(people, domain, *keeper) for keeper in KEEPERS]
    others = [p for p in people if p not in shown and p not in keepers and not p.groups]
    shown += [*others[:OF_THE_GOVERNMENT], *keepers, guest(domain)]
    rest = [p for p in people if p not in shown]
    return [Person(p.jid, p.name, p.post, p.groups, shown=True) for p in shown] + rest


def guest(domain: str) -> Person:
    """Return the one guest, whose host knows no directory and no rooms yet."""
    return Person(f"invite@invites.{domain}", "Camille Invité", "Invité")


def _members(folder: Path, people: list[Person]) -> Iterator[Person]:
    """Yield members of the first groups that have enough of them with accounts."""
    kinds = {row["id"]: row["kind"] for row in _rows(folder / "bodies.csv")}
    by_group: dict[str, list[Person]] = defaultdict(list)
    for person in people:
        group = next((g for g in person.groups if kinds[g] == GROUP), None)
        if group:
            by_group[group].append(person)
    many = [members for members in by_group.values() if len(members) >= OF_THE_OTHERS]
    for number, members in enumerate(islice(many, GROUPS)):
        yield from members[: OF_THE_OTHERS if number else OF_THE_FIRST]


def _keeper(people: list[Person], domain: str, word: str, address: str, title: str) -> Person:
    found = (p for p in people if word in p.post.lower())
    return next(found, Person(f"{address}@{domain}", title, title))


def _people(folder: Path, day: date) -> Iterator[Person]:
    """Yield the people with an account, in the order of the file, with today's posts."""
    bodies = {row["id"]: row for row in _rows(folder / "bodies.csv")}
    posts: dict[str, list[Mapping[str, str]]] = defaultdict(list)
    for row in _rows(folder / "posts.csv"):
        if _holds(row, day):
            posts[row["person_id"]].append(row)
    for row in _rows(folder / "people.csv"):
        if row["jid"]:
            held = posts[row["id"]]
            rooms = [p["body_id"] for p in held if bodies[p["body_id"]]["room"] == "yes"]
            name = f"{row['given_name']} {row['family_name']}"
            yield Person(row["jid"], name, _post(held, bodies), tuple(dict.fromkeys(rooms)))


def _post(held: list[Mapping[str, str]], bodies: Mapping[str, Mapping[str, str]]) -> str:
    """Say the first post: its title, and its body where that is not among the groups."""
    if not held:
        return ""
    body = bodies[held[0]["body_id"]]
    where = "" if body["room"] == "yes" else body["short_name"] or body["name"]
    return f"{held[0]['title']}, {where}" if where else held[0]["title"]


def _rows(file: Path) -> Iterator[dict[str, str]]:
    with file.open(encoding="utf-8-sig", newline="") as table:
        yield from csv.DictReader(table)


def _holds(term: Mapping[str, str], day: date) -> bool:
    """Tell whether a post is held on `day`; a start or end that is empty is open."""
    today = day.isoformat()
    return (not term["start"] or term["start"] <= today) and (
        not term["end"] or today <= term["end"]
    )
