"""Every path by which somebody's words can enter: each takes canaries and sends them."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from slixmpp.exceptions import IqError

from tests.canary.canaries import Canaries
from tests.messages import CIPHERTEXT, KEY_TRANSPORT
from tests.omemo_nodes import condition, request
from tests.people import OmemoPerson
from tests.rooms import Occupant
from tests.streams import logged_in
from xmppgov.demo.prosody import Prosody

HINTS = "<store xmlns='urn:xmpp:hints'/>"


def one_to_one(person: OmemoPerson, to: str, canary: Canaries) -> None:
    """Plaintext, ciphertext with talkative neighbours, and everything that looks like text."""
    inside = {
        "fallback body": f"{CIPHERTEXT}<body>{canary('fallback body')}</body>",
        "subject beside": f"{CIPHERTEXT}<subject>{canary('subject beside ciphertext')}</subject>",
        "thread beside": f"{CIPHERTEXT}<thread>{canary('thread')} x</thread>",
        "nickname": f"{CIPHERTEXT}<nick xmlns='http://jabber.org/protocol/nick'>"
        f"{canary('nickname')}</nick>",
        "file": "<x xmlns='jabber:x:oob'><url>https://upload.example/"
        f"{canary('file name')}.pdf</url><desc>{canary('file description')}</desc></x>",
        "sfs": f"{CIPHERTEXT}<file-sharing xmlns='urn:xmpp:sfs:0'><file "
        f"xmlns='urn:xmpp:file:metadata:0'><name>{canary('shared file name')}</name></file>"
        "</file-sharing>",
        "plain": f"<body>{canary('plain body')}</body>",
        "html": f"<html xmlns='http://jabber.org/protocol/xhtml-im'>{canary('html')}</html>",
        "retraction": "<retract xmlns='urn:xmpp:message-retract:1' id='x'/>"
        f"<body>{canary('body of a retraction')}</body>",
        "reply": f"{CIPHERTEXT}<fallback xmlns='urn:xmpp:fallback:0' for='urn:xmpp:reply:0'>"
        f"<body>{canary('reply fallback')}</body></fallback>",
        "keys": f"{KEY_TRANSPORT}<body>{canary('body of a key transport')}</body>",
        "unknown": f"{CIPHERTEXT}<thing xmlns='urn:example'>{canary('unknown element')}</thing>",
    }
    for kind in ("chat", "normal", "headline"):
        for number, child in enumerate(inside.values()):
            person.account.send_raw(
                f"<message to='{to}' type='{kind}' id='{kind}{number}'>{child}{HINTS}</message>"
            )
    person.account.send_raw(
        f"<message to='{to}' type='chat' id='{canary('id with a space')} x'>{CIPHERTEXT}</message>"
    )
    person.account.send_raw(
        f"<message to='{to}/{canary('resource')}' type='chat' id='r'>{CIPHERTEXT}</message>"
    )


async def in_a_room(occupant: Occupant, canary: Canaries) -> None:
    """Words, subjects, nicknames, private messages and reasons of invitations in a room."""
    room, account = occupant.room, occupant.account
    await occupant.join(canary("wanted nickname"))
    for child in (
        f"<body>{canary('plain room body')}</body>",
        f"<subject>{canary('room subject')}</subject>",
        f"{CIPHERTEXT}<body>{canary('room fallback body')}</body>",
        f"{CIPHERTEXT}<thread>{canary('room thread')} x</thread>",
    ):
        account.send_raw(f"<message to='{room}' type='groupchat'>{child}</message>")
    account.send_raw(
        f"<message to='{room}/x' type='chat'><body>{canary('private message')}</body></message>"
    )
    account.send_raw(
        f"<message to='{room}'><x xmlns='http://jabber.org/protocol/muc#user'>"
        f"<invite to='nobody@gov.localhost'><reason>{canary('invitation')}</reason></invite></x>"
        "</message>"
    )
    account.send_raw(f"<presence to='{room}/x'><status>{canary('room status')}</status></presence>")


async def to_services(person: OmemoPerson, annuaire: str, directory: str, canary: Canaries) -> None:
    """A question to the annuaire bot, and a search by form."""
    await person.send(annuaire, f"cherche {canary('question to the bot')}")
    await person.wait_for("", 20)
    form = (
        "<query xmlns='jabber:iq:search'><x xmlns='jabber:x:data' type='submit'><field var='q'>"
        f"<value>{canary('search')}</value></field></x></query>"
    )
    await request(person.account, "set", form, directory)
    broken = f"<query xmlns='jabber:iq:search'><last>{canary('one letter')[0]}</last></query>"
    try:
        await request(person.account, "set", broken, directory)
    except IqError:
        return


async def of_files(person: OmemoPerson, upload: str, to: str, canary: Canaries) -> None:
    """A slot for an upload, and files offered and sent by IQ (XEP-0363, 0047, 0095, 0234)."""
    slot = (
        f"<request xmlns='urn:xmpp:http:upload:0' filename='{canary('uploaded file name')}.pdf' "
        f"size='10' content-type='{canary('media type')}/x' note='{canary('note to a file')}'/>"
    )
    await request(person.account, "get", slot, upload)
    ibb, si = "http://jabber.org/protocol/ibb", "http://jabber.org/protocol/si"
    files = "urn:xmpp:jingle:apps:file-transfer:5"
    for child in (
        f"<open xmlns='{ibb}' block-size='4096' sid='{canary('in-band session')}'/>",
        f"<data xmlns='{ibb}' seq='0' sid='x'>{canary('in-band bytes')}</data>",
        f"<si xmlns='{si}' id='a' profile='{si}/profile/file-transfer'><file "
        f"xmlns='{si}/profile/file-transfer' name='{canary('offered file name')}' size='1'/></si>",
        "<jingle xmlns='urn:xmpp:jingle:1' action='session-initiate' sid='s'><content "
        f"creator='initiator' name='c'><description xmlns='{files}'><file>"
        f"<name>{canary('jingle file name')}</name></file></description></content></jingle>",
    ):
        try:
            await request(person.account, "set", child, to)
        except IqError as error:
            assert condition(error) == "not-acceptable"  # noqa: PT017 (which refusal it is)
        else:
            raise AssertionError(f"it went through: {child}")


def presences(person: OmemoPerson, to: str, canary: Canaries) -> None:
    """Statuses, which clients show and the server hands on."""
    for target, place in (("", "presence status"), (f" to='{to}'", "directed presence status")):
        person.account.send_raw(f"<presence{target}><status>{canary(place)}</status></presence>")


async def settled(person: OmemoPerson) -> None:
    """Wait until the server has handled everything that `person` sent."""
    await request(person.account, "get", "<ping xmlns='urn:xmpp:ping'/>")


@asynccontextmanager
async def strange_device(server: Prosody, jid: str, canary: Canaries) -> AsyncIterator[None]:
    """A device whose resource and status are somebody's words."""
    async with logged_in(server, f"{jid}/{canary('own resource')}") as account:
        account.send_presence(pstatus=canary("status"))
        yield
