"""One tree of errors: what happened, whose fault it is, and what to tell the person who caused it.

An error carries an XMPP error condition and type (RFC 6120 §8.3) and a sentence in the reader's
language. A `RemoteFault` is the peer's doing and is answered; a `LocalFault` is ours and is logged.
`xmppgov.xmpp.handlers` is the one place that turns an error into a stanza, `xmppgov.cli.main` the
one place that turns it into a line on a terminal.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import ClassVar

from xmppgov.i18n import Text


@dataclass(frozen=True)
class Detail:
    """An application's own condition beside the XMPP one (RFC 6120 §8.3.2): one empty element."""

    namespace: str
    name: str
    attributes: Mapping[str, str] = field(default_factory=dict)


class XmppgovError(Exception):
    """Base of every error that xmppgov raises on purpose.

    `text` says what is wrong and what to do, in French and English; it never holds anybody's
    content.
    """

    condition: ClassVar[str] = "internal-server-error"
    type: ClassVar[str] = "cancel"

    def __init__(self, text: Text, detail: Detail | None = None) -> None:
        super().__init__(text.in_language("en"))
        self.text = text
        self.detail = detail


class RemoteFault(XmppgovError):
    """The peer asked for something wrong; nothing of ours is broken."""

    condition = "bad-request"
    type = "modify"


class LocalFault(XmppgovError):
    """Something of ours is wrong: configuration, disk, a server that does not answer."""

    type = "wait"


class BadRequest(RemoteFault):
    """The request cannot be understood: a field is missing or malformed."""


class NotAllowed(RemoteFault):
    """The requester may not ask this."""

    condition = "forbidden"
    type = "auth"


class NotFound(RemoteFault):
    """The thing asked for does not exist, or the requester may not know that it does."""

    condition = "item-not-found"
    type = "cancel"


class TooMany(RemoteFault):
    """A limit was reached; the same request works later."""

    condition = "resource-constraint"
    type = "wait"


class Conflict(RemoteFault):
    """The request contradicts what is already known."""

    condition = "conflict"
    type = "cancel"


class Unexpected(RemoteFault):
    """The request is well-formed but out of order."""

    condition = "unexpected-request"
    type = "wait"


class ConfigurationError(LocalFault):
    """A configuration file, key or secret is wrong; names the file and what to change."""


class StorageError(LocalFault):
    """A database cannot be opened, migrated or written."""


class Unreachable(LocalFault):
    """A server or service does not answer."""

    condition = "remote-server-timeout"


class CheckFailed(LocalFault):
    """A verification found something wrong; the command exits with status 1."""
