"""People's door as XML: user search (XEP-0055) as a data form (XEP-0004) and as legacy fields.

Answers are written as strings: they are the hot path. Every reported field has a value, even an
empty one, because Gajim joins the columns of a row.
"""

from __future__ import annotations

import xml.etree.ElementTree as ET
from dataclasses import dataclass
from functools import cache
from xml.sax.saxutils import escape, quoteattr

from xmppgov.directory.model import Cut, Page
from xmppgov.directory.stanza import read_cut, write_set
from xmppgov.errors import BadRequest
from xmppgov.i18n import Texts, choose_language
from xmppgov_directory.model import Listing
from xmppgov_directory.query import FIELDS

texts = Texts("xmppgov_directory")
NAMESPACE = "jabber:iq:search"
FORM = "jabber:x:data"
QUERY = f"{{{NAMESPACE}}}query"
LEGACY_FIELDS = ("first", "last", "nick")
_FORM_TYPE = f'<field var="FORM_TYPE" type="hidden"><value>{NAMESPACE}</value></field>'
_LABELS = {
    "q": texts("Name, post or body"),
    "first": texts("Given name"),
    "last": texts("Family name"),
    "nick": texts("Name as in the address"),
    "body": texts("Body"),
    "jid": texts("Address"),
    "name": texts("Name"),
    "post": texts("Post"),
}
_REPORTED = (
    ("name", "text-single"),
    ("post", "text-single"),
    ("body", "text-single"),
    ("jid", "jid-single"),
)


@dataclass(frozen=True, slots=True)
class Search:
    """A search as it was asked: the fields by name, the part wanted, and in which of both forms."""

    fields: dict[str, str]
    cut: Cut
    legacy: bool


def read_search(xml: ET.Element) -> Search:
    """Read the `query` of a search.

    Raises:
        BadRequest: there is neither a submitted form of ours nor a legacy field.
    """
    cut = read_cut(xml)
    form = xml.find(f"{{{FORM}}}x")
    if form is not None:
        return Search(_read_form(form), cut, False)
    found = {name: xml.findtext(f"{{{NAMESPACE}}}{name}") for name in LEGACY_FIELDS}
    fields = {name: value for name, value in found.items() if value is not None}
    if not fields:
        raise BadRequest(texts("The search names no field; ask for the form first."))
    return Search(fields, cut, True)


def _read_form(form: ET.Element) -> dict[str, str]:
    if form.get("type") != "submit":
        raise BadRequest(texts("The search form must be submitted."))
    fields: dict[str, str] = {}
    for field in form.findall(f"{{{FORM}}}field"):
        values = (value.text or "" for value in field.findall(f"{{{FORM}}}value"))
        fields[field.get("var", "")] = " ".join(values)
    if fields.pop("FORM_TYPE", NAMESPACE) != NAMESPACE:
        raise BadRequest(texts("This is not a form of the directory; ask for the form first."))
    if not fields.keys() & set(FIELDS):
        raise BadRequest(texts("The search names no field; ask for the form first."))
    return fields


def write_form(language: str | None) -> str:
    """Write the empty form, with the legacy fields beside it, in the reader's language."""
    return _form(choose_language(language))


@cache
def _form(lang: str) -> str:
    title = escape(texts("Find a person").in_language(lang))
    help_ = escape(
        texts(
            "Type words of a name, a post or a body; accents, capitals and hyphens do not matter."
        ).in_language(lang)
    )
    fields = "".join(
        f'<field var="{name}" type="text-single" label={_label(name, lang)}/>' for name in FIELDS
    )
    legacy = "".join(f"<{name}/>" for name in LEGACY_FIELDS)
    return (
        f'<query xmlns="{NAMESPACE}"><instructions>{help_}</instructions>{legacy}'
        f'<x xmlns="{FORM}" type="form"><title>{title}</title><instructions>{help_}</instructions>'
        f"{_FORM_TYPE}{fields}</x></query>"
    )


def _label(name: str, lang: str) -> str:
    return quoteattr(_LABELS[name].in_language(lang))


@cache
def _result_head(lang: str) -> str:
    reported = "".join(
        f'<field var="{name}" type="{kind}" label={_label(name, lang)}/>'
        for name, kind in _REPORTED
    )
    return (
        f'<query xmlns="{NAMESPACE}"><x xmlns="{FORM}" type="result">{_FORM_TYPE}'
        f"<reported>{reported}</reported>"
    )


def write_results(page: Page[Listing], language: str | None, *, legacy: bool = False) -> str:
    """Write the people found, in the form in which they were asked for."""
    if legacy:
        items = "".join(_legacy_item(listing) for listing in page.items)
        return f'<query xmlns="{NAMESPACE}">{items}{write_set(page)}</query>'
    items = "".join(_item(listing) for listing in page.items)
    return f"{_result_head(choose_language(language))}{items}</x>{write_set(page)}</query>"


def _item(listing: Listing) -> str:
    return (
        f'<item><field var="name"><value>{escape(listing.name)}</value></field>'
        f'<field var="post"><value>{escape(listing.post)}</value></field>'
        f'<field var="body"><value>{escape(listing.body)}</value></field>'
        f'<field var="jid"><value>{escape(listing.jid)}</value></field></item>'
    )


def _legacy_item(listing: Listing) -> str:
    return (
        f"<item jid={quoteattr(listing.jid)}><first>{escape(listing.first)}</first>"
        f"<last>{escape(listing.last)}</last><nick>{escape(listing.name)}</nick></item>"
    )
