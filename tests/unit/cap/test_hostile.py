"""Documents that mean harm, or are none: refused or read properly, soon and within memory."""

from __future__ import annotations

import codecs
import re
import tracemalloc
from pathlib import Path

import pytest
import xmlschema
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.unit.cap.alerts import DOCUMENT, NAMESPACE
from xmppgov.cap.errors import (
    CapError,
    DeclarationForbidden,
    InvalidAlert,
    NotCap,
    NotXml,
    TooLarge,
)
from xmppgov.cap.reading import read
from xmppgov.cap.tree import DEEPEST, LARGEST, MOST_ELEMENTS
from xmppgov.cap.writing import write

BARE = DOCUMENT.partition("\n")[2]
HEAD = f'<alert xmlns="{NAMESPACE}">'
ALERT = read(DOCUMENT.encode()).alert
CANARY = "CANARY-7F3K"
MOST_MEMORY = 96 * LARGEST
LAUGHS = "".join(f'<!ENTITY l{n} "{f"&l{n - 1};" * 10}">' for n in range(1, 10))


def with_doctype(doctype: str, text: str = "x") -> bytes:
    return f"{doctype}{BARE.replace('Crue', text)}".encode()


DOCTYPES = {
    "billion laughs": with_doctype(f'<!DOCTYPE alert [<!ENTITY l0 "ha">{LAUGHS}]>', "&l9;"),
    "quadratic blow-up": with_doctype(
        f'<!DOCTYPE alert [<!ENTITY a "{"a" * 50_000}">]>', "&a;" * 50_000
    ),
    "external entity": with_doctype(
        '<!DOCTYPE alert [<!ENTITY x SYSTEM "file:///etc/passwd">]>', "&x;"
    ),
    "external dtd": with_doctype('<!DOCTYPE alert SYSTEM "http://127.0.0.1:9/a.dtd">'),
    "public dtd": with_doctype('<!DOCTYPE alert PUBLIC "-//A//B" "http://127.0.0.1:9/a.dtd">'),
    "parameter entity": with_doctype(
        '<!DOCTYPE alert [<!ENTITY % p SYSTEM "http://127.0.0.1:9/p">%p;]>'
    ),
    "default attribute": with_doctype('<!DOCTYPE alert [<!ATTLIST event a CDATA "b">]>'),
    "bare": with_doctype("<!DOCTYPE alert>"),
}
LARGE = {
    "one byte too many": (DOCUMENT + " " * (LARGEST + 1 - len(DOCUMENT.encode()))).encode(),
    "huge attribute": f'<alert xmlns="{NAMESPACE}" a="{"a" * (LARGEST - 500)}"/>'.encode(),
    "many attributes": "<alert {}/>".format(" ".join(f"a{n}=''" for n in range(90_000))).encode(),
    "many namespaces": "<alert {}/>".format(
        " ".join(f"xmlns:a{n}='u'" for n in range(40_000))
    ).encode(),
    "deep": (HEAD + "<info>" * 100_000).encode(),
    "deep in a signature": (HEAD + '<S xmlns="http://www.w3.org/2000/09/xmldsig#">' * 21).encode(),
    "many elements": (HEAD + "<code/>" * (MOST_ELEMENTS + 1)).encode(),
    "much in a signature": (
        HEAD + '<S xmlns="http://www.w3.org/2000/09/xmldsig#">' + "<a/>" * (MOST_ELEMENTS + 1)
    ).encode(),
}


@pytest.mark.parametrize("name", DOCTYPES)
def test_no_declaration_is_looked_into(name: str) -> None:
    with pytest.raises(DeclarationForbidden):
        read(DOCTYPES[name])


@pytest.mark.timeout(30)
@pytest.mark.parametrize("name", LARGE)
def test_what_is_too_large_costs_little(name: str) -> None:
    tracemalloc.start()
    try:
        with pytest.raises((TooLarge, NotCap, InvalidAlert)):
            read(LARGE[name])
        assert tracemalloc.get_traced_memory()[1] < MOST_MEMORY
    finally:
        tracemalloc.stop()


def test_what_is_as_large_as_allowed_is_read() -> None:
    assert read((DOCUMENT + " " * (LARGEST - len(DOCUMENT.encode()))).encode()).alert == ALERT
    depth = f'<S xmlns="http://www.w3.org/2000/09/xmldsig#">{"<a>" * (DEEPEST - 2)}'
    signature = f"{depth}{'</a>' * (DEEPEST - 2)}</S></alert>"
    assert read(DOCUMENT.replace("</alert>", signature).encode()).alert == ALERT


@pytest.mark.timeout(30)
def test_a_thousand_problems_are_twenty() -> None:
    codes = "<polygon>CANARY</polygon>" * 10_000
    with pytest.raises(InvalidAlert) as refused:
        read(DOCUMENT.replace("<circle>", f"{codes}<circle>").encode())
    assert len(refused.value.problems) == 20


def declared(encoding: str, text: str = BARE) -> str:
    return f'<?xml version="1.0" encoding="{encoding}"?>\n{text}'


ENCODED = {
    "no declaration": BARE.encode(),
    "mark of UTF-8": codecs.BOM_UTF8 + DOCUMENT.encode(),
    "UTF-16 with its mark": declared("UTF-16").encode("utf-16"),
    "UTF-16 big end": codecs.BOM_UTF16_BE + declared("UTF-16").encode("utf-16-be"),
    "UTF-16 by its name": declared("utf-16le").encode("utf-16-le"),
    "UTF-16 not declared": BARE.encode("utf-16"),
    "Latin 1": declared("iso-8859-1").encode("latin-1"),
    "Latin 9": declared("ISO-8859-15").encode("iso-8859-15"),
    "Windows": declared("Windows-1252").encode("cp1252"),
}
WRONGLY_ENCODED = {
    "nothing": b"",
    "spaces": b" \n",
    "no XML": b"La Seine deborde",
    "a NUL inside": DOCUMENT.replace("Crue", "Cr\0ue").encode(),
    "a NUL as a reference": DOCUMENT.replace("Crue", "Cr&#0;ue").encode(),
    "an escape": DOCUMENT.replace("Crue", "Cr\x1bue").encode(),
    "NULs": bytes(1000),
    "UTF-8 that is Latin 1": DOCUMENT.encode("latin-1"),
    "an overlong form": DOCUMENT.encode().replace(b"Crue", b"Cr\xc0\xbcue"),
    "a surrogate": DOCUMENT.encode().replace(b"Crue", b"Cr\xed\xa0\x80ue"),
    "UTF-16 that is UTF-8": declared("UTF-16").encode(),
    "UTF-8 that is UTF-16": DOCUMENT.encode("utf-16"),
    "half a UTF-16 character": declared("UTF-16").encode("utf-16")[:-1],
    "UTF-32": declared("UTF-32").encode("utf-32"),
    "ASCII that is UTF-8": declared("US-ASCII").encode(),
    "a codec of Python": declared("unicode_escape").encode("ascii", "replace"),
    "UTF-7": declared("UTF-7").encode("utf-7"),
    "EBCDIC": declared("cp037").encode("cp037"),
    "an encoding that is none": declared("CANARY").encode(),
    "the end is missing": DOCUMENT.encode()[:-10],
    "two roots": (DOCUMENT + BARE).encode(),
    "an entity": DOCUMENT.replace("Crue", "&nbsp;").encode(),
    "a prefix that is not bound": DOCUMENT.replace("<info>", "<x:info>").encode(),
}


@pytest.mark.parametrize("name", ENCODED)
def test_every_encoding_says_the_same(name: str) -> None:
    assert read(ENCODED[name]).alert == ALERT


@pytest.mark.parametrize("name", WRONGLY_ENCODED)
def test_what_is_not_well_formed_is_refused(name: str) -> None:
    with pytest.raises(NotXml):
        read(WRONGLY_ENCODED[name])


@pytest.mark.parametrize(
    "root",
    [
        "<alert/>",
        '<alert xmlns="http://www.incident.com/cap/1.0"/>',
        f'<info xmlns="{NAMESPACE}"/>',
        '<Signature xmlns="http://www.w3.org/2000/09/xmldsig#"/>',
        f'<alert xmlns="{NAMESPACE}/"/>',
    ],
)
def test_what_is_no_alert_is_refused(root: str) -> None:
    with pytest.raises(NotCap):
        read(root.encode())


def test_any_prefix_is_read() -> None:
    prefixed = (
        BARE.replace("<", "<cäp:").replace("<cäp:/", "</cäp:").replace("xmlns=", "xmlns:cäp=")
    )
    assert read(prefixed.encode()).alert == ALERT


def test_comments_instructions_and_sections_are_no_content() -> None:
    odd = BARE.replace("Crue", "<!--<x>-->Cr<?x y?><![CDATA[ue]]>").replace(
        "<info>", "<!--a--><info>"
    )
    assert read(odd.encode()).alert == ALERT


@pytest.mark.parametrize(
    "place",
    ["7F3K", "Exercise", "Crue", "48.8,2.3 ", "fr", "2026-11-24T18:00:00", "48.85,2.35 1.5"],
)
def test_a_refusal_quotes_nothing(place: str) -> None:
    for text in (f"{CANARY},{CANARY * 100} <", f"</{CANARY}", f"<{CANARY} {CANARY}='1'/>"):
        with pytest.raises(CapError) as refused:
            read(DOCUMENT.replace(place, text, 1).encode())
        for language in ("fr", "en"):
            assert CANARY not in refused.value.text.in_language(language).replace(
                f"element {CANARY}", ""
            ).replace(f"élément {CANARY}", "")
        assert refused.value.__cause__ is None
        assert refused.value.__suppress_context__ or refused.value.__context__ is None


def test_a_long_name_is_cut() -> None:
    with pytest.raises(InvalidAlert) as refused:
        read(DOCUMENT.replace("<info>", f"<{'a' * 5000}/><info>").encode())
    assert len(str(refused.value)) < 150


pieces = st.sampled_from(
    [
        "8", "<note>n</note>", "<geocode/>", "<resource/>", "<size> 1 </size>", "<circle/>",
        "<info>", "</info>", "<code/>", "<code>x</code>", "<area>", "</area>", " ", "x", "&amp;",
        "&#13;", "<!--x-->", "<references> </references>", "<altitude>1</altitude>",
        "<ceiling>.5</ceiling>", "<language/>", "<event> </event>", " a='b'", "Alert", "Cancel",
        "Private", "+", "-", "0", "<x:Signature xmlns:x='http://www.w3.org/2000/09/xmldsig#'/>",
        "<web>//[</web>", "<expires>2026-11-24T24:00:00-00:00</expires>", "\n\u0085\u00a0",
        "\u202e",
    ]
)  # fmt: skip


@st.composite
def damaged(draw: st.DrawFn, document: str) -> str:
    """Return a document with a few of its tags and texts left out, moved or replaced."""
    parts = re.split("(<[^>]*>)", document)
    for _ in range(draw(st.integers(1, 3))):
        place = draw(st.integers(0, len(parts) - 1))
        moved = parts[place : place + draw(st.sampled_from([0, 1, 3, 4]))]
        new = draw(st.just("") | pieces) if draw(st.booleans()) else "".join(moved)
        parts[place : place + draw(st.sampled_from([0, 0, len(moved)]))] = [new]
    return "".join(parts)


def as_cap_1_2(document: str) -> str:
    return document.replace("emergency:cap:1.1", "emergency:cap:1.2")


@settings(max_examples=300, deadline=None)
@given(data=st.data())
def test_what_is_damaged_is_refused_or_valid(
    samples: Path, schema: xmlschema.XMLSchema, data: st.DataObject
) -> None:
    names = ["weather", "earthquake", "canada_errors", "no_optional_fields", "invalid"]
    sample = (samples / f"{data.draw(st.sampled_from(names))}.cap").read_text("utf-8")
    document = data.draw(damaged(data.draw(st.sampled_from([DOCUMENT, sample]))))
    try:
        received = read(document.encode())
    except CapError:
        return
    assert read(write(received.alert)).alert == received.alert
    schema.validate(as_cap_1_2(document))


@settings(max_examples=300, deadline=None)
@given(st.binary(max_size=200) | st.text(max_size=100).map(str.encode))
def test_other_bytes_are_refused(data: bytes) -> None:
    for document in (data, HEAD.encode() + data, HEAD.encode() + data + b"</alert>"):
        with pytest.raises(CapError):
            read(document)
