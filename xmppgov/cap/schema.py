"""Which elements stand in which, in which order: derived from the model, to read and write by."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cache
from typing import Annotated, Any, get_args, get_origin

from pydantic.fields import FieldInfo

from xmppgov.cap.model import Element
from xmppgov.cap.values import Written


@dataclass(frozen=True, slots=True)
class Slot:
    """Where an element may stand in another.

    `child` is the kind of an element with elements inside, and None for one with text, which
    `format` writes. `omissible` is a text that says nothing where it is empty.
    """

    element: str
    field: str
    place: int
    omissible: bool
    repeated: bool
    child: type[Element] | None
    format: Callable[[Any], str]


@cache
def slots(kind: type[Element]) -> Mapping[str, Slot]:
    """Return the slots of an element by the names of their elements, in the schema's order."""
    fields = enumerate(kind.model_fields.items())
    found = [_slot(place, name, field) for place, (name, field) in fields]
    return {slot.element: slot for slot in found}


def _slot(place: int, name: str, field: FieldInfo) -> Slot:
    written = _written(field.metadata)
    kind = _without_none(field.annotation)
    repeated = written is None and get_origin(kind) is tuple
    if repeated:
        kind = get_args(kind)[0]
    written = written or _written(getattr(kind, "__metadata__", ()))
    return Slot(
        element=field.alias or name,
        field=name,
        place=place,
        omissible=not field.is_required() and (written.blank if written else _is_text(kind)),
        repeated=repeated,
        child=kind if isinstance(kind, type) and issubclass(kind, Element) else None,
        format=written.format if written else str,
    )


def _is_text(kind: Any) -> bool:
    return (get_args(kind)[0] if get_origin(kind) is Annotated else kind) is str


def _without_none(annotation: Any) -> Any:
    kinds = [kind for kind in get_args(annotation) if kind is not type(None)]
    return kinds[0] if type(None) in get_args(annotation) else annotation


def _written(metadata: Any) -> Written | None:
    return next((mark for mark in metadata if isinstance(mark, Written)), None)
