"""Blind trust before verification: whom a bot encrypts to without anybody having compared a key.

https://gultsch.de/trust.html. A new device is trusted as long as no device of the same person was
ever verified or refused; each such decision leaves a line in the log.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable

import structlog
from omemo.types import DeviceInformation
from slixmpp_omemo.base_session_manager import TrustLevel

log = structlog.get_logger()

UNDECIDED = TrustLevel.UNDECIDED.value
TRUSTED = TrustLevel.TRUSTED.value
DISTRUSTED = TrustLevel.DISTRUSTED.value


def record_blind_trust(devices: Iterable[DeviceInformation]) -> None:
    """Log how many devices of whom were trusted blindly, and which."""
    known = list(devices)
    for jid, count in sorted(Counter(d.bare_jid for d in known).items()):
        ids = sorted(d.device_id for d in known if d.bare_jid == jid)
        log.info("devices trusted blindly", jid=jid, count=count, devices=ids)
