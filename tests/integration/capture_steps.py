"""The steps of a program of capture, and how hypothesis draws them."""

from __future__ import annotations

from typing import NamedTuple

from hypothesis import strategies as st

from tests.integration.capture_ground import KINDS

STORE = "<store xmlns='urn:xmpp:hints'/>"
_OMEMO = (
    "<encrypted xmlns='eu.siacs.conversations.axolotl'><header sid='1'><key rid='2'>AA==</key>"
    "</header>{}</encrypted>" + STORE
)
SPOKEN = {
    "body": "<body>b</body>",
    "omemo": _OMEMO.format("<payload>AA==</payload>"),
    "keytransport": _OMEMO.format(""),
    "correction": "<body>c</body><replace xmlns='urn:xmpp:message-correct:0' id='{0}'/>",
    "reaction": "<reactions xmlns='urn:xmpp:reactions:0' id='{0}'><reaction>+</reaction>"
    "</reactions>" + STORE,
    "retraction": "<retract xmlns='urn:xmpp:message-retract:1' id='{0}'/>" + STORE,
}
"""What gives a record wherever it is said."""
TO_PEOPLE = {
    "call": "<propose xmlns='urn:xmpp:jingle-message:0' id='{0}'/>" + STORE,
    "invite": "<x xmlns='jabber:x:conference' jid='salon@rooms.gov.localhost'/>" + STORE,
    "bounce": "<error type='cancel'><item-not-found"
    " xmlns='urn:ietf:params:xml:ns:xmpp-stanzas'/></error>",
}
QUIET = {
    "state": "<composing xmlns='http://jabber.org/protocol/chatstates'/>",
    "marker": "<displayed xmlns='urn:xmpp:chat-markers:0' id='{0}'/>",
    "receipt": "<received xmlns='urn:xmpp:receipts' id='{0}'/>",
}
"""What gives none."""
BARRED = {"subject": "<subject>s</subject>"}
"""What a room refuses."""
_PAYLOADS = SPOKEN | TO_PEOPLE | QUIET | BARRED


def payload(what: str, about: str) -> str:
    """Return what is inside a message of the sort `what`, about the message with the id `about`."""
    return _PAYLOADS[what].replace("{0}", about)


def records(what: str) -> bool:
    """Tell whether a message of the sort `what` gives a record."""
    return what not in QUIET and what not in BARRED


class Say(NamedTuple):
    """Write to somebody: 0 to 2 one of the people, 3 somebody absent, 4 nobody."""

    who: int
    device: str
    to: int
    full: bool
    what: str
    settle: bool


class Speak(NamedTuple):
    """Say something in a room."""

    who: int
    device: str
    room: str
    what: str
    settle: bool


class Whisper(NamedTuple):
    """Say something to one of the two others in a room, where everybody has one device only."""

    who: int
    room: str
    to: int
    what: str
    settle: bool


class Intrude(NamedTuple):
    """Speak in a room that one has not entered."""

    who: int
    room: str


class Again(NamedTuple):
    """Send again one of the messages so far."""

    which: int
    device: str
    settle: bool


class Leave(NamedTuple):
    """Leave a room."""

    who: int
    device: str
    room: str


class End(NamedTuple):
    """End a session: "close" or "cut" it, or cut it and "resume" it."""

    who: int
    device: str
    how: str


class Reload(NamedTuple):
    """Reload a module of the server."""

    module: str


class Kill(NamedTuple):
    """SIGKILL the server "now", or when the last message is "written" or "seen"; start it again.

    `boot`: the power was cut, so what was not synced is gone, and the machine has started anew.
    """

    when: str
    boot: bool


class Restart(NamedTuple):
    """Stop the server and start it again."""


class Archive(NamedTuple):
    """SIGKILL the archive, or start it."""

    up: bool


class Disk(NamedTuple):
    """The spool's disk waits ("hold"), fails to sync ("fail"), is "full", or is "well" again."""

    state: str


Step = (
    Say | Speak | Whisper | Intrude | Again | Leave | End | Reload | Kill | Restart | Archive | Disk
)

_who, _device, _settle = st.integers(0, 2), st.sampled_from(["one", "two"]), st.booleans()
_room = st.sampled_from(list(KINDS))
_talk = st.one_of(
    st.builds(
        Say,
        _who,
        _device,
        st.integers(0, 4),
        st.booleans(),
        st.sampled_from([*SPOKEN, *TO_PEOPLE, *QUIET]),
        _settle,
    ),
    st.builds(Speak, _who, _device, _room, st.sampled_from([*SPOKEN, "state", "subject"]), _settle),
    st.builds(Whisper, _who, _room, st.integers(0, 1), st.sampled_from([*SPOKEN]), _settle),
    st.builds(Again, st.integers(0, 20), _device, _settle),
)
_coming_and_going = st.one_of(
    st.builds(End, _who, _device, st.sampled_from(["close", "cut", "resume"])),
    st.builds(Leave, _who, _device, _room),
    st.builds(Intrude, _who, _room),
    st.builds(Reload, st.sampled_from(["xmppgov_capture", "mam", "carbons", "muc_mam"])),
)
_trouble = st.one_of(
    st.builds(Kill, st.sampled_from(["now", "written", "seen"]), st.booleans()),
    st.builds(Disk, st.sampled_from(["hold", "fail", "full", "well"])),
    st.builds(Archive, st.booleans()),
    st.just(Restart()),
)
_outage = st.tuples(
    st.builds(Disk, st.sampled_from(["hold", "hold", "fail", "full"])),
    st.lists(_talk, min_size=1, max_size=3),
    st.one_of(st.builds(Kill, st.just("written"), st.booleans()), st.just(Restart())),
).map(lambda parts: [parts[0], *parts[1], parts[2]])
"""What a disk in trouble and a crash behind it may meet together, which single steps seldom do."""
_single = st.one_of(_talk, _talk, _talk, _coming_and_going, _trouble).map(lambda step: [step])
PROGRAMS: st.SearchStrategy[list[Step]] = st.lists(
    st.one_of(_single, _single, _single, _single, _outage), min_size=4, max_size=14
).map(lambda parts: [step for part in parts for step in part])
