"""Requests to the officers: what is asked, by whom and why, as one document with one hash.

The document is canonical JSON (`jcs`), signed by the archive's key as a signed note
(https://c2sp.org/signed-note), so that an officer approves nothing that the archive has not asked.
What travels is that note, armoured: whatever white space a chat or a form puts in does no harm.
"""

from __future__ import annotations

import base64
import binascii
import re
import unicodedata
from collections.abc import Iterable, Mapping
from datetime import UTC, date, datetime
from hashlib import sha256
from typing import Annotated, Literal, Self

from pydantic import AfterValidator, Field, ValidationError, model_validator

from xmppgov.archive import jcs
from xmppgov.archive.jcs import NotCanonical, Value
from xmppgov.archive.leaf import Day, Digest, Identity, Role, Visa
from xmppgov.archive.model import Closed, Count, Counter, Label
from xmppgov.errors import BadRequest
from xmppgov.i18n import Text, Texts
from xmppgov.tlog.errors import NoteInvalid
from xmppgov.tlog.note import Note, SigningKey, VerifierKey, open_note

texts = Texts("xmppgov")
HEADER = "xmppgov-request/v1"
ARMOUR = "xmppgov-request:"
SCOPE = "scope."
SHORT = 8  # hexadecimal digits by which people name a request
MOST_NAMES = 50  # people, rooms or units of one request
LARGEST = 65_536  # characters of an armoured request
_HIDDEN = {"Cc", "Cf", "Cs", "Zl", "Zp"}
"""Categories of characters that move a cursor, hide, or turn the order of what is read."""
_NAME = re.compile(r"[^\s@/\x00-\x1f\x7f-\x9f]{1,255}")
_MONTH = re.compile("[12][0-9]{3}-(0[1-9]|1[0-2])", re.ASCII)
_ADDRESS = re.compile(rf"(?:{_NAME.pattern}@)?{_NAME.pattern}")

CONFLICT = "batch.conflict"
"""Of no officer's request: the archive refused a batch that contradicts what it has committed."""

Words = list[tuple[Text, Text | str]]
"""A request line by line: what the line says, and its value."""


class RequestInvalid(BadRequest):
    """It is no request, or not one that this archive has signed."""


def is_readable(text: str) -> bool:
    """Tell whether all of a text is seen as it stands there, on a terminal too."""
    return not any(unicodedata.category(character) in _HIDDEN for character in text)


def printable(text: str) -> str:
    r"""Return a text for a terminal, what is not readable written as `\u202e`."""
    return "".join(
        character if is_readable(character) else f"\\u{ord(character):04x}" for character in text
    )


def _readable(text: str) -> str:
    if not is_readable(text):
        raise ValueError("a character does not stand for itself")
    return text


def _calendar_day(text: str) -> str:
    if not "1000" <= date.fromisoformat(text).isoformat()[:4] <= "2999":
        raise ValueError("a day is of the years 1000 to 2999")
    return text


def _names(text: str, pattern: re.Pattern[str]) -> str:
    names = text.split(" ")
    if names != sorted(set(names)) or len(names) > MOST_NAMES:
        raise ValueError("names stand once each, in order, and are not too many")
    if not all(pattern.fullmatch(name) for name in names):
        raise ValueError("a name has a character that none can have")
    return _readable(text)


Addresses = Annotated[str, AfterValidator(lambda text: _names(text, _ADDRESS))]
Units = Annotated[str, AfterValidator(lambda text: _names(text, _NAME))]
Months = Annotated[str, AfterValidator(lambda text: _names(text, _MONTH))]
Address = Annotated[str, Field(pattern=f"^{_ADDRESS.pattern}$"), AfterValidator(_readable)]
CalendarDay = Annotated[Day, AfterValidator(_calendar_day)]
Case = Annotated[
    str,
    Field(pattern=r"^[^\s\x00-\x1f\x7f-\x9f](.{0,62}\S)?$"),
    AfterValidator(_readable),
]
Keys = Annotated[str, Field(pattern=r"^[0-9a-f]{64}( [0-9a-f]{64})*$", max_length=65 * 8)]


class Scope(Closed):
    """What a request of one kind is about; a kind's own model derives from it."""

    def words(self) -> Words:
        """Return it line by line, for people."""
        raise NotImplementedError


class AccessScope(Scope):
    """Rows of the days from the first to the last (UTC), each of which has to name

    one of the people, as sender or recipient, one of the rooms, and a sender of one of the units.
    What is absent is not asked; one of the three is there.
    """

    people: Addresses | None = None
    rooms: Addresses | None = None
    units: Units | None = None
    first: CalendarDay
    last: CalendarDay
    rows: Counter

    @model_validator(mode="after")
    def _bounded(self) -> Self:
        if not (self.people or self.rooms or self.units) or self.first > self.last:
            raise ValueError("it names nobody, or ends before it begins")
        return self

    def words(self) -> Words:
        """Return it line by line, for people."""
        lines: Words = []
        for label, names in (
            (texts("People"), self.people),
            (texts("Rooms"), self.rooms),
            (texts("Units"), self.units),
        ):
            if names:
                lines.append((label, ", ".join(names.split(" "))))
        return [
            *lines,
            (texts("First day"), self.first),
            (texts("Last day"), self.last),
            (texts("Rows at most"), str(self.rows)),
        ]


class EraseScope(Scope):
    """The records of a class in some months; `visa` is who allows it: the archives, by a number."""

    class_: Label = Field(alias="class")
    months: Months
    visa: Visa

    def words(self) -> Words:
        """Return it line by line, for people."""
        return [
            (texts("Class"), self.class_),
            (texts("Months"), ", ".join(self.months.split(" "))),
            (texts("Visa, or table de gestion"), self.visa),
        ]


class HoldScope(Scope):
    """What a hold covers, up to the day `until`; what is not said does not limit it.

    People, rooms and units are addresses, or pseudonyms as a record has them.
    """

    hold: Annotated[Identity, Field(max_length=40)]
    people: Addresses | None = None
    rooms: Addresses | None = None
    units: Units | None = None
    classes: Units | None = None
    first: Day | None = None
    last: Day | None = None
    until: Day

    def words(self) -> Words:
        """Return it line by line, for people."""
        lines: Words = [
            (label, ", ".join(said.split(" ")))
            for label, said in (
                (texts("People"), self.people),
                (texts("Rooms"), self.rooms),
                (texts("Units"), self.units),
                (texts("Classes"), self.classes),
                (texts("First day"), self.first),
                (texts("Last day"), self.last),
            )
            if said
        ]
        return [
            (texts("Name of the hold"), self.hold),
            *(lines or [(texts("Covers"), texts("everything"))]),
            (texts("Held up to"), self.until),
        ]


class ReleaseScope(Scope):
    """A hold that is to end."""

    hold: Identity

    def words(self) -> Words:
        """Return it line by line, for people."""
        return [(texts("Name of the hold"), self.hold)]


class SuccessionScope(Scope):
    """The shares of the requester's role, which are to be sealed to the key `officer` (hex).

    They are those of the resolving keys `keys`, and of all where these are absent.
    """

    officer: Digest
    keys: Keys | None = None

    def words(self) -> Words:
        """Return it line by line, for people."""
        found = ", ".join(f"{key[:SHORT]}…" for key in (self.keys or "").split(" ") if key)
        return [
            (texts("Sealed to the officer's key"), self.officer),
            (texts("Shares of the keys"), found or texts("all")),
        ]


Kind = Literal["access", "erase", "release", "hold", "succession"]
SCOPES: Mapping[str, type[Scope]] = {
    "access": AccessScope,
    "erase": EraseScope,
    "release": ReleaseScope,
    "hold": HoldScope,
    "succession": SuccessionScope,
}
"""What each kind of request is about."""
KIND_TEXTS: Mapping[str, Text] = {
    "access": texts("Look into the archive, with names"),
    "erase": texts("Erase records"),
    "release": texts("End a hold"),
    "hold": texts("Keep from erasure"),
    "succession": texts("Hand an officer's shares to a new key"),
}
ROLE_TEXTS: Mapping[str, Text] = {
    "archivist": texts("Archivist"),
    "dpo": texts("Data protection officer"),
    "security": texts("Security officer"),
    "requester": texts("Requester"),
}
PURPOSE_TEXTS: Mapping[str, Text] = {
    "judicial": texts("Judicial request"),
    "incident": texts("Security incident"),
    "data-subject": texts("Request of the person concerned"),
    "audit": texts("Internal audit"),
    "retention": texts("Time of keeping is over"),
    "hold-ended": texts("The reason of the hold is over"),
    "succession": texts("An officer or a machine is replaced"),
}
"""Purposes that have words of their own; a configuration may name others."""


class Request(Closed):
    """One request; `key` is its public key, `resolving` those whose shares it needs (hex)."""

    v: Literal[1]
    kind: Kind
    archive: Annotated[str, Field(min_length=1, max_length=255), AfterValidator(_readable)]
    requester: Address
    role: Role
    purpose: Label
    case: Case
    made: Count
    until: Count
    key: Digest
    resolving: Keys
    scope: Scope

    @model_validator(mode="after")
    def _of_its_kind(self) -> Self:
        if type(self.scope) is not SCOPES.get(self.kind) or self.until <= self.made:
            raise ValueError("the scope is of another kind, or there is no time to answer")
        return self

    def document(self) -> bytes:
        """Return the canonical document."""
        fields: dict[str, Value] = self.model_dump(exclude={"scope"})
        scope = self.scope.model_dump(by_alias=True, exclude_none=True)
        return jcs.encode(fields | {SCOPE + name: value for name, value in scope.items()})

    @property
    def hash(self) -> str:
        """SHA-256 of the document, in hex: what codes are bound to and what the log says."""
        return sha256(self.document()).hexdigest()

    @property
    def id(self) -> str:
        """What people call the request."""
        return self.hash[:SHORT]

    def words(self) -> Words:
        """Return the whole request line by line, for people."""
        return [
            (texts("Request"), self.id),
            (texts("What"), KIND_TEXTS[self.kind]),
            (texts("Archive"), self.archive),
            (texts("Asked by"), self.requester),
            (texts("As"), ROLE_TEXTS[self.role]),
            (texts("Purpose"), PURPOSE_TEXTS.get(self.purpose, self.purpose)),
            (texts("Case number"), self.case),
            *self.scope.words(),
            (texts("Made"), moment(self.made)),
            (texts("Runs out"), moment(self.until)),
        ]

    def sign(self, key: SigningKey) -> str:
        """Return the request as it travels, signed by the archive."""
        text = f"{HEADER}\n{self.document().decode()}\n"
        note = Note(text, (key.sign(text),)).encode()
        return ARMOUR + base64.urlsafe_b64encode(note).decode().rstrip("=")


def moment(t: int) -> str:
    """Write a time (ms) for people: `2026-11-24 10:00 UTC`."""
    return datetime.fromtimestamp(t / 1000, UTC).strftime("%Y-%m-%d %H:%M UTC")


def parse_document(data: bytes) -> Request:
    """Read a document.

    Raises:
        RequestInvalid: it is none, or of a kind that is not known here.
    """
    try:
        fields = jcs.decode(data)
        scope = {k.removeprefix(SCOPE): v for k, v in fields.items() if k.startswith(SCOPE)}
        model = SCOPES[str(fields.get("kind"))]
        head = {k: v for k, v in fields.items() if not k.startswith(SCOPE)}
        return Request.model_validate({**head, "scope": model.model_validate(scope)})
    except (NotCanonical, KeyError, ValidationError) as error:
        raise _invalid() from error


def open_request(text: str, keys: Iterable[VerifierKey]) -> Request:
    """Read a request as it travels, signed by one of `keys`.

    Raises:
        RequestInvalid: it is none, or none of them has signed it.
    """
    try:
        note = open_note(_unarmoured(text), keys)
    except NoteInvalid as error:
        raise RequestInvalid(
            texts("This is no request that the archive has signed; copy it again, whole.")
        ) from error
    lines = note.text.split("\n")
    if len(lines) != 3 or lines[0] != HEADER or lines[2]:
        raise _invalid()
    return parse_document(lines[1].encode())


def _unarmoured(text: str) -> bytes:
    packed = "".join(text.split()).removeprefix(ARMOUR)
    try:
        if len(packed) > LARGEST:
            raise _invalid()
        return base64.urlsafe_b64decode(packed + "=" * (-len(packed) % 4))
    except (binascii.Error, ValueError) as error:
        raise _invalid() from error


def _invalid() -> RequestInvalid:
    return RequestInvalid(texts("This is no request to the officers; copy it again, whole."))
