"""Who is shown: members of three groups, some of the government, the keepers, a guest."""

from datetime import date
from pathlib import Path

import pytest

from xmppgov.demo.cast import Person, cast

DAY = date(2026, 11, 23)
BODIES = """id,kind,name,short_name,parent,room,start,end
g1,group,Groupe Un,,,yes,,
g2,group,Groupe Deux,,,yes,,
g3,group,Groupe Trois,,,yes,,
g4,group,Groupe Quatre,,,yes,,
c1,committee,Commission,,,yes,,
m1,ministry,Ministère des Forêts,MF,,no,,
"""
MEMBERS = {"g1": 4, "g2": 2, "g3": 2, "g4": 1}


@pytest.fixture
def country(tmp_path: Path) -> Path:
    people, posts = ["id,title,given_name,family_name,jid,lang"], []
    for group, count in MEMBERS.items():
        for n in range(count):
            id = f"{group}-{n}"
            people.append(f"{id},M.,Jean,{id.upper()},{id}@gov.localhost,fr")
            posts.append(f"{id},{group},Membre,member,2024-01-01,")
    posts.append("g1-0,c1,Président,chair,2024-01-01,")
    posts.append("g2-0,g3,Membre,member,2020-01-01,2021-01-01")
    for id, title, jid in (
        ("min", "Ministre", "min@gov.localhost"),
        ("sec", "Officier de sécurité", "sec@gov.localhost"),
        ("arc", "Archiviste", "arc@gov.localhost"),
        ("dpo", "Déléguée à la protection des données", "dpo@gov.localhost"),
        ("nobody", "Sous-préfet", ""),
    ):
        people.append(f"{id},Mme,Ève,{id.upper()},{jid},fr")
        posts.append(f"{id},m1,{title},member,,")
    (tmp_path / "people.csv").write_text("\n".join(people) + "\n", "utf-8")
    (tmp_path / "bodies.csv").write_text(BODIES, "utf-8")
    head = "person_id,body_id,title,role,start,end\n"
    (tmp_path / "posts.csv").write_text(head + "\n".join(posts) + "\n", "utf-8")
    return tmp_path


def _shown(country: Path) -> list[Person]:
    return [p for p in cast(country, "gov.localhost", DAY) if p.shown]


def test_three_groups_come_first_with_their_sizes(country: Path) -> None:
    first = [p.jid.split("@")[0] for p in _shown(country)[:7]]
    assert first == ["g1-0", "g1-1", "g1-2", "g2-0", "g2-1", "g3-0", "g3-1"]


def test_the_keepers_and_the_guest_come_last(country: Path) -> None:
    last = [p.jid for p in _shown(country)[-4:]]
    assert last == [
        "sec@gov.localhost",
        "arc@gov.localhost",
        "dpo@gov.localhost",
        "invite@invites.gov.localhost",
    ]


def test_everybody_with_an_address_has_an_account_once(country: Path) -> None:
    jids = [p.jid for p in cast(country, "gov.localhost", DAY)]
    assert len(jids) == len(set(jids)) == sum(MEMBERS.values()) + 4 + 1
    assert "" not in jids


def test_groups_are_those_of_today_with_a_room(country: Path) -> None:
    by_jid = {p.jid: p for p in cast(country, "gov.localhost", DAY)}
    assert by_jid["g1-0@gov.localhost"].groups == ("g1", "c1")
    assert by_jid["g2-0@gov.localhost"].groups == ("g2",)


def test_a_post_names_its_body_where_no_room_does(country: Path) -> None:
    by_jid = {p.jid: p for p in cast(country, "gov.localhost", DAY)}
    assert by_jid["min@gov.localhost"].post == "Ministre, MF"
    assert by_jid["g1-0@gov.localhost"].post == "Membre"
