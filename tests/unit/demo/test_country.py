"""The synthetic country: large enough, well-formed, and the same every time."""

from __future__ import annotations

import csv
import subprocess
import sys
from collections import Counter
from datetime import date
from pathlib import Path

import pytest

from xmppgov.demo.cast import cast
from xmppgov.demo.country import make_country, write_country
from xmppgov.demo.people import with_particle
from xmppgov.demo.rows import Country

DAY = date(2026, 11, 23)


@pytest.fixture(scope="module")
def country() -> Country:
    """The country of the demo."""
    return make_country()


def current(country: Country, body: str) -> set[str]:
    """Return who sits in a body on `DAY`."""
    day = DAY.isoformat()
    return {
        post.person_id
        for post in country.posts
        if post.body_id == body and post.start <= day and (not post.end or day <= post.end)
    }


def test_it_is_as_large_as_promised(country: Country) -> None:
    kinds = Counter(body.kind for body in country.bodies)
    assert len(country.people) == 6000
    assert kinds["town-hall"] == 2000
    assert kinds["prefecture"] == 96
    assert kinds["ministry"] == 16
    assert kinds["directorate"] == 80
    assert len(current(country, "an")) == 577
    assert len(current(country, "sn")) == 348
    groups = Counter(body.parent for body in country.bodies if body.kind == "group")
    assert groups == {"an": 11, "sn": 8}


def test_groups_and_committees_have_one_chair(country: Country) -> None:
    chairs = Counter(post.body_id for post in country.posts if post.role == "chair")
    assert all(chairs[b.id] == 1 for b in country.bodies if b.kind in ("group", "committee"))
    rooms = [body for body in country.bodies if body.room == "yes"]
    assert all(len(current(country, body.id)) >= 6 for body in rooms)
    assert {body.kind for body in rooms} == {"group", "committee", "cabinet", "service"}


def test_some_have_duties_in_a_crisis(country: Country) -> None:
    roles = Counter(post.role for post in country.posts)
    assert (roles["duty"], roles["releaser"], roles["deputy"]) == (4, 3, 5)
    (listed,) = (body for body in country.bodies if body.kind == "list")
    assert (listed.parent, len(current(country, listed.id))) == ("", 8)
    # Whoever is shown in the demo can play each part.
    accounts = {who.id for who in country.people if who.jid}
    for role in ("duty", "releaser", "deputy"):
        holders = {post.person_id for post in country.posts if post.role == role}
        assert len(holders & accounts) >= 2


def test_posts_begin_and_end(country: Country) -> None:
    day = DAY.isoformat()
    assert sum(bool(post.end) and post.end < day for post in country.posts) > 100
    assert sum(post.start > day for post in country.posts) > 50
    assert sum(bool(post.end) and post.end > day for post in country.posts) > 3
    assert all(not post.end or post.start <= post.end for post in country.posts)


def test_names_are_french(country: Country) -> None:
    names = [f"{who.given_name} {who.family_name}" for who in country.people]
    assert len(set(names)) == len(names)
    assert sum(not name.isascii() for name in names) > 1500
    assert sum("-" in name for name in names) > 600
    particles = ("de ", "du ", "d'", "Le ", "des ", "L'")
    assert sum(who.family_name.startswith(particles) for who in country.people) > 150


def test_it_is_the_same_byte_for_byte(tmp_path: Path) -> None:
    write_country(tmp_path / "one")
    program = f"from xmppgov.demo.country import *; write_country(Path({str(tmp_path / 'two')!r}))"
    environment = {"PYTHONHASHSEED": "7", "PYTHONPATH": ":".join(p for p in sys.path if p)}
    subprocess.run([sys.executable, "-c", program], check=True, env=environment)
    for name in ("people.csv", "bodies.csv", "posts.csv"):
        assert (tmp_path / "one" / name).read_bytes() == (tmp_path / "two" / name).read_bytes()
    assert make_country(seed=2).people != make_country().people


def test_who_has_an_account(tmp_path: Path) -> None:
    write_country(tmp_path)
    with (tmp_path / "people.csv").open(encoding="utf-8") as file:
        jids = [row["jid"] for row in csv.DictReader(file) if row["jid"]]
    assert 35 <= len(jids) == len(set(jids)) <= 47
    assert all(jid.isascii() and jid == jid.lower() for jid in jids)
    people = cast(tmp_path, "gov.localhost", DAY)
    shown = [person for person in people if person.shown]
    assert set(shown[0].groups) & set(shown[1].groups)
    groups = Counter(group for person in shown for group in person.groups)
    assert sum(count >= 2 for count in groups.values()) >= 3
    titles = ("Officier de sécurité", "Archiviste", "Déléguée à la protection", "Invité")
    last = zip(shown[-4:], titles, strict=True)
    assert all(person.post.startswith(title) for person, title in last)
    assert all(person.jid in jids for person in shown[:-1])


@pytest.mark.parametrize(
    ("particle", "name", "whole"),
    [
        ("de ", "Orval", "d'Orval"),
        ("de ", "Brun", "de Brun"),
        ("d'", "Brun", "de Brun"),
        ("L'", "Brun", "Le Brun"),
        ("L'", "Hermitte", "L'Hermitte"),
        ("de La ", "Tour", "de La Tour"),
    ],
)
def test_particles_are_elided(particle: str, name: str, whole: str) -> None:
    assert with_particle(particle, name) == whole
