"""A synthetic country from a fixed seed: three CSV files, the same byte for byte every time.

A government with ministries, directorates and prefectures, a parliament of two chambers, 2,000 town
halls, 6,000 people with posts that begin and end (docs/directory-csv.md has the files' form). The
liaison officers of the crisis cell and the security officer are protected: look-ups are recorded.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from random import Random

from xmppgov.demo.crisis import add_crisis
from xmppgov.demo.institutions import (
    AN_COMMITTEES,
    AN_GROUPS,
    AN_SEATS,
    DIRECTORATES,
    MINISTRIES,
    ROOMS,
    SENATE_COMMITTEES,
    SENATE_GROUPS,
    SENATE_SEATS,
)
from xmppgov.demo.people import Names
from xmppgov.demo.places import departments, towns
from xmppgov.demo.rows import Body, Country, Person, Post
from xmppgov.directory.folding import ascii_words

SEED = 1789
PEOPLE, TOWN_HALLS, PREFECTURES, FORMER_DEPUTIES = 6000, 2000, 96, 40
LEGISLATURE, SENATE_TERM, TOWNS = "2024-07-18", "2023-10-01", "2020-05-25"
GOVERNMENT = "2025-10-12"
DEPUTIES_WITH_ACCOUNTS = (("an-renouveau", 6), ("an-territoires", 4), ("an-gauche", 4))
SENATORS_WITH_ACCOUNTS = (("sn-communes", 4), ("sn-republique", 3))


def write_country(folder: Path, domain: str = "gov.localhost", seed: int = SEED) -> None:
    """Write people.csv, bodies.csv and posts.csv into `folder`, which is made if need be.

    Accounts (about forty) have addresses at `domain`.
    """
    make_country(domain, seed).write(folder)


def make_country(domain: str = "gov.localhost", seed: int = SEED) -> Country:
    """Return the country; the same arguments give the same country."""
    maker = _Maker(Random(seed))
    maker.state()
    maker.chamber("an", AN_SEATS, AN_GROUPS, AN_COMMITTEES, LEGISLATURE)
    maker.chamber("sn", SENATE_SEATS, SENATE_GROUPS, SENATE_COMMITTEES, SENATE_TERM)
    maker.former_deputies()
    maker.government()
    maker.prefectures()
    maker.town_halls()
    _give_accounts(maker, domain)
    add_crisis(maker.country)
    return maker.country


class _Maker:
    """Adds one institution after the other; `heads` names who is to have an account."""

    def __init__(self, random: Random) -> None:
        self.country = Country()
        self.heads: list[Person] = []
        self._random = random
        self._names = Names(random)

    def person(self) -> Person:
        """Add somebody."""
        title, given, family = self._names.draw()
        person = Person(f"p{len(self.country.people) + 1:04}", title, given, family)
        self.country.people.append(person)
        return person

    def body(self, id: str, kind: str, name: str, short: str = "", parent: str = "etat") -> str:
        """Add a body; groups, and those listed as such, have a room."""
        room = "yes" if kind == "group" or id in ROOMS else "no"
        self.country.bodies.append(
            Body(id, kind, name, short, parent if id != "etat" else "", room)
        )
        return id

    def post(
        self,
        who: Person,
        body: str,
        title: str,
        start: str = "",
        end: str = "",
        role: str = "member",
    ) -> None:
        """Give somebody a post."""
        self.country.posts.append(Post(who.id, body, title, role, start, end))

    def state(self) -> None:
        """Add the bodies above all others."""
        self.body("etat", "state", "République")
        self.body("an", "chamber", "Assemblée nationale", "AN")
        self.body("sn", "chamber", "Sénat", "Sénat")
        self.body("gouvernement", "government", "Gouvernement")
        self.body("prefectures", "administration", "Administration préfectorale")
        self.body("communes", "administration", "Communes")

    def chamber(
        self,
        chamber: str,
        seats: int,
        groups: Sequence[tuple[str, str, str, int]],
        committees: Sequence[tuple[str, str]],
        start: str,
    ) -> None:
        """Add a chamber's groups, committees and members."""
        members = []
        for id, name, short, size in groups:
            self.body(id, "group", f"Groupe {name}", short, chamber)
            members += self._group(id, size, chamber, start)
        for _ in range(seats - len(members)):
            loner = self.person()
            self._seat(loner, chamber, start)
            members.append(loner)
        self._committees(chamber, committees, members, start)

    def _group(self, group: str, size: int, chamber: str, start: str) -> list[Person]:
        people = [self.person() for _ in range(size)]
        for number, who in enumerate(people):
            # The chair is a member as well, as in the Assembly's own data: two rows, one person.
            if number == 0:
                self.post(who, group, who.word("Président", "Présidente"), start, role="chair")
            late = number and self._random.random() < 0.06
            self.post(who, group, "Membre", self._day(2025, 2026) if late else start)
            self._seat(who, chamber, start)
        return people

    def _seat(self, who: Person, chamber: str, start: str) -> None:
        title = (
            who.word("Député", "Députée") if chamber == "an" else who.word("Sénateur", "Sénatrice")
        )
        self.post(who, chamber, title, start)

    def _committees(
        self,
        chamber: str,
        committees: Sequence[tuple[str, str]],
        members: Sequence[Person],
        start: str,
    ) -> None:
        for id, name in committees:
            self.body(id, "committee", name, "", chamber)
        shuffled = self._random.sample(members, len(members))
        for number, who in enumerate(shuffled):
            id = committees[number % len(committees)][0]
            if number < len(committees):
                self.post(who, id, who.word("Président", "Présidente"), start, role="chair")
            elif number < 3 * len(committees):
                title = who.word("Vice-président", "Vice-présidente")
                self.post(who, id, title, start, role="vice-chair")
            elif self._random.random() < 0.08:
                other = committees[(number + 1) % len(committees)][0]
                self.post(who, other, "Membre", start, self._day(2025, 2025))
                self.post(who, id, "Membre", self._day(2026, 2026))
                continue
            self.post(who, id, "Membre", start)

    def former_deputies(self) -> None:
        """Add people whose mandate has ended."""
        for _ in range(FORMER_DEPUTIES):
            who, end = self.person(), self._day(2024, 2025)
            group = self._random.choice(AN_GROUPS)[0]
            self.post(who, group, "Membre", "2022-06-28", end)
            self.post(who, "an", who.word("Député", "Députée"), "2022-06-22", end)

    def government(self) -> None:
        """Add the Prime Minister, the general secretariat, ministries and their directorates."""
        self.body("pm", "government", "Premier ministre", "PM", "gouvernement")
        head = self.person()
        self.post(
            head, "pm", head.word("Premier ministre", "Première ministre"), GOVERNMENT, role="chair"
        )
        self._cabinet("cab-pm", "Cabinet du Premier ministre", "pm", 8)
        self.body("sgg", "service", "Secrétariat général du gouvernement", "SGG", "pm")
        self.body("sgg-crise", "service", "Cellule interministérielle de crise", "CIC", "sgg")
        for number in range(9):
            who = self.person()
            self.post(
                who,
                "sgg-crise",
                who.word("Officier de liaison", "Officière de liaison"),
                "2025-01-06",
            )
            who.protected = "yes"
            if number < 2:
                self.heads.append(who)
        for id, name, short in MINISTRIES:
            self._ministry(id, name, short)

    def _ministry(self, id: str, name: str, short: str) -> None:
        self.body(id, "ministry", name, short, "gouvernement")
        minister = self.person()
        self.post(minister, id, "Ministre", GOVERNMENT, role="chair")
        self._cabinet(f"cab-{id[4:]}", f"Cabinet, {name}", id, 6)
        for suffix, directorate in DIRECTORATES:
            body = self.body(
                f"{id[4:]}-{suffix}", "directorate", f"{directorate} ({short})", "", id
            )
            self._directorate(body)
        if id == "min-interieur":
            self.heads.append(minister)

    def _cabinet(self, id: str, name: str, parent: str, size: int) -> None:
        self.body(id, "cabinet", name, "", parent)
        for number in range(size):
            who = self.person()
            if number == 0:
                title = who.word("Directeur de cabinet", "Directrice de cabinet")
                self.post(who, id, title, GOVERNMENT, role="chair")
            else:
                self.post(who, id, who.word("Conseiller", "Conseillère"), GOVERNMENT)
            if id == "cab-pm" and number < 3:
                self.heads.append(who)

    def _directorate(self, body: str) -> None:
        head, successor = self.person(), self._random.random() < 0.1
        title = head.word("Directeur", "Directrice")
        self.post(
            head, body, title, self._day(2021, 2025), "2027-08-31" if successor else "", "chair"
        )
        if successor:
            who = self.person()
            self.post(
                who,
                body,
                "Chef de service" if who.title == "M." else "Cheffe de service",
                "2023-02-01",
            )
            self.post(who, body, who.word("Directeur", "Directrice"), "2027-09-01", "", "chair")
        for _ in range(5):
            who = self.person()
            title = who.word("Chef de bureau", "Cheffe de bureau")
            self.post(who, body, title, self._day(2018, 2026))

    def prefectures(self) -> None:
        """Add the prefectures, each with its staff."""
        for number, name in enumerate(departments(self._random, PREFECTURES), start=1):
            id = self.body(
                f"pref-{number:02}", "prefecture", f"Préfecture {name}", "", "prefectures"
            )
            prefect = self.person()
            self.post(prefect, id, who_is(prefect, "Préfet"), self._day(2023, 2026), role="chair")
            for title in ("Secrétaire général", "Sous-préfet", "Chef de cabinet", "Chef du SIDPC"):
                who = self.person()
                self.post(who, id, who_is(who, title), self._day(2020, 2026))
            if number <= 3:
                self.heads.append(prefect)

    def town_halls(self) -> None:
        """Add the town halls, and people until there are enough."""
        names = towns(self._random, TOWN_HALLS)
        ids = [f"mairie-{number:04}" for number in range(1, TOWN_HALLS + 1)]
        for number, (id, name) in enumerate(zip(ids, names, strict=True)):
            self.body(id, "town-hall", f"Mairie {name}", "", "communes")
            mayor = self.person()
            self.post(
                mayor, id, "Maire", TOWNS if number % 7 else self._day(2021, 2026), "", "chair"
            )
            if number < 2:
                self.heads.append(mayor)
        number = 0
        while len(self.country.people) < PEOPLE:
            who = self.person()
            title = self._random.choice(
                ("Adjoint au maire", "Secrétaire de mairie", "Conseiller municipal")
            )
            # Some left, some take up their post in years to come.
            start, end = (TOWNS, self._day(2022, 2025)) if number % 23 == 5 else (TOWNS, "")
            start = "2027-03-22" if number % 29 == 7 and not end else start
            self.post(who, ids[number % TOWN_HALLS], who_is(who, title), start, end)
            number += 1

    def keepers(self) -> list[Person]:
        """Turn the last three people into those who look after the messenger itself."""
        people = self.country.people[-3:]
        gone = {who.id for who in people}
        self.country.posts = [post for post in self.country.posts if post.person_id not in gone]
        for who, title in zip(people, KEEPERS, strict=True):
            self.post(who, "sgg", title, "2024-01-02")
        people[0].protected = "yes"
        return people

    def _day(self, first: int, last: int) -> str:
        year, month = self._random.randint(first, last), self._random.randint(1, 12)
        if year == 2026:
            month = self._random.randint(1, 6)
        return f"{year}-{month:02}-{self._random.randint(1, 28):02}"


KEEPERS = ("Officier de sécurité", "Archiviste", "Déléguée à la protection des données")
_FEMININE = {
    "Préfet": "Préfète",
    "Sous-préfet": "Sous-préfète",
    "Secrétaire général": "Secrétaire générale",
    "Chef de cabinet": "Cheffe de cabinet",
    "Chef du SIDPC": "Cheffe du SIDPC",
    "Adjoint au maire": "Adjointe au maire",
    "Conseiller municipal": "Conseillère municipale",
}


def who_is(who: Person, title: str) -> str:
    """Return the title in the form that fits the person."""
    return who.word(title, _FEMININE.get(title, title))


def _give_accounts(maker: _Maker, domain: str) -> None:
    """Give addresses to some of three groups and more, to heads, and to the three keepers.

    They come first in people.csv, in this order; the order of the others does not change.
    """
    country, keepers = maker.country, maker.keepers()
    in_group: dict[str, list[str]] = {}
    for post in country.posts:
        if not post.end:
            in_group.setdefault(post.body_id, []).append(post.person_id)
    by_id = {who.id: who for who in country.people}
    chosen = [
        by_id[id]
        for group, size in (*DEPUTIES_WITH_ACCOUNTS, *SENATORS_WITH_ACCOUNTS)
        for id in list(dict.fromkeys(in_group[group]))[:size]
    ]
    chosen += [*maker.heads, *keepers]
    taken: set[str] = set()
    for who in chosen:
        who.jid = f"{_local_part(who, taken)}@{domain}"
    ids = {who.id for who in chosen}
    country.people = chosen + [who for who in country.people if who.id not in ids]


def _local_part(who: Person, taken: set[str]) -> str:
    """Return `given.family` in a–z and hyphens, with a number where it is taken."""
    name = ".".join("-".join(ascii_words(part)) for part in (who.given_name, who.family_name))
    local = next(n for n in (name, *(f"{name}{i}" for i in range(2, 100))) if n not in taken)
    taken.add(local)
    return local
