"""A command's arguments, read off its function: their names, their types, what may be left out.

Words are separated by blanks; quotes keep some together. A last argument of type `str` takes
everything that is left.
"""

from __future__ import annotations

import inspect
import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from enum import Enum
from types import NoneType, UnionType
from typing import Annotated, Any, Literal, Union, get_args, get_origin, get_type_hints

from pydantic import TypeAdapter, ValidationError

from xmppgov.errors import BadRequest
from xmppgov.i18n import Text, Texts

texts = Texts("xmppgov.bot")
_WORD = re.compile(r'"([^"]*)"|«\s*([^»]*?)\s*»|“([^”]*)”|(\S+)')


@dataclass(frozen=True, slots=True)
class Parameter:
    """One argument; `takes_rest` where it is all that is left of the message."""

    name: str
    kind: Any  # a type that pydantic knows
    required: bool
    takes_rest: bool = False

    @property
    def shown(self) -> str:
        """Return how usage shows it: `CITY`, or `[DAYS]` where it may be left out."""
        name = self.name.upper().replace("_", "-") + ("…" if self.takes_rest else "")
        return name if self.required else f"[{name}]"

    def read(self, value: str) -> Any:
        """Return the value of its type. Raises `BadRequest`, whose text says what is wanted."""
        try:
            return TypeAdapter(self.kind).validate_python(_spoken(self.kind, value))
        except ValidationError as error:
            wrong = texts("“{value}” is no {name}: {wanted}.", value=value[:40], name=self.name,
                          wanted=_bound(error) or _wanted(self.kind))  # fmt: skip
            raise BadRequest(wrong) from None


@dataclass(frozen=True, slots=True)
class Signature:
    """The arguments of a command, in order."""

    parameters: tuple[Parameter, ...] = ()

    @classmethod
    def of(cls, function: Callable[..., object]) -> Signature:
        """Read the parameters behind the first one, which is the context.

        Raises:
            TypeError: a parameter has no type, or is of a kind that cannot be written in a message.
        """
        hints = get_type_hints(function, include_extras=True)
        found = list(inspect.signature(function).parameters.values())[1:]
        made = []
        for number, parameter in enumerate(found, start=1):
            if parameter.kind is not parameter.POSITIONAL_OR_KEYWORD:
                raise TypeError(f"{parameter.name}: a command's arguments stand one behind another")
            if parameter.name not in hints:
                raise TypeError(f"{parameter.name}: a command's argument needs a type")
            kind, required = hints[parameter.name], parameter.default is parameter.empty
            last = number == len(found)
            made.append(Parameter(parameter.name, kind, required, last and _plain(kind) is str))
        return cls(tuple(made))

    @property
    def usage(self) -> str:
        """Return the arguments as usage shows them."""
        return " ".join(parameter.shown for parameter in self.parameters)

    def read(self, text: str) -> dict[str, Any]:
        """Return the arguments in a message's text, by name; what is left out is not among them.

        Raises:
            BadRequest: one is missing, too many, or not of its type.
        """
        values, rest = {}, text.strip()
        for parameter in self.parameters:
            if not rest:
                if parameter.required:
                    raise BadRequest(texts("{name} is missing.", name=parameter.shown))
                break
            value, rest = (_unquoted(rest), "") if parameter.takes_rest else _first(rest)
            values[parameter.name] = parameter.read(value)
        if rest:
            raise BadRequest(texts("“{rest}” is too much.", rest=rest[:40]))
        return values


def _first(text: str) -> tuple[str, str]:
    """Return the first word (or what is in quotes) and the rest."""
    match = _WORD.match(text)
    if match is None:
        return text, ""
    word = next(group for group in match.groups() if group is not None)
    return word, text[match.end() :].strip()


def _unquoted(text: str) -> str:
    match = _WORD.fullmatch(text)
    return _first(text)[0] if match else text


def _plain(kind: Any) -> Any:
    """Return a type without what is annotated, and without `None` beside it."""
    if get_origin(kind) is Annotated:
        return _plain(get_args(kind)[0])
    if get_origin(kind) in (Union, UnionType):
        others = [one for one in get_args(kind) if one is not NoneType]
        return _plain(others[0]) if len(others) == 1 else kind
    return kind


_YES, _NO = ("oui", "yes", "on", "vrai"), ("non", "no", "off", "faux")


def _spoken(kind: Any, value: str) -> str:
    """Return a value as the type is written: a yes, a number with a comma, a choice in any case."""
    kind, said = _plain(kind), value.casefold()
    if kind is bool:
        return "true" if said in _YES else "false" if said in _NO else value
    if kind is float:
        return value.replace(",", ".")
    choice = next((one for one in _choices(kind) if one.casefold() == said), None)
    return value if choice is None else choice


def _choices(kind: Any) -> Iterable[str]:
    if get_origin(kind) is Literal:
        return [str(one) for one in get_args(kind)]
    if isinstance(kind, type) and issubclass(kind, Enum):
        return [str(one.value) for one in kind]
    return []


def _bound(error: ValidationError) -> Text | None:
    """Return what a value that is of its type has to be beyond that."""
    limits = error.errors()[0].get("ctx", {})
    return next((say(limits[name]) for name, say in _BOUNDS.items() if name in limits), None)


def _wanted(kind: Any) -> Text | str:
    kind = _plain(kind)
    if choices := _choices(kind):
        return texts("one of {choices}", choices=", ".join(choices))
    return _SORTS.get(getattr(kind, "__name__", ""), texts("something else is wanted"))


_BOUNDS = {
    "ge": lambda limit: texts("at least {limit} is wanted", limit=limit),
    "le": lambda limit: texts("at most {limit} is wanted", limit=limit),
    "gt": lambda limit: texts("more than {limit} is wanted", limit=limit),
    "lt": lambda limit: texts("less than {limit} is wanted", limit=limit),
    "max_length": lambda limit: texts("at most {limit} characters are wanted", limit=limit),
    "min_length": lambda limit: texts("at least {limit} characters are wanted", limit=limit),
}
_SORTS = {
    "int": texts("a whole number is wanted"),
    "float": texts("a number is wanted"),
    "bool": texts("yes or no is wanted"),
    "date": texts("a day such as 2027-01-31 is wanted"),
    "datetime": texts("a moment such as 2027-01-31T18:00 is wanted"),
    "time": texts("a time such as 18:00 is wanted"),
}
