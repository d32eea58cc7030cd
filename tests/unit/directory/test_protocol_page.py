"""The examples of docs/protocol/directory.md and docs/directory-csv.md are what the code reads."""

from __future__ import annotations

import re
import tomllib
import xml.etree.ElementTree as ET
from collections import defaultdict
from pathlib import Path

from xmppgov.directory import stanza
from xmppgov.directory.selector import parse_audience, write_audience
from xmppgov.omemo.verification import write_uri
from xmppgov_directory import stanza as person
from xmppgov_directory.mapping import Mapping
from xmppgov_directory.model import Listing
from xmppgov_directory.query import parse
from xmppgov_directory.tables import read_register

DOCS = Path(__file__).parents[3] / "docs"
LISTING = Listing(
    "p1", "alice@gov.example", "Alice", "Durand", "Alice Durand", "Présidente", "Groupe Horizon"
)


def blocks(page: str, language: str) -> list[str]:
    """Return the code blocks of a page."""
    text = (DOCS / page).read_text("utf-8")
    return re.findall(rf"```{language}\n(.*?)```", text, re.DOTALL)


def examples() -> dict[str, list[ET.Element]]:
    """Return the examples by name: a question, then its answer; what is abridged is left out."""
    found = defaultdict(list)
    for block in blocks("protocol/directory.md", "xml"):
        whole = (
            re.sub(r"<(\w+) …/>", "", block).replace('jid="…" ', "").replace('name="…"', 'name="n"')
        )
        for element in ET.fromstring(f"<page>{whole}</page>"):
            found[element.tag.split("}")[1]].append(element)
    return found


def canonical(xml: ET.Element | str) -> str:
    """Return XML without the white space between elements."""
    text = xml if isinstance(xml, str) else ET.tostring(xml, encoding="unicode")
    return ET.canonicalize(text, strip_text=True, rewrite_prefixes=True)


def test_the_machines_answers_are_written_as_the_page_says() -> None:
    found = examples()
    version = stanza.read_version(found["version"][1])
    assert canonical(stanza.write_version(version)) == canonical(found["version"][1])
    rooms = stanza.read_rooms(found["rooms"][1])
    assert canonical(stanza.write_rooms(rooms)) == canonical(found["rooms"][1])
    members = stanza.read_members(found["members"][1])
    written = stanza.write_members("members", members, body="grp-1")
    assert canonical(written) == canonical(found["members"][1])
    entry = stanza.read_person(found["person"][1])
    assert [post.within for post in entry.posts] == [("an", "republique"), ()]
    assert canonical(stanza.write_person(entry)) == canonical(found["person"][1])
    assert stanza.read_search(found["search"][1]).items[0].id == "p9"
    devices = stanza.read_devices(found["devices"][1])
    assert canonical(stanza.write_devices(devices)) == canonical(found["devices"][1])
    assert canonical(stanza.write_device(devices[0])) == canonical(found["device"][1])
    assert stanza.read_device(found["device"][0], "alertes@gov.example") == devices[0]
    link = write_uri(devices[0].jid, {devices[0].id: devices[0].fingerprint})
    assert f"`{link}`" in (DOCS / "protocol/directory.md").read_text("utf-8")
    audience = stanza.read_members(found["audience"][3])
    assert (audience.index, audience.complete) == (2, True)
    written = stanza.write_members("audience", audience, to=found["audience"][3].get("to", ""))
    assert canonical(written) == canonical(found["audience"][3])


def test_the_machines_questions_are_asked_as_the_page_says() -> None:
    found = examples()
    asked = {
        "version": stanza.question("version"),
        "rooms": stanza.question("rooms"),
        "members": stanza.question("members", body="grp-1"),
        "person": stanza.question("person", jid="alice@gov.example"),
        "audience": stanza.question("audience", to="body:min-1"),
        "devices": stanza.question("devices"),
        "search": stanza.question(
            "search", for_="alice@gov.example", q="dupont finances", max="10"
        ),
    }
    for name, question in asked.items():
        assert canonical(question) == canonical(found[name][0])
    to = "role:releaser@body:an list:crise person:p7"
    second_page = stanza.question("audience", stanza.Cut(500, after="p2"), to=to)
    assert canonical(second_page) == canonical(found["audience"][2])


def test_the_selectors_of_the_page_are_all_there_are() -> None:
    text = (DOCS / "protocol/directory.md").read_text("utf-8")
    table = re.search(r"\| Selector \|.*?\n\n", text, re.DOTALL)
    assert table is not None
    shown = [
        word.replace("WORD", "duty").replace("ADDRESS", "a@gov.example")
        for word in re.findall(r"`([a-z]+:[^`]+)`", table[0])
    ]
    assert write_audience(parse_audience(" ".join(shown))) == " ".join(shown)
    assert len(shown) == 9


def test_peoples_searches_are_read_and_answered_as_the_page_says() -> None:
    form, results, legacy, items = examples()["query"]
    search = person.read_search(form)
    assert (search.fields, search.cut.max) == ({"q": "durand horizon"}, 10)
    assert [word.text for word in parse(search.fields).words] == ["durand", "horizon"]
    assert person.read_search(legacy).fields == {"last": "durand"}
    page = stanza.Page((LISTING,), 1, 0, "p1", "p1")
    assert canonical(person.write_results(page, "fr")) == canonical(results)
    assert canonical(person.write_results(page, "fr", legacy=True)) == canonical(items)


def test_the_csv_examples_are_read(tmp_path: Path) -> None:
    paths = []
    for name, text in zip("abc", blocks("directory-csv.md", "csv"), strict=True):
        paths.append(tmp_path / name)
        paths[-1].write_text(text, "utf-8")
    register = read_register(*paths, Mapping())
    assert (len(register.people), len(register.bodies), len(register.posts)) == (2, 3, 5)


def test_the_mapping_example_is_one() -> None:
    (text,) = blocks("directory-csv.md", "toml")
    mapping = Mapping(**tomllib.loads(text))
    assert mapping.bodies.top == "PO791932"
