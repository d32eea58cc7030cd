"""What is filled in for a request: each mistake is named, before two officers are asked."""

from __future__ import annotations

from typing import Any

import pytest

from xmppgov.archive.request import AccessScope
from xmppgov.errors import BadRequest
from xmppgov_archive.officers.dialogue import access_subject

NOON = 1_764_072_000_000  # 2025-11-25
FORM = {"people": ["Alice@gov.localhost"], "first": ["2025-11-01"], "last": ["2025-11-30"]}


def filled_in(**changes: str) -> Any:
    values = {"rows": ["10"], **FORM, **{name: [value] for name, value in changes.items()}}
    return access_subject(["judicial"], 50, lambda: NOON).scope(values)


def test_a_scope_is_read() -> None:
    scope = filled_in(units="grp-1", rooms="grp-1@rooms.gov.localhost")
    assert isinstance(scope, AccessScope)
    assert (scope.people, scope.units, scope.rows) == ("alice@gov.localhost", "grp-1", 10)
    assert filled_in(people="upload.gov.localhost").people == "upload.gov.localhost"


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"people": "nobody"}, "nobody is no address"),
        ({"rooms": "rooms.gov.localhost"}, "rooms.gov.localhost is no address"),
        ({"first": "yesterday"}, "yesterday is no day"),
        ({"last": "2025-11-31"}, "2025-11-31 is no day"),
        ({"last": ""}, "is no day"),
        ({"last": "2025-10-31"}, "2025-10-31, is before the first"),
        ({"first": "2025-11-26"}, "2025-11-26 has not come yet"),
        ({"rows": "many"}, "a number of rows"),
        ({"people": ""}, "Name people, rooms or units"),
    ],
)
def test_what_is_wrong_is_named(changes: dict[str, str], said: str) -> None:
    with pytest.raises(BadRequest, match=said):
        filled_in(**changes)
