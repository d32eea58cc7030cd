"""Commands and forms as XML: what is written is read, and what is malformed is said."""

from __future__ import annotations

import xml.etree.ElementTree as ET

import pytest
from hypothesis import given
from hypothesis import strategies as st

from xmppgov.adhoc.model import Done, Field, Form, Option, Table, needed, one
from xmppgov.adhoc.stanza import (
    ACTIONS,
    COMMANDS,
    DATA,
    Step,
    parse_reply,
    parse_step,
    write_page,
    write_step,
)
from xmppgov.errors import BadRequest
from xmppgov.i18n import Text

words = st.text(st.characters(codec="utf-8", exclude_categories=["Cc", "Cs"]), max_size=20)
names = words.filter(bool)
values = st.dictionaries(names, st.lists(words, max_size=3), max_size=4)


def said(text: str) -> Text:
    return Text("xmppgov", text)


@given(words, words, st.sampled_from(ACTIONS), values)
def test_a_step_is_read_as_it_was_written(node: str, id: str, action: str, given: dict) -> None:
    if action in ("cancel", "prev"):
        given = {}
    step = Step(node, id, action, given)
    assert parse_step(ET.fromstring(ET.tostring(write_step(step)))) == step


@given(st.lists(st.tuples(words, words), max_size=5))
def test_a_table_is_read_as_it_was_written(rows: list[tuple[str, str]]) -> None:
    table = Table([("a", said("A")), ("b", "B")], rows, said("title"))
    page = write_page("n", "s", Done(said("done"), table), "en")
    reply = parse_reply(ET.fromstring(ET.tostring(page)))
    assert (reply.status, reply.note, reply.error) == ("completed", "done", False)
    assert reply.columns == ["a", "b"]
    assert [(row["a"], row["b"]) for row in reply.rows] == rows


def test_a_form_says_what_it_wants_in_the_reader_s_language() -> None:
    field = Field("x", said("The connection was lost."), "list-single", ("1",), required=True)
    option = Option("1", said("The connection was lost."))
    form = Form(said("t"), [field, Field("y", "Y", "list-single", (), options=[option])])
    for language, label in (
        ("fr", "La connexion a été perdue."),
        ("en", said(field.label.message)),
    ):
        xml = ET.tostring(write_page("n", "s", form, language), "unicode")
        assert str(label if isinstance(label, str) else label.message) in xml
    reply = parse_reply(write_page("n", "s", form, None, error=said("wrong")))
    assert (reply.error, reply.note, reply.fields["x"]) == (True, "wrong", ["1"])


@pytest.mark.parametrize(
    "xml",
    [
        f"<command xmlns='{COMMANDS}' node='n' action='fly'/>",
        f"<command xmlns='{COMMANDS}' node='n'><x xmlns='{DATA}' type='submit'><field var='a'>"
        + "<value/>" * 501
        + "</field></x></command>",
        f"<command xmlns='{COMMANDS}' node='n'><x xmlns='{DATA}' type='submit'><field var='a'>"
        f"<value>{'x' * 100_001}</value></field></x></command>",
    ],
)
def test_what_is_malformed_is_refused(xml: str) -> None:
    with pytest.raises(BadRequest):
        parse_step(ET.fromstring(xml))


def test_a_form_is_checked_against_what_it_asked() -> None:
    form = Form(
        said("t"),
        [
            Field("a", said("A"), required=True),
            Field("b", said("B"), "list-single", options=[Option("1", "one")]),
        ],
    )
    needed({"a": ["x"], "b": ["1"]}, form)
    needed({"a": ["x"]}, form)
    for wrong in ({}, {"a": [" "]}, {"a": ["x"], "b": ["2"]}):
        with pytest.raises(BadRequest):
            needed(wrong, form)
    assert one({"a": [" x "]}, "a") == "x"
    with pytest.raises(BadRequest):
        one({"a": ["x", "y"]}, "a")


def test_whoever_gives_no_choice_is_told_the_choices() -> None:
    options = [Option(f"choice-{n}", said("")) for n in range(30)]
    form = Form(said("x"), [Field("a", said("y"), "list-single", options=options)])
    with pytest.raises(BadRequest, match=r"choice-0, choice-1, .*choice-19, …"):
        needed({"a": ["other"]}, form)
