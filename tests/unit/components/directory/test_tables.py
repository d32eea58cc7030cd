"""The CSV files: every row is checked, every error has its line, and what is good is read."""

from __future__ import annotations

import csv
import io
from datetime import date
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.directory import BODIES, PEOPLE, POSTS, protect, write_files
from xmppgov.config import load
from xmppgov_directory.mapping import Mapping
from xmppgov_directory.model import Register
from xmppgov_directory.tables import LONGEST_CELL, MOST_SHOWN, BrokenFiles, read_register

MAPPING = Path(__file__).parents[4] / "components/xmppgov_directory/mappings/assemblee.toml"


def read(folder: Path, people: str = PEOPLE, bodies: str = BODIES, posts: str = POSTS) -> Register:
    """Read three texts as the import does."""
    files = write_files(folder, people, bodies, posts)
    return read_register(files.people, files.bodies, files.posts, Mapping())


def problems(folder: Path, **texts: str) -> list[str]:
    """Return what is wrong, in English, as `file:line: reason`."""
    with pytest.raises(BrokenFiles) as broken:
        read(folder, **texts)
    return [f"{p.file}:{p.line}: {p.reason.in_language('en')}" for p in broken.value.problems]


def test_good_files_are_read(tmp_path: Path) -> None:
    register = read(tmp_path)
    assert register.people["p2"].name == "Benoît Œuvrard"
    assert register.people["p3"].jid is None
    assert register.bodies["grp-1"].room
    assert register.bodies["closed"].end == date(2025, 12, 31)
    assert [post.position for post in register.posts.values() if post.person_id == "p1"] == [0, 1]


def test_who_is_protected_is_said_where_it_is_said(tmp_path: Path) -> None:
    assert not any(row.protected for row in read(tmp_path / "a").people.values())
    people = protect(PEOPLE, "p2")
    register = read(tmp_path / "b", people)
    assert [row.id for row in register.people.values() if row.protected] == ["p2"]
    wrong = protect(PEOPLE, "p2").replace(",yes", ",peut-être")
    assert "people.csv:3: neither yes nor no: peut-être" in problems(tmp_path / "c", people=wrong)


def test_columns_may_come_in_any_order_with_semicolons_and_a_mark(tmp_path: Path) -> None:
    people = "\ufefffamily_name;id\r\nDurand;p1\r\n\r\n"
    register = read(tmp_path, people, posts="person_id,body_id,title\np1,an,Députée\n")
    assert register.people["p1"].family_name == "Durand"


def test_a_file_that_cannot_be_read_is_one_error(tmp_path: Path) -> None:
    people = PEOPLE.replace("lang", "langue", 1)
    assert problems(tmp_path / "a", people=people) == ["people.csv:1: unknown column: langue"]
    bodies = BODIES.replace("short_name", "shortname", 1)
    assert problems(tmp_path / "b", bodies=bodies) == ["bodies.csv:1: unknown column: shortname"]


@pytest.mark.parametrize(
    ("row", "reason"),
    [
        ("p1,,A,B,,", "the id p1 stands in the file twice"),
        ("x 1,,A,B,,", "not an id (letters, digits, . _ -, at most 63): x 1"),
        ("x1,,A,,,", "the family name is missing"),
        ("x1,,A,B,alice@gov.localhost,", "the address alice@gov.localhost belongs to p1 too"),
        ("x1,,A,B,Alice@gov.localhost,", "not a bare address in lower case: Alice@gov.localhost"),
        ("x1,,A,B,a@b/c,", "not a bare address in lower case: a@b/c"),
        ("x1,,A,B,,français", "not a language: français"),
        ("x1,,A", "3 fields instead of 6"),
        ("x1,,A\x07,B,,", "a control character in given_name"),
        ("x1,,A\u202e,B,,", "a control character in given_name"),
        (f"x1,,A,{'B' * (LONGEST_CELL + 1)},,", "family_name is longer than 500 characters"),
        ('x1,,"A"b,B,,', "not CSV: ',' expected after '\"'"),
        ('x1,,"A', "not CSV: unexpected end of data"),
    ],
)
def test_a_broken_person_is_named(tmp_path: Path, row: str, reason: str) -> None:
    assert problems(tmp_path, people=PEOPLE + row + "\n") == [f"people.csv:10: {reason}"]


@pytest.mark.parametrize(
    ("row", "reason"),
    [
        ("b1,group,,,,,,", "the name is missing"),
        ("b1,Group,N,,,,,", "not a kind (a word of small letters): Group"),
        ("b1,group,N,,,perhaps,,", "neither yes nor no: perhaps"),
        ("B1,group,N,,,yes,,", "the id of a body with a room must be in lower case: B1"),
        ("b1,group,N,,none,,,", "the parent none is in no row"),
        ("b1,group,N,,b1,,,", "the bodies above b1 form a loop"),
        ("b1,group,N,,,,2026-13-01,", "not a date (YYYY-MM-DD): 2026-13-01"),
        ("b1,group,N,,,,20260101,", "not a date (YYYY-MM-DD): 20260101"),
        (
            "b1,group,N,,,,2026-01-02,2026-01-01",
            "the end 2026-01-01 is before the start 2026-01-02",
        ),
    ],
)
def test_a_broken_body_is_named(tmp_path: Path, row: str, reason: str) -> None:
    assert problems(tmp_path, bodies=BODIES + row + "\n") == [f"bodies.csv:9: {reason}"]


@pytest.mark.parametrize(
    ("row", "reason"),
    [
        ("nobody,an,T,,,", "the person nobody is in no row"),
        ("p1,none,T,,,", "the body none is in no row"),
        ("p1,an,,,,", "the title is missing"),
        ("p1,an,T,Chair!,,", "not a role (chair, member or another word): Chair!"),
        ("p3,grp-2,Président,chair,,", "the same post stands in the file twice"),
    ],
)
def test_a_broken_post_is_named(tmp_path: Path, row: str, reason: str) -> None:
    assert problems(tmp_path, posts=POSTS + row + "\n") == [f"posts.csv:12: {reason}"]


def test_all_errors_of_all_files_are_listed_up_to_a_limit(tmp_path: Path) -> None:
    found = problems(
        tmp_path, people=PEOPLE + "x y,,A,B,,\n", bodies=BODIES + "b1,g,,,,,,\n",
        posts=POSTS + "p1,an,,,,\n",
    )  # fmt: skip
    assert [line.split(":")[0] for line in found] == ["people.csv", "bodies.csv", "posts.csv"]
    with pytest.raises(BrokenFiles) as broken:
        read(tmp_path, people=PEOPLE + "bad\n" * 500)
    assert (len(broken.value.problems), broken.value.count) == (MOST_SHOWN, 500)


def test_lines_count_inside_quotes(tmp_path: Path) -> None:
    people = PEOPLE + 'x1,,"A\nB",C,,\nbad\n'
    assert [line.split(": ")[0] for line in problems(tmp_path, people=people)] == [
        "people.csv:10", "people.csv:12"
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("header", "reason"),
    [
        ("id,given_name", "people.csv:1: the column family_name is missing"),
        ("id,family_name,emial", "people.csv:1: unknown column: emial"),
        ("id,family_name,id", "people.csv:1: a column stands in the header twice"),
        ("", "people.csv:1: the column id is missing"),
    ],
)
def test_a_broken_header_is_named(tmp_path: Path, header: str, reason: str) -> None:
    assert problems(tmp_path, people=header + "\n")[0] == reason


def test_unreadable_files_are_named(tmp_path: Path) -> None:
    files = write_files(tmp_path)
    files.people.write_bytes("id,family_name\np1,Durand\np2,Hélène\n".encode("latin-1"))
    files.bodies.unlink()
    with pytest.raises(BrokenFiles) as broken:
        read_register(files.people, files.bodies, files.posts, Mapping())
    lines = [f"{p.file}:{p.line}: {p.reason.in_language('en')}" for p in broken.value.problems]
    assert lines[0] == "people.csv:3: not UTF-8"
    assert lines[1].startswith("bodies.csv:0: cannot be read: ")


def test_the_assemblys_files_are_read_by_mapping(shared_data: Path) -> None:
    register = read_register(
        *(shared_data / f"{name}.csv" for name in ("deputies", "bodies", "memberships")),
        load(Mapping, MAPPING),
    )
    rooms = [body for body in register.bodies.values() if body.room]
    assert len(rooms) == 10
    assert {body.kind for body in rooms} == {"group"}
    assert not register.bodies["po793087"].room
    assert all(body.parent == "po791932" for body in rooms)


CELL = st.text(st.characters(exclude_categories=("Cs",)), max_size=20)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(st.lists(CELL, min_size=5, max_size=7), max_size=5))
def test_any_table_is_read_or_refused_and_rows_survive(
    tmp_path: Path, rows: list[list[str]]
) -> None:
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\n")
    writer.writerows(rows)
    try:
        register = read(tmp_path, people=PEOPLE + out.getvalue())
    except BrokenFiles:
        return
    assert len(register.people) == 8 + len(rows)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.binary(max_size=200))
def test_any_bytes_are_refused_with_a_line(tmp_path: Path, raw: bytes) -> None:
    files = write_files(tmp_path)
    files.people.write_bytes(raw)
    with pytest.raises(BrokenFiles):
        read_register(files.people, files.bodies, files.posts, Mapping())
