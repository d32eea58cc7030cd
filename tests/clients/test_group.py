"""A deputy in Converse.js and one in Profanity: their room, an alert, the directory, the archive.

The tests of this file follow one another as a day does; the last ones look at what is left.
"""

from __future__ import annotations

import re
import time
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from tests.archive import pseudonyms, records
from tests.clients.conftest import Pair
from tests.streams import connected
from tests.strict import assert_strict, keyless
from xmppgov.config import XmppSection
from xmppgov.demo.prosody import write_private
from xmppgov.xmpp.client import Account

pytestmark = pytest.mark.clients
FROM_CONVERSE = "Bonjour, la séance est à 15 h."
FROM_PROFANITY = "Merci, j'y serai."
CLEAR = "Ceci ne doit pas partir en clair."
FILE = "Le contenu du rapport, que personne d'autre ne lit."
ALERT = "Évacuez la salle des quatre colonnes."
QUESTION = "cherche préfète"


def test_the_room_is_there_with_the_padlock_closed(pair: Pair) -> None:
    pair.converse.open_room(pair.room)
    pair.converse.wait_for_padlock()
    assert "[OMEMO]" in pair.profanity.screen()


def test_a_message_of_converse_is_read_in_profanity(pair: Pair) -> None:
    pair.converse.write(FROM_CONVERSE)
    line = rf"~ {re.escape(pair.alice['name'])}: {re.escape(FROM_CONVERSE)}"
    pair.profanity.wait_until(lambda s: bool(re.search(line, s)), FROM_CONVERSE)


def test_a_message_of_profanity_is_read_in_converse(pair: Pair) -> None:
    pair.profanity.type(FROM_PROFANITY)
    pair.converse.wait_for_message(FROM_PROFANITY)


def test_a_file_of_converse_leaves_encrypted(pair: Pair, tmp_path: Path) -> None:
    file = tmp_path / "rapport.txt"
    file.write_text(FILE)
    pair.converse.attach(file)
    pair.converse.wait_for_message("Télécharger le fichier")  # its name stays at home
    pair.profanity.wait_for("aesgcm://")
    stored = pair.demo.state / "prosody" / "upload%2egov%2elocalhost"
    uploads = [p.read_bytes() for p in stored.rglob("*") if p.is_file()]
    assert uploads
    assert not [content for content in uploads if FILE.encode() in content]


def test_plaintext_of_converse_is_refused_in_french(pair: Pair) -> None:
    pair.converse.open_padlock()
    pair.converse.write(CLEAR)
    pair.converse.wait_for_message("chiffré de bout en bout")
    pair.converse.close_padlock()
    assert CLEAR not in pair.profanity.screen()


def test_plaintext_of_profanity_is_refused(pair: Pair) -> None:
    pair.profanity.type("/omemo policy manual")
    pair.profanity.type("/omemo end")
    pair.profanity.wait_until(lambda s: "[OMEMO]" not in s, "an unencrypted room")
    pair.profanity.type(CLEAR)
    pair.profanity.wait_for("Error from")
    pair.profanity.type("/omemo policy always")
    pair.profanity.type("/omemo start")
    pair.profanity.wait_for("[OMEMO]")


def test_both_read_an_alert(pair: Pair) -> None:
    sent = ("alert", "send", *pair.demo.config("alerts"), "--to", f"group:{pair.group}")
    pair.demo.cli(*sent, "--severity", "Severe", ALERT)
    bot = pair.demo.ready["services"]["alerts"]
    pair.converse.open_contact(bot)
    pair.converse.wait_for_message(ALERT)
    pair.profanity.open_chat(bot)
    pair.profanity.wait_for(ALERT)


def test_both_ask_the_directory(pair: Pair) -> None:
    bot = pair.demo.ready["services"]["annuaire"]
    pair.converse.open_contact(bot)
    pair.converse.wait_for_padlock()
    pair.converse.write(QUESTION)
    pair.converse.wait_for_message("xmpp:")
    pair.profanity.open_chat(bot)
    pair.profanity.type("/omemo start")
    pair.profanity.wait_for("[OMEMO]")
    pair.profanity.type(QUESTION)
    pair.profanity.wait_for("xmpp:")


def test_the_page_asked_nobody_else(pair: Pair) -> None:
    assert pair.converse.foreign == []


def _expected(pair: Pair) -> Counter[tuple[str, str]]:
    """Return how many messages with a body each sent to whom."""
    services, alice, bob = pair.demo.ready["services"], pair.alice["jid"], pair.bob["jid"]
    pairs = [(alice, pair.room), (bob, pair.room)]
    pairs += [(alice, pair.room)]  # the link to the file
    pairs += [(person, services["annuaire"]) for person in (alice, bob)]
    pairs += [(services["annuaire"], person) for person in (alice, bob)]
    pairs += [(services["alerts"], person) for person in (alice, bob)]
    return Counter(pairs)


def _found(pair: Pair) -> Counter[tuple[str, str]]:
    """Return how many records of messages there are, by sender and recipient."""
    services, people = pair.demo.ready["services"], (pair.alice["jid"], pair.bob["jid"])
    known = {
        pseudonym: address
        for address in (*people, services["alerts"], services["annuaire"], pair.room)
        for sort in ("person", "room")
        for pseudonym in pseudonyms(pair.demo.archive, sort, address)
    }
    messages = (
        (known.get(r["from"], "?"), known.get(r.get("room") or r["to"], "?"))
        for r in records(pair.demo.archive)
        if r["kind"] in ("msg.room", "msg.direct")
    )
    return Counter(ends for ends in messages if set(ends) & set(people))


def test_the_archive_has_one_record_of_each_message(pair: Pair) -> None:
    expected, deadline = _expected(pair), time.monotonic() + 20
    while (found := _found(pair)) != expected and time.monotonic() < deadline:
        time.sleep(0.3)
    assert found == expected
    pair.demo.cli("archive", "verify", *pair.demo.config("archive"))


def _section(pair: Pair, account: dict[str, Any]) -> XmppSection:
    """Return how a test logs in beside the person's own client."""
    secret = pair.demo.state / "secrets" / account["jid"]
    write_private(secret, account["password"])
    ready = pair.demo.ready
    return XmppSection(
        jid=account["jid"],
        port=ready["ports"]["c2s"],
        secret_file=secret,
        ca_file=ready["ca_file"],
    )


async def test_every_member_has_keys_that_every_other_can_read(pair: Pair) -> None:
    member = Account(_section(pair, pair.bob))
    async with connected(member):
        assert set(await assert_strict(member, pair.room)) == {pair.alice["jid"], pair.bob["jid"]}


async def test_a_guest_may_not_read_the_keys_of_a_converse_account(pair: Pair) -> None:
    guest = Account(_section(pair, pair.demo.ready["accounts"][-1]))
    async with connected(guest):
        assert await keyless(guest, [pair.alice["jid"]]) == [pair.alice["jid"]]


def test_nobody_and_no_bot_is_in_every_room(pair: Pair) -> None:
    plan = pair.demo.json("rooms", "sync", "--dry-run", *pair.demo.config("rooms"))
    rooms = [{p["jid"] for p in room["people"] if p["jid"]} for room in plan["rooms"]]
    services = pair.demo.ready["services"]
    assert len(rooms) > 10
    assert not set.intersection(*rooms)
    assert not set.union(*rooms) & {services["alerts"], services["annuaire"], services["rooms"]}
