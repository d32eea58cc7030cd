"""Forms to fill in and tables to show (XEP-0004), and what a command does with them."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal

from xmppgov.errors import BadRequest
from xmppgov.i18n import Text, Texts

texts = Texts("xmppgov")
FieldType = Literal[
    "text-single",
    "text-multi",
    "text-private",
    "jid-multi",
    "list-single",
    "boolean",
    "fixed",
    "hidden",
]
LONGEST_VALUE, MOST_VALUES = 100_000, 500
MOST_NAMED = 20  # choices that are named to who gave none of them
Values = Mapping[str, Sequence[str]]
"""What was filled in, by field."""


@dataclass(frozen=True, slots=True)
class Option:
    """One choice of a list."""

    value: str
    label: Text | str


@dataclass(frozen=True, slots=True)
class Field:
    """One field of a form; a `fixed` one only shows its value."""

    name: str
    label: Text | str
    type: FieldType = "text-single"
    value: Sequence[str | Text] = ()
    required: bool = False
    options: Sequence[Option] = ()
    hint: Text | None = None


@dataclass(frozen=True, slots=True)
class Form:
    """A page to fill in; `last` says that nothing comes behind it but the result."""

    title: Text
    fields: Sequence[Field] = ()
    instructions: Text | None = None
    last: bool = True


@dataclass(frozen=True, slots=True)
class Table:
    """Rows of text under titles, by the names that scripts go by."""

    columns: Sequence[tuple[str, Text | str]]
    rows: Sequence[Sequence[str]]
    title: Text | None = None


@dataclass(frozen=True, slots=True)
class Done:
    """The end of a command: a sentence, and perhaps a table, or fields to read."""

    note: Text
    table: Table | None = None
    form: Form | None = None


Page = Form | Done


@dataclass(slots=True)
class Session:
    """One execution: whose (a full address and the bare one), and what its stages keep."""

    jid: str
    bare: str
    language: str | None
    data: dict[str, object] = field(default_factory=dict)


Stage = Callable[[Session, Values], Awaitable[Page]]
"""Takes what the page before was filled in with (nothing at first), returns the next page.

A `NotAllowed` ends the command; any other `RemoteFault` shows the same page again, with its text.
"""


@dataclass(frozen=True, slots=True)
class Command:
    """A command: its node, its name, who may see and run it (a bare address), its stages.

    `whose` says to others whose command it is.

    Executions are limited for each `pool` by itself: those who may run a few commands only cannot
    keep others from theirs.
    """

    node: str
    name: Text
    allowed: Callable[[str], bool]
    stages: Sequence[Stage]
    pool: str = ""
    whose: Text | None = None


def one(values: Values, name: str) -> str:
    """Return the single value of a field, without white space around it; "" where there is none.

    Raises:
        BadRequest: there are several.
    """
    given = values.get(name, ())
    if len(given) > 1:
        raise BadRequest(texts("The field {name} takes one value.", name=name))
    return given[0].strip() if given else ""


def needed(values: Values, form: Form) -> None:
    """Check what was filled in against the form that asked for it.

    Raises:
        BadRequest: a field is missing, or a choice is none of the list's.
    """
    for asked in form.fields:
        given = [value for value in values.get(asked.name, ()) if value.strip()]
        if asked.required and not given:
            raise BadRequest(texts("The field “{label}” is missing.", label=asked.label))
        choices = {option.value for option in asked.options}
        if choices and not set(given) <= choices:
            raise BadRequest(_choices(asked))


def _choices(asked: Field) -> Text:
    """Return what to say where something else than a choice was given."""
    names = [option.value for option in asked.options]
    return texts(
        "The field “{label}” takes one of: {names}.",
        label=asked.label,
        names=", ".join(names[:MOST_NAMED]) + (", …" if len(names) > MOST_NAMED else ""),
    )
