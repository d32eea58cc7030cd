"""Commands and forms as XML: XEP-0050 and XEP-0004, both ways."""

from __future__ import annotations

import xml.etree.ElementTree as ET
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from xmppgov.adhoc.model import (
    LONGEST_VALUE,
    MOST_VALUES,
    Done,
    Field,
    Form,
    Table,
    Values,
)
from xmppgov.errors import BadRequest, Detail
from xmppgov.i18n import Text, Texts

texts = Texts("xmppgov")
COMMANDS = "http://jabber.org/protocol/commands"
DATA = "jabber:x:data"
COMMAND = f"{{{COMMANDS}}}command"
_X, _FIELD, _VALUE = (f"{{{DATA}}}{name}" for name in ("x", "field", "value"))
_ITEM, _REPORTED = (f"{{{DATA}}}{name}" for name in ("item", "reported"))
ACTIONS = ("execute", "next", "prev", "complete", "cancel")
Action = Literal["execute", "next", "prev", "complete", "cancel"]
Status = Literal["executing", "completed", "canceled"]


@dataclass(frozen=True, slots=True)
class Step:
    """What a client asks: which command, in which session, what to do, with what."""

    node: str
    session: str
    action: str
    values: Values


@dataclass(frozen=True, slots=True)
class Reply:
    """What a service answers, as a client reads it: rows by column name, values by field name.

    `labels` are what fields are called to people.
    """

    session: str
    status: str
    note: str
    error: bool
    fields: dict[str, list[str]]
    columns: list[str]
    rows: list[dict[str, str]]
    labels: dict[str, str]


def refused(condition: str) -> Detail:
    """Return a condition of XEP-0050 §4.4 beside a stanza error."""
    return Detail(COMMANDS, condition)


def parse_step(element: ET.Element) -> Step:
    """Read a client's `<command/>`.

    Raises:
        BadRequest: it is malformed, with the condition of XEP-0050.
    """
    action = element.get("action", "execute")
    if action not in ACTIONS:
        raise BadRequest(_malformed(), refused("malformed-action"))
    form = element.find(_X)
    if form is None or action in ("cancel", "prev"):
        return Step(element.get("node", ""), element.get("sessionid", ""), action, {})
    if form.get("type") == "cancel":
        return Step(element.get("node", ""), element.get("sessionid", ""), "cancel", {})
    return Step(element.get("node", ""), element.get("sessionid", ""), action, _values(form))


def write_step(step: Step) -> ET.Element:
    """Write what a client asks; the inverse of `parse_step`."""
    command = ET.Element(COMMAND, node=step.node, action=step.action)
    if step.session:
        command.set("sessionid", step.session)
    if step.values:
        form = ET.SubElement(command, _X, type="submit")
        for name, values in step.values.items():
            _with_values(ET.SubElement(form, _FIELD, var=name), values)
    return command


def write_page(
    node: str,
    session: str,
    page: Form | Done,
    language: str | None,
    *,
    first: bool = True,
    error: Text | None = None,
) -> ET.Element:
    """Write a page; `first` has none before it, `error` says why it is shown again."""
    status: Status = "completed" if isinstance(page, Done) else "executing"
    command = _command(node, session, status)
    if isinstance(page, Form):
        _actions(command, page, first)
        if error is not None:
            _note(command, error.in_language(language), "error")
        command.append(_form(page, "form", language))
        return command
    _note(command, page.note.in_language(language), "info")
    if page.table is not None:
        command.append(_table(page.table, language))
    elif page.form is not None:
        command.append(_form(page.form, "result", language))
    return command


def write_cancelled(node: str, session: str) -> ET.Element:
    """Write that a command was given up."""
    return _command(node, session, "canceled")


def parse_reply(element: ET.Element) -> Reply:
    """Read a service's answer. Raises `BadRequest` where it is none."""
    if element.tag != COMMAND:
        raise BadRequest(_malformed())
    note = element.find(f"{{{COMMANDS}}}note")
    form = element.find(_X)
    fields = {} if form is None else {k: list(v) for k, v in _values(form).items()}
    columns, rows = ([], []) if form is None else _rows(form)
    return Reply(
        element.get("sessionid", ""),
        element.get("status", ""),
        "" if note is None else (note.text or ""),
        note is not None and note.get("type") == "error",
        fields,
        columns,
        rows,
        {} if form is None else _labels(form),
    )


def _command(node: str, session: str, status: Status) -> ET.Element:
    return ET.Element(COMMAND, node=node, sessionid=session, status=status)


def _actions(command: ET.Element, form: Form, first: bool) -> None:
    forward = "complete" if form.last else "next"
    actions = ET.SubElement(command, f"{{{COMMANDS}}}actions", execute=forward)
    if not first:
        ET.SubElement(actions, f"{{{COMMANDS}}}prev")
    ET.SubElement(actions, f"{{{COMMANDS}}}{forward}")


def _note(command: ET.Element, text: str, kind: str) -> None:
    ET.SubElement(command, f"{{{COMMANDS}}}note", type=kind).text = text


def _form(form: Form, kind: str, language: str | None) -> ET.Element:
    x = ET.Element(_X, type=kind)
    ET.SubElement(x, f"{{{DATA}}}title").text = form.title.in_language(language)
    if form.instructions is not None:
        text = form.instructions.in_language(language)
        ET.SubElement(x, f"{{{DATA}}}instructions").text = text
    for field in form.fields:
        x.append(_field(field, language))
    return x


def _field(field: Field, language: str | None) -> ET.Element:
    element = ET.Element(_FIELD, var=field.name, type=field.type)
    element.set("label", _said(field.label, language))
    if field.hint is not None:
        ET.SubElement(element, f"{{{DATA}}}desc").text = field.hint.in_language(language)
    if field.required:
        ET.SubElement(element, f"{{{DATA}}}required")
    _with_values(element, [_said(value, language) for value in field.value])
    for option in field.options:
        label = _said(option.label, language)
        _with_values(ET.SubElement(element, f"{{{DATA}}}option", label=label), [option.value])
    return element


def _table(table: Table, language: str | None) -> ET.Element:
    x = ET.Element(_X, type="result")
    if table.title is not None:
        ET.SubElement(x, f"{{{DATA}}}title").text = table.title.in_language(language)
    reported = ET.SubElement(x, _REPORTED)
    for name, title in table.columns:
        ET.SubElement(reported, _FIELD, var=name, type="text-single", label=_said(title, language))
    for row in table.rows:
        item = ET.SubElement(x, _ITEM)
        for (name, _), value in zip(table.columns, row, strict=True):
            _with_values(ET.SubElement(item, _FIELD, var=name), [value])
    return x


def _said(text: Text | str, language: str | None) -> str:
    return text.in_language(language) if isinstance(text, Text) else text


def _with_values(element: ET.Element, values: Sequence[str]) -> None:
    for value in values:
        ET.SubElement(element, _VALUE).text = value


def _values(form: ET.Element) -> dict[str, list[str]]:
    """Return the values of a form's own fields. Raises `BadRequest` where there are too many."""
    found: dict[str, list[str]] = {}
    count = 0
    for field in form.findall(_FIELD):
        values = [value.text or "" for value in field.findall(_VALUE)]
        count += len(values)
        if count > MOST_VALUES or any(len(value) > LONGEST_VALUE for value in values):
            raise BadRequest(_malformed(), refused("bad-payload"))
        if name := field.get("var"):
            found[name] = values
    return found


def _labels(form: ET.Element) -> dict[str, str]:
    fields = form.findall(_FIELD)
    return {field.get("var", ""): field.get("label", "") for field in fields}


def _rows(form: ET.Element) -> tuple[list[str], list[dict[str, str]]]:
    reported = form.find(_REPORTED)
    columns = [f.get("var", "") for f in reported] if reported is not None else []
    rows = [
        {name: "".join(values) for name, values in _values(item).items()}
        for item in form.findall(_ITEM)
    ]
    return columns, rows


def _malformed() -> Text:
    return texts("The command cannot be understood.")
