"""Who of the synthetic country does what in a crisis: posts with roles, and a list.

They come behind everybody's other posts, so that nobody's principal post or name changes.
"""

from __future__ import annotations

from typing import NamedTuple

from xmppgov.demo.rows import Body, Country, Post

SINCE = "2026-01-05"
LIST = "liste-crise"


class Holder(NamedTuple):
    """The person at a place (from 0) among a body's people, in the order of their posts."""

    body: str
    place: int = 0


class Duty(NamedTuple):
    """A post for somebody: where, as what, with which title for a man and for a woman."""

    who: Holder
    body: str
    role: str
    man: str
    woman: str


ON_DUTY = ("Cadre de permanence", "Cadre de permanence")
RELEASES = ("Responsable de diffusion", "Responsable de diffusion")
STANDS_IN = ("Suppléant", "Suppléante")
PREFECTURES = ("pref-01", "pref-02", "pref-03")
DUTIES = (
    Duty(Holder("sgg-crise", 0), "sgg-crise", "duty", *ON_DUTY),
    Duty(Holder("sgg-crise", 1), "sgg-crise", "releaser", *RELEASES),
    Duty(Holder("sgg", 0), "sgg", "releaser", *RELEASES),
    Duty(Holder("min-interieur", 0), "min-interieur", "releaser", *RELEASES),
    Duty(Holder("cab-pm", 0), "pm", "deputy", *STANDS_IN),
    Duty(Holder("an-renouveau", 1), "an-renouveau", "deputy", "Vice-président", "Vice-présidente"),
    *(Duty(Holder(prefecture, 0), prefecture, "duty", *ON_DUTY) for prefecture in PREFECTURES),
    *(Duty(Holder(prefecture, 1), prefecture, "deputy", *STANDS_IN) for prefecture in PREFECTURES),
)
LISTED = (
    Holder("sgg-crise", 0),
    Holder("sgg-crise", 1),
    Holder("min-interieur", 0),
    *map(Holder, PREFECTURES),
    Holder("mairie-0001", 0),
    Holder("an-renouveau", 0),
)


def add_crisis(country: Country) -> None:
    """Give `DUTIES`, and add the list, which stands below no body: `body:` does not reach it."""
    people = {who.id: who for who in country.people}
    holders: dict[str, list[str]] = {}
    for post in country.posts:
        holders.setdefault(post.body_id, []).append(post.person_id)
    seats = {body: list(dict.fromkeys(ids)) for body, ids in holders.items()}
    for who, body, role, man, woman in DUTIES:
        person = people[seats[who.body][who.place]]
        country.posts.append(Post(person.id, body, person.word(man, woman), role, SINCE))
    country.bodies.append(Body(LIST, "list", "Liste de diffusion des crises"))
    for body, place in LISTED:
        country.posts.append(Post(seats[body][place], LIST, "Destinataire", start=SINCE))
