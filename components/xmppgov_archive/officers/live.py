"""What only memory holds of a request: whom it is about, its key, the codes, the answer."""

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
from xmppgov_archive.officers.model import Answer

texts = Texts("xmppgov_archive")


class WrongShare(BadRequest):
    """A code holds another share than its officer was given."""


@dataclass(slots=True)
class Live:
    """A request in memory; `text` is it as it travels, `shown_until` when its answer goes (ms)."""

    request: Request
    text: str
    private: PrivateKey
    codes: dict[str, list[Share]] = field(default_factory=dict)
    answer: Answer | None = None
    shown_until: int = 0

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

    def keys(self) -> dict[str, PrivateKey]:
        """Return the resolving keys that the codes give, each compared with its public side."""
        found = {}
        for position, public in enumerate(self.request.resolving.split(" ")):
            key = PrivateKey(combine([shares[position] for shares in self.codes.values()]))
            if key.public.raw.hex() != public:
                raise LocalFault(texts("The shares do not give the key that was made."))
            found[public] = key
        return found
