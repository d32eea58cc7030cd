"""What the directory bot says: people as lines of text with `xmpp:` links (RFC 5122)."""

from __future__ import annotations

from urllib.parse import quote

from xmppgov.directory.model import MOST_RESULTS, Entry, Page, Post
from xmppgov.i18n import Text, Texts

texts = Texts("xmppgov_annuaire")

INTRODUCTION = texts("I find the people of the administration. Write to me:")
SEARCH_HELP = texts(
    "cherche dupont finances: people whose name, post or body has these words (the last may be cut)"
)
NOTHING_ASKED = texts("Whom do you look for? For example: cherche dupont finances")
POSTS_SHOWN = 3


def found(page: Page[Entry], words: str, language: str | None) -> str:
    """Return the people of a page, and how many more there are."""
    if not page.items:
        nobody = texts(
            "Nobody found for “{words}”. Try fewer words, or their beginning.", words=words
        )
        return nobody.in_language(language)
    lines = [_heading(page.count).in_language(language)]
    lines += [line for entry in page.items for line in person(entry)]
    more = page.count - len(page.items)
    if more > 0:
        lines.append(_more(more, page.count).in_language(language))
    return "\n".join(lines)


def person(entry: Entry) -> list[str]:
    """Return the lines that show a person."""
    posts = "; ".join(_post(post) for post in entry.posts[:POSTS_SHOWN])
    lines = [f"• {entry.name}" + (f" — {posts}" if posts else "")]
    if entry.jid:
        lines.append(f"  {link(entry.jid)}")
    return lines


def link(jid: str) -> str:
    """Return the `xmpp:` link of an address."""
    return "xmpp:" + quote(jid, safe="@")


def _post(post: Post) -> str:
    return f"{post.title}, {post.name}" if post.title else post.name


def _heading(count: int) -> Text:
    if count >= MOST_RESULTS:  # the directory counts no further
        return texts("{n} people or more:", n=MOST_RESULTS)
    return texts("One person:") if count == 1 else texts("{n} people:", n=count)


def _more(count: int, all_: int) -> Text:
    if all_ >= MOST_RESULTS:
        return texts("… and others; add a word to see fewer.")
    if count == 1:
        return texts("… and one more; add a word to see fewer.")
    return texts("… and {n} more; add a word to see fewer.", n=count)
