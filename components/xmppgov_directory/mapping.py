"""How foreign CSV files are read as people, bodies and posts (docs/directory-csv.md)."""

from __future__ import annotations

from pydantic import Field

from xmppgov.config import Section, Settings

PEOPLE = ("id", "title", "given_name", "family_name", "jid", "lang", "protected")
BODIES = ("id", "kind", "name", "short_name", "parent", "room", "start", "end")
POSTS = ("person_id", "body_id", "title", "role", "start", "end")
NEEDED = frozenset(
    {"people.id", "people.family_name", "bodies.id", "bodies.name"}
    | {"posts.person_id", "posts.body_id", "posts.title"}
)
"""The columns that a file must have; the others may be missing."""


class PeopleMapping(Section):
    """`[people]`: our column = the file's column."""

    columns: dict[str, str] = Field(default_factory=dict)


class BodiesMapping(Section):
    """`[bodies]`: columns; `kinds` translates words; which kinds have rooms; the body above all."""

    columns: dict[str, str] = Field(default_factory=dict)
    kinds: dict[str, str] = Field(default_factory=dict)
    rooms: frozenset[str] = frozenset()
    """Kinds, as the file writes them, whose bodies have a room …"""
    no_rooms: frozenset[str] = frozenset()
    """… but for these ids, as the file writes them."""
    top: str | None = None
    """The body that stands above those without a parent."""


class PostsMapping(Section):
    """`[posts]`: columns; `titles` translates words; the words that make somebody the chair."""

    columns: dict[str, str] = Field(default_factory=dict)
    titles: dict[str, str] = Field(default_factory=dict)
    chairs: frozenset[str] = frozenset()


class Mapping(Settings):
    """A whole mapping file; without one, the files are ours."""

    foreign: bool = False
    """Whether columns that are not mapped are passed over, rather than refused."""
    lower_case_ids: bool = False
    """Room addresses are lower-case; ids written otherwise are turned into it."""
    people: PeopleMapping = Field(default_factory=PeopleMapping)
    bodies: BodiesMapping = Field(default_factory=BodiesMapping)
    posts: PostsMapping = Field(default_factory=PostsMapping)
