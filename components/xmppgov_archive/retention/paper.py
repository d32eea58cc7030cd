"""An elimination slip as a page to print and to sign: HTML, in French, for the archives' file."""

from __future__ import annotations

from collections.abc import Iterable
from html import escape

from xmppgov_archive.retention.slip import Line, Slip

_STYLE = """
@page { size: A4 landscape; margin: 15mm }
body { font: 10pt sans-serif }
table { border-collapse: collapse; margin-bottom: 1em }
th, td { border: 1px solid #555; padding: 3pt 6pt; text-align: left; vertical-align: top }
td.number { text-align: right }
code { word-break: break-all }
.signatures { display: flex; gap: 2em; margin-top: 2em }
.signatures div { flex: 1; border: 1px solid #555; min-height: 7em; padding: 6pt }
"""
_HEADERS = (
    "N°",
    "Intitulé",
    "Classe, mois",
    "Dates extrêmes",
    "Enregistrements",
    "Unités",
    "Gelés, conservés",
    "Durée (mois)",
    "Base légale",
    "Observations des archives",
)
_PAGE = """<!DOCTYPE html>
<html lang="fr">
<head><meta charset="utf-8"><title>{heading} {name}</title><style>{style}</style></head>
<body>
<h1>{heading}</h1>
<p>Code du patrimoine, articles L. 212-2, L. 214-3 et R. 212-14. Sort final : élimination.</p>
<table>{facts}</table>
<table><thead><tr>{headers}</tr></thead><tbody>{lines}</tbody></table>
<p>Total : {total} enregistrements.</p>
<p>Empreinte SHA-256 du bordereau (CSV) : <code>{digest}</code></p>
<div class="signatures"><div>Service producteur : nom, date, signature</div>
<div>Autorité de contrôle, visa : nom, date, signature</div></div>
</body></html>
"""


def page(slip: Slip) -> bytes:
    """Return the page; a draft says that it asks for the visa."""
    facts = (
        ("Service producteur", slip.agencies.originating),
        ("Service d'archives", slip.agencies.archival),
        ("Autorité de contrôle", slip.agencies.control),
        ("Journal", slip.origin),
        ("Date du bordereau", slip.day),
        ("Visa", slip.visa or "demandé par le présent bordereau"),
        ("Rôles des signataires", slip.roles or "à venir"),
    )
    text = _PAGE.format(
        heading="Bordereau d'élimination" if slip.visa else "Demande d'élimination",
        name=slip.name,
        style=_STYLE,
        facts="".join(f"<tr><th>{escape(a)}</th><td>{escape(b)}</td></tr>" for a, b in facts),
        headers="".join(f"<th>{escape(header)}</th>" for header in _HEADERS),
        lines="".join(_line(number, line) for number, line in enumerate(slip.lines, 1)),
        total=slip.records,
        digest=slip.digest,
    )
    return text.encode()


def _line(number: int, line: Line) -> str:
    texts = (line.title, f"{line.class_}, {line.month}", f"{line.first} – {line.last}")
    numbers = (line.records, line.units, line.held, line.months)
    cells = (_numbers([number]), _texts(texts), _numbers(numbers), _texts((line.basis, "")))
    return f"<tr>{''.join(cells)}</tr>"


def _numbers(numbers: Iterable[int]) -> str:
    return "".join(f'<td class="number">{number}</td>' for number in numbers)


def _texts(texts: Iterable[str]) -> str:
    return "".join(f"<td>{escape(text)}</td>" for text in texts)
