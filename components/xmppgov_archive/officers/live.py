"""What memory holds of a request: whom it is about, its key, the codes, the answer.

While a request lives, all that is decided about it is decided by what is here: who asked, in which
role, until when, who has approved. The database has a copy, which others could change.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from xmppgov.archive.codes import open_code, read_code
from xmppgov.archive.officer import Generation
from xmppgov.archive.request import Request
from xmppgov.archive.sealing import PrivateKey
from xmppgov.archive.shares import Share, combine
from xmppgov.errors import BadRequest, LocalFault, NotAllowed
from xmppgov.i18n import Texts
from xmppgov_archive.officers.model import Answer, Standing

texts = Texts("xmppgov_archive")


class WrongShare(BadRequest):
    """A code holds another share than its officer was given."""


@dataclass(slots=True)
class Live:
    """A request in memory; `text` is it as it travels, `shown_until` when its answer goes (ms).

    `deadline` and `shown_deadline` are the same ends in seconds of a clock that nobody sets: what
    comes first counts.
    """

    request: Request
    text: str
    private: PrivateKey
    standing: Standing
    deadline: float
    codes: dict[str, list[Share]] = field(default_factory=dict)
    answer: Answer | None = None
    shown_until: int = 0
    shown_deadline: float = 0.0

    def show(self, answer: Answer, now: int, uptime: float, time: int) -> None:
        """Keep an answer for `time` ms."""
        self.answer = answer
        self.shown_until, self.shown_deadline = now + time, uptime + time / 1000

    def is_over(self, now: int, uptime: float) -> bool:
        """Tell whether the time in which it can be approved is over, at a time (ms)."""
        return now >= self.request.until or uptime >= self.deadline

    def is_read(self, now: int, uptime: float) -> bool:
        """Tell whether there is no answer, or was for long enough."""
        over = now >= self.shown_until or uptime >= self.shown_deadline
        return self.answer is None or over

    def take(self, role: str, text: str, generations: Mapping[str, Generation]) -> None:
        """Take the code of a role, if it holds the very shares that the role was given.

        Raises:
            NotAllowed: it is another role's.
            BadRequest: it is no code, or for another request, or holds other shares.
        """
        code = read_code(text)
        if code.role != role:
            raise NotAllowed(texts("This code is of another officer's share, not of yours."))
        shares = open_code(code, self.request.hash, self.private)
        publics = self.request.resolving.split(" ")
        if len(shares) != len(publics) or not all(
            generations[public].has(role, share)
            for public, share in zip(publics, shares, strict=True)
        ):
            raise WrongShare(
                texts("The code holds a wrong share. Was it made with the right share file?")
            )
        self.codes[role] = shares

    def shares(self) -> dict[str, list[Share]]:
        """Return the shares in the codes, by the public side of their resolving key."""
        publics = self.request.resolving.split(" ")
        return {
            public: [shares[position] for shares in self.codes.values()]
            for position, public in enumerate(publics)
        }

    def keys(self) -> dict[str, PrivateKey]:
        """Return the resolving keys that the codes give, each compared with its public side."""
        found = {}
        for public, shares in self.shares().items():
            key = PrivateKey(combine(shares))
            if key.public.raw.hex() != public:
                raise LocalFault(texts("The shares do not give the key that was made."))
            found[public] = key
        return found
