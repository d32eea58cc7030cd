"""Reads the three CSV files (RFC 4180) into a register, and says what is wrong with every row.

The files' form is docs/directory-csv.md; a `Mapping` reads foreign files the same way.
"""

from __future__ import annotations

import csv
import re
import unicodedata
from collections.abc import Callable, Iterator, Set
from collections.abc import Mapping as Map
from dataclasses import dataclass, field
from datetime import date
from pathlib import Path
from typing import TypeVar

from xmppgov.directory.model import CHAIR, MEMBER, ROLE
from xmppgov.errors import CheckFailed
from xmppgov.i18n import Text, Texts
from xmppgov_directory.diff import lineage
from xmppgov_directory.mapping import BODIES, NEEDED, PEOPLE, POSTS, Mapping
from xmppgov_directory.model import BodyRow, PersonRow, PostKey, PostRow, Register

texts = Texts("xmppgov_directory")
Row = TypeVar("Row")
LONGEST_CELL = 500
MOST_SHOWN = 100
_ID = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,62}")
_ROOM_ID = re.compile(r"[a-z0-9][a-z0-9._-]{0,62}")
_WORD = re.compile(r"[a-z][a-z-]{0,30}")
_LANG = re.compile(r"[a-z]{2,3}(-[A-Za-z0-9]{2,8})*")
_JID = re.compile(r"[^\s\"&'/:<>@A-Z]{1,255}@[a-z0-9]([a-z0-9.-]{0,253}[a-z0-9])?")
# Control characters cannot stand in XML; those that turn the direction of writing can pretend.
_UNFIT = re.compile("[\x00-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069\ud800-\udfff\ufffe\uffff]")
_YES, _NO = ("yes", "oui", "true", "1"), ("", "no", "non", "false", "0")
Tell = Callable[[str, int, int], None]
"""Told of progress: the file's name, bytes read, bytes in all."""


@dataclass(frozen=True, slots=True)
class Problem:
    """What is wrong in a line of a file; line 0 means the whole file."""

    file: str
    line: int
    reason: Text

    def __str__(self) -> str:
        return (
            f"{self.file}:{self.line}: {self.reason}"
            if self.line
            else f"{self.file}: {self.reason}"
        )


class BrokenFiles(CheckFailed):
    """The files have errors; nothing was imported. `problems` are the first, `count` is all."""

    def __init__(self, problems: tuple[Problem, ...], count: int) -> None:
        super().__init__(texts("{n} errors in the files; nothing was imported.", n=count))
        self.problems = problems
        self.count = count


@dataclass
class Problems:
    """The errors found so far; only the first `MOST_SHOWN` are kept."""

    shown: list[Problem] = field(default_factory=list)
    count: int = 0

    def add(self, file: str, line: int, reason: Text) -> None:
        """Note one error."""
        self.count += 1
        if len(self.shown) < MOST_SHOWN:
            self.shown.append(Problem(file, line, reason))


class _Wrong(Exception):
    """A row has an error; carries the reason."""

    def __init__(self, reason: Text) -> None:
        super().__init__(reason)
        self.reason = reason


def read_register(
    people: Path, bodies: Path, posts: Path, mapping: Mapping, tell: Tell = lambda *_: None
) -> Register:
    """Read and check the three files.

    Raises:
        BrokenFiles: at least one row is wrong; every row of every file was checked.
    """
    problems = Problems()
    tables = _Tables(mapping, problems, tell)
    register = Register(tables.people(people), tables.bodies(bodies), {})
    register = Register(register.people, register.bodies, tables.posts(posts, register))
    if problems.count:
        raise BrokenFiles(tuple(problems.shown), problems.count)
    return register


class _Tables:
    def __init__(self, mapping: Mapping, problems: Problems, tell: Tell) -> None:
        self._mapping = mapping
        self._problems = problems
        self._tell = tell
        self._unread: set[str] = set()
        """The kinds whose file could not be read to its end: what refers to them is not judged."""

    def people(self, path: Path) -> dict[str, PersonRow]:
        people: dict[str, PersonRow] = {}
        addresses: dict[str, str] = {}
        for _, row in self._rows(path, "people", self._person):
            if row.id in people:
                self._wrong(path, texts("the id {id} stands in the file twice", id=row.id))
            elif row.jid and addresses.setdefault(row.jid, row.id) != row.id:
                self._wrong(
                    path,
                    texts(
                        "the address {jid} belongs to {id} too", jid=row.jid, id=addresses[row.jid]
                    ),
                )
            else:
                people[row.id] = row
        return people

    def bodies(self, path: Path) -> dict[str, BodyRow]:
        bodies: dict[str, BodyRow] = {}
        lines: dict[str, int] = {}
        for line, row in self._rows(path, "bodies", self._body):
            if row.id in bodies:
                self._wrong(path, texts("the id {id} stands in the file twice", id=row.id))
            else:
                bodies[row.id], lines[row.id] = row, line
        for row in bodies.values():
            reason = _misplaced(row, bodies)
            if reason:
                self._problems.add(path.name, lines[row.id], reason)
        return bodies

    def posts(self, path: Path, register: Register) -> dict[PostKey, PostRow]:
        posts: dict[PostKey, PostRow] = {}
        places: dict[str, int] = {}
        for _, row in self._rows(path, "posts", self._post):
            reason = _dangling(row, register, posts, self._unread)
            if reason:
                self._wrong(path, reason)
                continue
            place = places[row.person_id] = places.get(row.person_id, -1) + 1
            posts[row.key] = row.at(place)
        return posts

    def _wrong(self, path: Path, reason: Text) -> None:
        self._problems.add(path.name, self._line, reason)

    def _rows(
        self, path: Path, kind: str, make: Callable[[Map[str, str]], Row]
    ) -> Iterator[tuple[int, Row]]:
        """Read a file's good rows with their line numbers; note what is wrong with the others."""
        self._line = 0
        names = {"people": PEOPLE, "bodies": BODIES, "posts": POSTS}[kind]
        try:
            records = _records(path, lambda done, all_: self._tell(path.name, done, all_))
            self._line, header = next(records, (1, []))
            columns = self._columns(kind, names, header)
            for self._line, cells in records:
                try:
                    yield self._line, make(_cells(cells, header, columns))
                except _Wrong as wrong:
                    self._wrong(path, wrong.reason)
        except _Broken as broken:
            self._unread.add(kind)
            self._problems.add(path.name, broken.line, broken.reason)
        except _Wrong as wrong:
            self._unread.add(kind)
            self._wrong(path, wrong.reason)

    def _columns(self, kind: str, names: tuple[str, ...], header: list[str]) -> dict[str, int]:
        """Return the place of each of our columns in the file."""
        mapped: dict[str, str] = getattr(self._mapping, kind).columns
        wanted = mapped if self._mapping.foreign else {n: mapped.get(n, n) for n in names}
        for ours, theirs in wanted.items():
            if ours not in names:
                raise _Wrong(texts("the mapping names an unknown column: {name}", name=ours))
            if theirs not in header and (f"{kind}.{ours}" in NEEDED or ours in mapped):
                raise _Wrong(texts("the column {name} is missing", name=theirs))
        unknown = [name for name in header if name not in wanted.values()]
        if unknown and not self._mapping.foreign:
            raise _Wrong(texts("unknown column: {name}", name=unknown[0]))
        if len(set(header)) < len(header):
            raise _Wrong(texts("a column stands in the header twice"))
        return {ours: header.index(theirs) for ours, theirs in wanted.items() if theirs in header}

    def _id(self, value: str) -> str:
        if not _ID.fullmatch(value):
            raise _Wrong(
                texts("not an id (letters, digits, . _ -, at most 63): {value}", value=value)
            )
        return value.lower() if self._mapping.lower_case_ids else value

    def _person(self, cells: Map[str, str]) -> PersonRow:
        jid, lang = cells.get("jid", ""), cells.get("lang", "")
        if not cells["family_name"]:
            raise _Wrong(texts("the family name is missing"))
        if jid and not _JID.fullmatch(jid):
            raise _Wrong(texts("not a bare address in lower case: {value}", value=jid))
        if lang and not _LANG.fullmatch(lang):
            raise _Wrong(texts("not a language: {value}", value=lang))
        given = cells.get("given_name", "")
        return PersonRow(
            self._id(cells["id"]),
            cells.get("title", ""),
            given,
            cells["family_name"],
            jid or None,
            lang,
            _yes(cells.get("protected", "")),
        )

    def _body(self, cells: Map[str, str]) -> BodyRow:
        mapping, raw = self._mapping.bodies, cells["id"]
        id, kind = self._id(raw), cells.get("kind", "")
        parent = cells.get("parent", "") or (mapping.top if mapping.top != raw else None)
        room = _yes(cells.get("room", "")) or (
            kind in mapping.rooms and raw not in mapping.no_rooms
        )
        kind = mapping.kinds.get(kind, kind)
        if not cells["name"]:
            raise _Wrong(texts("the name is missing"))
        if not _WORD.fullmatch(kind or "body"):
            raise _Wrong(texts("not a kind (a word of small letters): {value}", value=kind))
        if room and not _ROOM_ID.fullmatch(id):
            raise _Wrong(
                texts("the id of a body with a room must be in lower case: {value}", value=id)
            )
        return BodyRow(
            id, kind or "body", cells["name"], cells.get("short_name", ""),
            self._id(parent) if parent else None, room, *_term(cells),
        )  # fmt: skip

    def _post(self, cells: Map[str, str]) -> PostRow:
        mapping, raw = self._mapping.posts, cells["title"]
        role = cells.get("role", "") or (CHAIR if raw in mapping.chairs else MEMBER)
        if not raw:
            raise _Wrong(texts("the title is missing"))
        if not re.fullmatch(ROLE, role):
            raise _Wrong(texts("not a role (chair, member or another word): {value}", value=role))
        return PostRow(
            self._id(cells["person_id"]), self._id(cells["body_id"]), mapping.titles.get(raw, raw),
            role, *_term(cells),
        )  # fmt: skip


class _Broken(Exception):
    """A file cannot be read on from a line."""

    def __init__(self, line: int, reason: Text) -> None:
        super().__init__(reason)
        self.line = line
        self.reason = reason


def _records(path: Path, tell: Callable[[int, int], None]) -> Iterator[tuple[int, list[str]]]:
    """Read records with the line on which each begins; empty lines are passed over."""
    text = _decoded(path)
    first = text.split("\n", 1)[0]
    delimiter = ";" if first.count(";") > first.count(",") else ","
    reader = csv.reader(text.splitlines(keepends=True), delimiter=delimiter, strict=True)
    line, total = 1, text.count("\n") + 1
    try:
        for record in reader:
            if record:
                yield line, record
            line = reader.line_num + 1
            if line % 1000 == 0:
                tell(line, total)
    except csv.Error as error:
        raise _Broken(line, texts("not CSV: {reason}", reason=error)) from error
    tell(total, total)


def _decoded(path: Path) -> str:
    try:
        raw = path.read_bytes()
    except OSError as error:
        raise _Broken(0, texts("cannot be read: {reason}", reason=error.strerror)) from error
    try:
        return raw.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = raw.count(b"\n", 0, error.start) + 1
        raise _Broken(line, texts("not UTF-8")) from error


def _cells(record: list[str], header: list[str], columns: Map[str, int]) -> dict[str, str]:
    if len(record) != len(header):
        raise _Wrong(texts("{n} fields instead of {wanted}", n=len(record), wanted=len(header)))
    cells = {name: unicodedata.normalize("NFC", record[at].strip()) for name, at in columns.items()}
    for name, value in cells.items():
        if _UNFIT.search(value):
            raise _Wrong(texts("a control character in {name}", name=name))
        if len(value) > LONGEST_CELL:
            raise _Wrong(texts("{name} is longer than {n} characters", name=name, n=LONGEST_CELL))
    return cells


def _yes(value: str) -> bool:
    if value.lower() not in _YES + _NO:
        raise _Wrong(texts("neither yes nor no: {value}", value=value))
    return value.lower() in _YES


def _date(value: str) -> date | None:
    if not value:
        return None
    try:
        if len(value) != 10:
            raise ValueError
        return date.fromisoformat(value)
    except ValueError:
        raise _Wrong(texts("not a date (YYYY-MM-DD): {value}", value=value)) from None


def _term(cells: Map[str, str]) -> tuple[date | None, date | None]:
    start, end = _date(cells.get("start", "")), _date(cells.get("end", ""))
    if start and end and end < start:
        raise _Wrong(texts("the end {end} is before the start {start}", start=start, end=end))
    return start, end


def _misplaced(row: BodyRow, bodies: Map[str, BodyRow]) -> Text | None:
    if row.parent is None:
        return None
    if row.parent not in bodies:
        return texts("the parent {id} is in no row", id=row.parent)
    last = bodies[lineage(bodies, row.id)[-1]]
    return texts("the bodies above {id} form a loop", id=row.id) if last.parent in bodies else None


def _dangling(
    row: PostRow, register: Register, posts: Map[PostKey, PostRow], unread: Set[str]
) -> Text | None:
    if row.person_id not in register.people and "people" not in unread:
        return texts("the person {id} is in no row", id=row.person_id)
    if row.body_id not in register.bodies and "bodies" not in unread:
        return texts("the body {id} is in no row", id=row.body_id)
    return texts("the same post stands in the file twice") if row.key in posts else None
