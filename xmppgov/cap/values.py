"""How CAP writes what stands in one element: times, numbers, URIs, lists of words.

Each kind is a pair of functions, text to value and back, and `Written` tells the model of them.
Texts keep every character; what surrounds a time, a number or a URI is cut off, as the schema says.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Annotated, Any
from urllib.parse import urlsplit

from pydantic import AfterValidator, GetCoreSchemaHandler
from pydantic_core import CoreSchema, core_schema

from xmppgov.cap.errors import Flaw
from xmppgov.i18n import Texts

texts = Texts(__package__)
XML_SPACE = " \t\r\n"
FIRST_YEAR, LAST_YEAR = 1970, 9998
"""Beyond these a moment may have no date in another time zone."""
FARTHEST_OFFSET = timedelta(hours=14)
LONGEST_NAME = 500  # characters
LARGEST_NUMBER, FINEST_DIGIT = 10**9, -15
LARGEST_SIZE = 2**63 - 1  # bytes

_TIME = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d[+-]\d\d:\d\d", re.ASCII)
_NUMBER = re.compile(r"[+-]?(\d{1,15}(\.\d{0,15})?|\.\d{1,15})", re.ASCII)
_SIZE = re.compile(r"\+?\d{1,19}", re.ASCII)
_LANGUAGE = re.compile(r"[A-Za-z]{2,8}(-[A-Za-z0-9]{1,8})*", re.ASCII)
_NAME = re.compile(r"[^\s,<&]+")
_URI = re.compile(r"""(?:[^\s\x00-\x20\x7f<>"{}|\\^`%]|%[0-9A-Fa-f]{2})+""")
_NOT_XML = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
_WORD = re.compile(r'"(?P<quoted>[^"]*)"(?!\S)|(?P<bare>[^\s"]\S*)|(?P<wrong>\S)')
_BARE = re.compile(r'[^\s"]\S*')


@dataclass(frozen=True)
class Written:
    """Says of a field that it is one text in XML and JSON, and how it is read and written there."""

    parse: Callable[[str], Any]
    format: Callable[[Any], str]
    blank: bool = False
    """Whether the schema lets the element be empty."""

    def __get_pydantic_core_schema__(
        self, source: Any, handler: GetCoreSchemaHandler
    ) -> CoreSchema:
        return core_schema.no_info_before_validator_function(
            self._read,
            handler(source),
            serialization=core_schema.plain_serializer_function_ser_schema(
                self.format, return_schema=core_schema.str_schema(), when_used="json"
            ),
        )

    def _read(self, value: object) -> object:
        return self.parse(value) if isinstance(value, str) else value


def parse_moment(text: str) -> datetime:
    """Read a time with its offset; `-00:00` is UTC."""
    text = text.strip(XML_SPACE)
    if not _TIME.fullmatch(text):
        raise _not_a_time()
    try:
        return datetime.fromisoformat(text)
    except ValueError:
        raise _not_a_time() from None


def format_moment(moment: datetime) -> str:
    """Write a time; UTC is `-00:00` in CAP."""
    text = moment.isoformat(timespec="seconds")
    return text if moment.utcoffset() else f"{text[:19]}-00:00"


def exact_moment(moment: datetime) -> datetime:
    """Refuse what `format_moment` could not write."""
    offset = moment.utcoffset()
    if offset is None or moment.microsecond or offset % timedelta(minutes=1):
        raise _not_a_time()
    if abs(offset) > FARTHEST_OFFSET or not FIRST_YEAR <= moment.year <= LAST_YEAR:
        raise _not_a_time()
    return moment


def _not_a_time() -> Flaw:
    return Flaw(
        "time",
        texts("it has to be a time such as 2026-11-24T18:00:00+01:00, to the second, without Z."),
    )


def parse_number(text: str) -> Decimal:
    """Read a decimal number of at most 15 digits on each side of the point."""
    text = text.strip(XML_SPACE)
    if not _NUMBER.fullmatch(text):
        raise _not_a_number()
    return Decimal(text)


def format_number(number: Decimal) -> str:
    """Write a decimal number without an exponent."""
    return format(number, "f")


def plain_number(number: Decimal) -> Decimal:
    """Refuse what `format_number` could not write in a few digits."""
    if not number.is_finite() or abs(number) >= LARGEST_NUMBER:
        raise _not_a_number()
    if int(number.as_tuple().exponent) < FINEST_DIGIT:
        raise _not_a_number()
    return number


def _not_a_number() -> Flaw:
    return Flaw(
        "number", texts("it has to be a decimal number such as 12.5, below a thousand million.")
    )


def parse_size(text: str) -> int:
    """Read a number of bytes."""
    text = text.strip(XML_SPACE)
    if not _SIZE.fullmatch(text):
        raise _not_a_size()
    return int(text)


def possible_size(size: int) -> int:
    """Refuse sizes that no file has."""
    if not 0 <= size <= LARGEST_SIZE:
        raise _not_a_size()
    return size


def _not_a_size() -> Flaw:
    return Flaw("size", texts("it has to be a whole number of bytes."))


def xml_text(text: str) -> str:
    """Refuse the characters that XML cannot carry."""
    if _NOT_XML.search(text):
        raise Flaw("characters", texts("it holds characters that XML cannot carry; remove them."))
    return text


def filled(text: str) -> str:
    """Refuse what shows as nothing."""
    if not text.strip():
        raise Flaw("empty", texts("it is empty; fill it in."))
    return xml_text(text)


def single_name(text: str) -> str:
    """Refuse a name that `references` could not carry."""
    if not _NAME.fullmatch(filled(text)) or len(text) > LONGEST_NAME:
        raise Flaw(
            "name",
            texts(
                "it may hold no space, comma, < or &, and at most {most} characters.",
                most=LONGEST_NAME,
            ),
        )
    return text


def language_tag(text: str) -> str:
    """Refuse what is no language tag."""
    text = text.strip(XML_SPACE)
    if not _LANGUAGE.fullmatch(text):
        raise Flaw("language", texts("it has to be a language, such as fr or en-CA."))
    return text


def uri(text: str) -> str:
    """Refuse what is no URI. Its scheme is not judged: only show a link to http and https."""
    text = xml_text(text.strip(XML_SPACE))
    if not _URI.fullmatch(text) or text.count("#") > 1 or not _splits(text):
        raise Flaw("uri", texts("it has to be one URI, such as https://gov.example/flood."))
    return text


def _splits(text: str) -> bool:
    try:
        return urlsplit(text).port is None or True
    except ValueError:
        return False


def parse_words(text: str) -> tuple[str, ...]:
    """Read words that spaces separate; double quotes hold one that has spaces inside."""
    words = []
    for match in _WORD.finditer(text):
        word = match["quoted"] if match["quoted"] is not None else match["bare"]
        if word is None or not word.strip():
            raise _not_words()
        words.append(word)
    return tuple(words)


def format_words(words: tuple[str, ...]) -> str:
    """Write words with spaces between them."""
    return " ".join(word if _BARE.fullmatch(word) else f'"{word}"' for word in words)


def writable_word(word: str) -> str:
    """Refuse a word that neither stands bare nor in quotes."""
    if not _BARE.fullmatch(filled(word)) and '"' in word:
        raise _not_words()
    return word


def _not_words() -> Flaw:
    return Flaw(
        "words",
        texts('words are separated by spaces; one with spaces stands in "quotes" and holds none.'),
    )


Filled = Annotated[str, AfterValidator(filled)]
"""A text that shows something; every character of it is kept."""
Raw = Annotated[str, AfterValidator(xml_text)]
"""A text that may be empty."""
Name = Annotated[str, AfterValidator(single_name)]
Language = Annotated[str, AfterValidator(language_tag)]
Uri = Annotated[str, AfterValidator(uri)]
Moment = Annotated[datetime, Written(parse_moment, format_moment), AfterValidator(exact_moment)]
Number = Annotated[Decimal, Written(parse_number, format_number), AfterValidator(plain_number)]
Size = Annotated[int, Written(parse_size, str), AfterValidator(possible_size)]
Words = Annotated[
    tuple[Annotated[str, AfterValidator(writable_word)], ...],
    Written(parse_words, format_words, blank=True),
]
"""Words that stand in one element together."""
