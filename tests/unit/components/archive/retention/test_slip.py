"""The elimination slip: one form, read back, on paper and as messages of SEDA 2.2."""

from __future__ import annotations

import os
from html.parser import HTMLParser
from pathlib import Path

import pytest
import xmlschema
from defusedxml.ElementTree import fromstring
from hypothesis import given
from hypothesis import strategies as st

from xmppgov_archive.retention import paper, seda
from xmppgov_archive.retention.folder import SlipFolder
from xmppgov_archive.retention.slip import HEADERS, Agencies, Line, Slip, SlipInvalid, title

PROTOCOL = Path(__file__).parents[5] / "docs" / "protocol"
LINE = Line(
    title=title(("msg", "file"), "2025-10"),
    class_="messages",
    month="2025-10",
    first="2025-10-01",
    last="2025-10-31",
    records=48211,
    units=31,
    held=12,
    months=6,
    basis="public-task",
)
OTHER = Line(
    title=title(("room", "alert", "dir"), "2023-04"),
    class_="governance",
    month="2023-04",
    first="2023-04-03",
    last="2023-04-28",
    records=1204,
    units=4,
    held=0,
    months=36,
    basis="public-task",
)
SLIP = Slip(
    Agencies("FR-AN", "FR-AN-archives", "FR-AD75"),
    "archive.gov.example/2026",
    "AD75/2026/114",
    "archivist dpo",
    "2026-05-04",
    (LINE, OTHER),
)
text = st.text(st.characters(blacklist_categories=("Cs", "Cc")), max_size=20)
lines = st.builds(
    Line,
    *(text,) * 5,
    *(st.integers(0, 2**53),) * 4,
    text,
)


@given(st.builds(Slip, st.builds(Agencies, text, text, text), *(text,) * 4, st.tuples(lines)))
def test_what_is_written_is_read(slip: Slip) -> None:
    assert Slip.parse(slip.encode()) == slip
    assert Slip.parse(slip.encode()).digest == slip.digest


@given(st.binary(max_size=200) | st.text(max_size=200).map(str.encode))
def test_what_is_read_has_one_form(data: bytes) -> None:
    try:
        slip = Slip.parse(data)
    except SlipInvalid:
        return
    assert slip.encode() == data


def test_other_forms_are_refused() -> None:
    data = SLIP.encode()
    for wrong in (
        b"",
        data[3:],
        data.replace(b"\r\n", b"\n"),
        data.replace(b";", b","),
        data.replace(b"48211", b"x"),
        data.replace("Élimination".encode(), b"Tri"),
        data + b"\r\n",
        data.replace(b"48211", b"048211"),
        data.split(b"\r\n")[0] + b"\r\n",
    ):
        with pytest.raises(SlipInvalid):
            Slip.parse(wrong)


def test_the_slip_is_for_people_who_open_it_in_a_spreadsheet() -> None:
    first, second, *_ = SLIP.encode().decode("utf-8-sig").split("\r\n")
    assert first == ";".join(HEADERS)
    assert second.startswith("1;FR-AN;FR-AN-archives;FR-AD75;archive.gov.example/2026;Métadonnées")
    assert ";48211;31;12;6;public-task;Élimination;AD75/2026/114;archivist dpo;" in second
    assert SLIP.encode().startswith(b"\xef\xbb\xbf")


def test_the_page_s_example_is_this_program_s(tmp_path: Path) -> None:
    example = (PROTOCOL / "elimination-slip.csv").read_bytes()
    assert Slip.parse(example) == SLIP
    folder = SlipFolder(tmp_path)
    folder.write(SLIP)
    folder.notify(SLIP.encode())
    written = {file.suffix: file for file in tmp_path.iterdir()}
    assert set(written) == {".csv", ".html", ".xml"}
    assert written[".csv"].read_bytes() == example
    assert written[".xml"].read_bytes() == (PROTOCOL / "elimination-notice.xml").read_bytes()
    assert {file.stem for file in written.values()} == {SLIP.name}
    assert f"`{SLIP.digest}`" in (PROTOCOL / "retention.md").read_text()


def test_a_draft_asks_for_the_visa(tmp_path: Path) -> None:
    draft = Slip(SLIP.agencies, SLIP.origin, "", "", SLIP.day, SLIP.lines)
    files = SlipFolder(tmp_path).draft(draft)
    assert {file.suffix for file in files} == {".csv", ".html", ".xml"}
    assert b"AuthorizationControlAuthorityRequest" in files[2].read_bytes()
    assert "Demande d'élimination" in files[1].read_text("utf-8")
    SlipFolder(tmp_path).discard(draft)
    assert not files[0].exists()


class Cells(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.texts: list[str] = []

    def handle_data(self, data: str) -> None:
        self.texts.append(data)


@given(text)
def test_the_page_shows_whatever_the_slip_says_and_runs_nothing(anything: str) -> None:
    nasty = f"<script>{anything}&amp;"
    slip = Slip(SLIP.agencies._replace(control=nasty), nasty, nasty, "", "d", (LINE,))
    page = paper.page(slip).decode()
    assert "<script" not in page
    cells = Cells()
    cells.feed(page)
    assert nasty in cells.texts
    assert slip.digest in cells.texts
    assert "48211" in cells.texts


def test_the_messages_say_what_the_slip_says() -> None:
    space = {"s": seda.NAMESPACE}
    notice = fromstring(seda.notice(SLIP))
    assert notice.findtext("s:AuthorizationRequestReplyIdentifier", None, space) == SLIP.visa
    units = [e.text for e in notice.findall("s:UnitIdentifier", space)]
    assert units == ["messages/2025-10", "governance/2023-04"]
    assert SLIP.digest in (notice.findtext("s:Comment", None, space) or "")
    starts = [e.text for e in notice.iterfind(".//s:StartDate", space)]
    assert starts == ["2025-10-01", "2023-04-03"]
    request = fromstring(seda.request(SLIP))
    asked = request.find("s:AuthorizationRequestContent", space)
    assert asked is not None
    assert [e.text for e in asked.findall("s:UnitIdentifier", space)] == units
    assert request.findtext("s:ControlAuthority/s:Identifier", None, space) == "FR-AD75"


def test_the_messages_are_valid_seda() -> None:
    """The schemas of https://github.com/culturecommunication/seda, branch seda-2.2."""
    folder = os.environ.get("XMPPGOV_SEDA_XSD")
    if not folder:
        pytest.skip("no schema of SEDA 2.2; set XMPPGOV_SEDA_XSD to its folder")
    schema = xmlschema.XMLSchema(f"{folder}/seda-2.2-main.xsd", allow="local")
    for message in (seda.notice(SLIP), seda.request(SLIP)):
        schema.validate(message.decode())
        broken = message.decode().replace("StartDate", "Startdate")
        assert not schema.is_valid(broken)
