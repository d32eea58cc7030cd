"""The elimination slip (bordereau d'élimination): what is eliminated, by whose decision, as CSV.

The CSV is the slip: its SHA-256 stands in the log's `erase` entries, and what is printed (`paper`)
or sent (`seda`) is made of it alone. It has no pseudonym, for it is kept when the records are gone.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from hashlib import sha256
from typing import NamedTuple

HEADERS = (
    "N° d'ordre",
    "Service producteur",
    "Service d'archives",
    "Autorité de contrôle",
    "Journal",
    "Intitulé",
    "Classe de conservation",
    "Mois",
    "Date la plus ancienne",
    "Date la plus récente",
    "Nombre d'enregistrements",
    "Nombre d'unités",
    "Nombre d'enregistrements gelés",
    "Durée de conservation (mois)",
    "Base légale",
    "Sort final",
    "Visa",
    "Rôles des signataires",
    "Date du bordereau",
)
FATE = "Élimination"
_CONTENTS: Mapping[str, str] = {
    "msg": "messages",
    "file": "dépôts de fichiers",
    "room": "appartenance aux salons",
    "alert": "alertes",
    "dir": "consultations de l'annuaire",
}
_MONTHS = (
    *("janvier", "février", "mars", "avril", "mai", "juin", "juillet"),
    *("août", "septembre", "octobre", "novembre", "décembre"),
)


class SlipInvalid(ValueError):
    """It is no elimination slip as this program writes it."""


class Agencies(NamedTuple):
    """Who produced the records, which archives' service keeps them, and who gives the visa."""

    originating: str
    archival: str
    control: str


class Line(NamedTuple):
    """What is eliminated of one class and month; days as `2026-11-24`, the period in months."""

    title: str
    class_: str
    month: str
    first: str
    last: str
    records: int
    units: int
    held: int
    months: int
    basis: str

    @property
    def unit(self) -> str:
        """What the archives call it: the class and the month."""
        return f"{self.class_}/{self.month}"


@dataclass(frozen=True, slots=True)
class Slip:
    """What is eliminated; `visa` and `roles` are empty in a draft, which asks for the visa."""

    agencies: Agencies
    origin: str
    visa: str
    roles: str
    day: str
    lines: tuple[Line, ...]

    def encode(self) -> bytes:
        """Return the slip as CSV: UTF-8 with its mark, semicolons, French headers."""
        text = io.StringIO(newline="")
        writer = csv.writer(text, delimiter=";", lineterminator="\r\n")
        writer.writerow(HEADERS)
        writer.writerows(self._rows())
        return text.getvalue().encode("utf-8-sig")

    @classmethod
    def parse(cls, data: bytes) -> Slip:
        """Read what `encode` writes. Raises `SlipInvalid`."""
        try:
            text = io.StringIO(data.decode("utf-8-sig"), newline="")
            slip = _read(list(csv.reader(text, delimiter=";"))[1:])
        except (ValueError, IndexError, csv.Error) as error:
            raise SlipInvalid("it is no elimination slip") from error
        if slip.encode() != data:
            raise SlipInvalid("it is no elimination slip in its one form")
        return slip

    @property
    def digest(self) -> str:
        """SHA-256 of the CSV, in hex."""
        return sha256(self.encode()).hexdigest()

    @property
    def name(self) -> str:
        """What its files are called, without their endings."""
        return f"bordereau-{self.day}-{self.digest[:16]}"

    @property
    def records(self) -> int:
        """How many records are eliminated in all."""
        return sum(line.records for line in self.lines)

    def _rows(self) -> Iterator[Sequence[object]]:
        for number, line in enumerate(self.lines, 1):
            head = (number, *self.agencies, self.origin)
            yield (*head, *line, FATE, self.visa, self.roles, self.day)


def title(families: Sequence[str], month: str) -> str:
    """Return what a line is called: what its records are of, and when."""
    contents = ", ".join(_CONTENTS.get(family, family) for family in families)
    year, of_year = month.split("-")
    return f"Métadonnées de messagerie ({contents}), {_MONTHS[int(of_year) - 1]} {year}"


def _read(rows: Sequence[Sequence[str]]) -> Slip:
    _, originating, archival, control, origin = rows[0][:5]
    *_, visa, roles, day = rows[0]
    agencies = Agencies(originating, archival, control)
    return Slip(agencies, origin, visa, roles, day, tuple(_line(row) for row in rows))


def _line(row: Sequence[str]) -> Line:
    name, class_, month, first, last = row[5:10]
    records, units, held, months = map(int, row[10:14])
    return Line(name, class_, month, first, last, records, units, held, months, row[14])
