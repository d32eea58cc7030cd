"""CAP from any bytes: an alert that comes back from our own writing, or a typed refusal."""

from __future__ import annotations

import re
from random import Random

from xmppgov.cap.errors import CapError
from xmppgov.cap.model import Alert, Area, Info, NamedValue, Resource
from xmppgov.cap.reading import read
from xmppgov.cap.schema import slots
from xmppgov.cap.writing import write

INSTRUMENTED = ("xmppgov.cap",)
LONGEST_REFUSAL = 400  # characters
NAMES = [name for kind in (Alert, Info, Area, Resource, NamedValue) for name in slots(kind)]
TAGS = [form.format(name).encode() for name in NAMES for form in ("<{}>", "</{}>", "<{}/>")]
_TAG = re.compile(rb"(<[^>]*>)")


def check(data: bytes) -> None:
    """Raise AssertionError, or whatever the parser raises, where it does what it must not."""
    try:
        alert = read(data).alert
    except CapError as error:
        said = [str(problem.text) for problem in error.problems]
    else:
        assert read(write(alert)).alert == alert
        return
    assert said
    assert max(map(len, said)) < LONGEST_REFUSAL


def mutated(data: bytes, random: Random) -> bytes:
    """Leave out, repeat or move a few tags and texts, or put another tag there."""
    parts = _TAG.split(data)
    for _ in range(random.randint(1, 3)):
        place, length = random.randrange(len(parts)), random.choice((0, 1, 3, 4))
        moved = parts[place : place + length]
        target = random.choice((place, random.randrange(len(parts))))
        new = random.choice((moved, moved, [random.choice(TAGS)], []))
        parts[target : target + random.choice((0, 0, length))] = new
        parts = parts or [b""]
    return b"".join(parts)
