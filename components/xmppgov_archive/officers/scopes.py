"""What was filled in for a request, checked before two officers are asked about it."""

from __future__ import annotations

from collections.abc import Collection
from datetime import date

from xmppgov.errors import BadRequest
from xmppgov.i18n import Texts

texts = Texts("xmppgov_archive")


def check_day(text: str) -> None:
    """Refuse what is no day. Raises `BadRequest`, which names it."""
    try:
        right = date.fromisoformat(text).isoformat() == text
    except ValueError:
        right = False
    if not right:
        raise BadRequest(texts("{day} is no day; write YYYY-MM-DD.", day=text or "?"))


def check_days(first: str, last: str, today: str) -> None:
    """Refuse days that are none, are in the wrong order or have not come. Raises `BadRequest`."""
    check_day(first)
    check_day(last)
    if last < first:
        raise BadRequest(texts("The last day, {last}, is before the first.", last=last))
    if first > today:
        raise BadRequest(texts("{day} has not come yet; nothing is there to be found.", day=first))


def check_addresses(people: str | None, rooms: str | None, also: Collection[str] = ()) -> None:
    """Refuse what is no address; `also` are names that are taken all the same.

    A person's may be a host, such as the service that takes files. Raises `BadRequest`.
    """
    for names, needed in ((people, "@."), (rooms, "@")):
        for name in (names or "").split():
            if name not in also and not set(needed) & set(name.strip("@.")):
                raise BadRequest(texts("{name} is no address; write name@domain.", name=name))
