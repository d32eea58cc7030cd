"""The 13 samples of google/cap-library: each is read, or refused for the right reason."""

from __future__ import annotations

from pathlib import Path

import pytest
import xmlschema

from tests.unit.cap.meaning import meaning
from xmppgov.cap.errors import CapError, DeclarationForbidden, InvalidAlert
from xmppgov.cap.reading import read
from xmppgov.cap.writing import write

READ = {
    "australia": ("1.2", "absent"),
    "canada": ("1.2", "absent"),
    "canada_signed": ("1.2", "unchecked"),
    "earthquake": ("1.1", "absent"),
    "earthquake-iso8859-1": ("1.2", "unchecked"),
    "earthquake_signed": ("1.1", "unchecked"),
    "wcatwc-warning": ("1.2", "absent"),
    "weather": ("1.1", "absent"),
}
REFUSED: dict[str, tuple[type[CapError], list[tuple[str, str]]]] = {
    "canada_errors": (InvalidAlert, [("references", "references-needed")]),
    "invalid": (InvalidAlert, [("scope", "required")]),
    "no_optional_fields": (InvalidAlert, [("info", "nothing-to-show")]),
    "noaa_errors": (
        InvalidAlert,
        [
            ("info[1]/urgency", "word"),
            ("info[1]/severity", "word"),
            ("info[1]/certainty", "word"),
            ("info[1]/area[1]/polygon[1]", "polygon"),
        ],
    ),
    "xee": (DeclarationForbidden, [("", "doctype")]),
}


def test_every_sample_is_named(samples: Path) -> None:
    assert {path.stem for path in samples.glob("*.cap")} == {*READ, *REFUSED}


@pytest.mark.parametrize("name", READ)
def test_a_good_sample_is_read_and_written_in_the_same_meaning(
    name: str, samples: Path, schema: xmlschema.XMLSchema
) -> None:
    document = (samples / f"{name}.cap").read_bytes()
    received = read(document)
    assert (received.version, received.signature.value) == READ[name]
    written = write(received.alert)
    assert meaning(written) == meaning(document)
    assert read(written).alert == received.alert
    schema.validate(written.decode())


@pytest.mark.parametrize("name", REFUSED)
def test_a_bad_sample_is_refused_for_the_right_reason(name: str, samples: Path) -> None:
    kind, reasons = REFUSED[name]
    with pytest.raises(kind) as refused:
        read((samples / f"{name}.cap").read_bytes())
    assert [(p.element, p.rule) for p in refused.value.problems] == reasons


def test_bytes_are_read_in_the_encoding_that_they_name(samples: Path) -> None:
    alert = read((samples / "earthquake-iso8859-1.cap").read_bytes()).alert
    assert "Usulután" in (alert.infos[0].headline or "")
