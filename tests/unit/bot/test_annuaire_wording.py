"""What the directory's bot says of the number of people found."""

from __future__ import annotations

from xmppgov.directory.model import MOST_RESULTS, Entry, Page
from xmppgov_annuaire.wording import found

ENTRY = Entry("p1", "Alice Durand", None, ())


def test_where_the_directory_stops_counting_no_number_is_claimed() -> None:
    page = Page((ENTRY,), MOST_RESULTS, 0, "p1", "p1")
    assert f"{MOST_RESULTS} personnes ou plus" in found(page, "durand", "fr")
    assert "and others" in found(page, "durand", "en")


def test_fewer_are_counted() -> None:
    text = found(Page((ENTRY,), 3, 0, "p1", "p1"), "durand", "en")
    assert text.startswith("3 people:")
    assert "2 more" in text
