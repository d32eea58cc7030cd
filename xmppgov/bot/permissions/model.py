"""Who asks, whom a rule names, and what is decided."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import NamedTuple, Self

from xmppgov.directory.model import Entry
from xmppgov.errors import ConfigurationError
from xmppgov.i18n import Text, Texts

texts = Texts("xmppgov.bot")
EVERYONE = "everyone"
_SELECTOR = re.compile(r"(person|account|body|group|role):([^\s@]+(?:@[^\s@]+)?)")
_ROLE = re.compile(r"([^\s@:]+)(?:@(body|group):([^\s@]+))?")


class Actor(NamedTuple):
    """Who asks: the bare address, and the directory's person behind it, if there is one."""

    jid: str
    person: Entry | None = None

    @property
    def name(self) -> str:
        """Return a name for people."""
        return self.person.name if self.person else self.jid


@dataclass(frozen=True, slots=True)
class Selector:
    """Whom a rule names.

    `everyone` · `account:JID` · `person:ID` · `group:ID` (members of that body) · `body:ID` (of it
    and of those below it) · `role:WORD`, `role:WORD@group:ID`, `role:WORD@body:ID`.
    """

    kind: str
    name: str = ""
    within: str = ""  # "group" or "body", of a role
    body: str = ""

    @classmethod
    def parse(cls, text: str) -> Self:
        """Read a selector. Raises `ConfigurationError`."""
        if text == EVERYONE:
            return cls(EVERYONE)
        match = _SELECTOR.fullmatch(text) or _SELECTOR.match(text)
        role = _ROLE.fullmatch(text[len("role:") :]) if text.startswith("role:") else None
        if role:
            return cls("role", role[1], role[2] or "", role[3] or "")
        if match and match.end() == len(text) and match[1] != "role":
            return cls(match[1], match[2])
        raise ConfigurationError(
            texts(
                "“{selector}” names nobody; write everyone, account:JID, person:ID, group:ID,"
                " body:ID, role:WORD or role:WORD@body:ID.",
                selector=text,
            )
        )

    def __str__(self) -> str:
        place = f"@{self.within}:{self.body}" if self.within else ""
        return self.kind if self.kind == EVERYONE else f"{self.kind}:{self.name}{place}"

    @property
    def needs_person(self) -> bool:
        """Whether the directory has to be asked."""
        return self.kind not in (EVERYONE, "account")


@dataclass(frozen=True, slots=True)
class Rule:
    """Lets whom it names ask for one command (`*`: for any), in these rooms (none: 1:1)."""

    command: str
    who: tuple[Selector, ...]
    rooms: frozenset[str] = frozenset()


class Verdict(NamedTuple):
    """Whether somebody may, and why or why not, for whoever asks."""

    allowed: bool
    reason: Text
