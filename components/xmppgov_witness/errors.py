"""Why a witness does not cosign; each is one HTTP status (https://c2sp.org/tlog-witness)."""

from __future__ import annotations

from xmppgov.errors import BadRequest, Conflict, NotAllowed, NotFound
from xmppgov.i18n import Texts

texts = Texts("xmppgov_witness")


class Malformed(BadRequest):
    """The request cannot be understood, or its old size is above the checkpoint's (400)."""


class OriginUnknown(NotFound):
    """The witness does not follow this log (404)."""


class NotTheLog(NotAllowed):
    """No trusted key of the log has signed, or a trusted key's signature is wrong (403)."""


class OldSizeWrong(Conflict):
    """The request's old size is not that of the latest cosigned checkpoint (409)."""

    def __init__(self, size: int) -> None:
        super().__init__(texts("The latest cosigned checkpoint has size {size}.", size=size))
        self.size = size


class Inconsistent(Conflict):
    """The checkpoint is not shown to extend the latest one that was cosigned (422)."""
