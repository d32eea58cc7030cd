"""What a feature brings for a kind of request: it checks a scope, and does what was granted."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Collection, Mapping, Sequence
from typing import Any, NamedTuple, Protocol

from xmppgov.archive.request import Request
from xmppgov.archive.sealing import PrivateKey
from xmppgov.archive.shares import Share
from xmppgov_archive.officers.model import Answer


class Granted(NamedTuple):
    """A request to which enough officers have said yes, in this moment.

    `roles` are theirs, in alphabetical order; `keys` the resolving keys that their shares gave, by
    public key in hex (none where no share was needed), and `shares` those shares, likewise.
    `settle(n)` writes that the request is granted, for `n` rows or records: call it once, within
    the transaction that writes the log's entry, so that neither is there without the other.
    """

    request: Request
    roles: tuple[str, ...]
    keys: Mapping[str, PrivateKey]
    settle: Callable[[int], Awaitable[None]]
    shares: Mapping[str, Sequence[Share]]


class Executor(Protocol):
    """Does what requests of one kind ask for."""

    @property
    def purposes(self) -> Collection[str]:
        """The labels of purposes that a request of this kind may have."""

    async def prepare(self, scope: Any) -> Collection[str]:
        """Check a scope (the kind's own model) before there is a request for it.

        Returns the resolving keys (hex) that it needs; none means that the newest one's shares
        only prove who approves. Raises a `RemoteFault` where it cannot be done.
        """

    async def execute(self, granted: Granted) -> Answer:
        """Do it, and return what the requester may read.

        What raises before `settle` has been committed leaves the request as it was before the last
        code; that code can be handed in again.
        """
