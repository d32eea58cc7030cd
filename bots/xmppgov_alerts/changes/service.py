"""Updates and cancellations: one transaction each, with what becomes of every text that went out.

What has not left is withdrawn. What has left is corrected (XEP-0308), or retracted (XEP-0424) and
called off in words, because not every client knows retractions.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import datetime

import structlog

from xmppgov.bot.letters.cipher import Cipher
from xmppgov.bot.outbox.outbox import Outbox
from xmppgov.cap.words import MsgType, Severity
from xmppgov.errors import Conflict, NotFound
from xmppgov.i18n import Texts
from xmppgov.storage.database import Database
from xmppgov_alerts.config import Sender, check_severity
from xmppgov_alerts.model import (
    ALERT_ID,
    LONGEST_LIFE,
    NUDGE,
    RETRACTION,
    Accepted,
    Alert,
    AlertState,
    Body,
    CancelRequest,
    UpdateRequest,
)
from xmppgov_alerts.numbering import Numbering
from xmppgov_alerts.once import Once
from xmppgov_alerts.request import parse, wrong
from xmppgov_alerts.store import AlertStore

log = structlog.get_logger()
texts = Texts("xmppgov_alerts")
GRAVE = (Severity.EXTREME, Severity.SEVERE)
"""What is worth a new message beside the correction, about which clients keep quiet."""


class Changes:
    """Changes alerts that were accepted, for keys that reach their whole audience."""

    def __init__(
        self,
        *,
        store: AlertStore,
        outbox: Outbox,
        cipher: Cipher,
        numbering: Numbering,
        now: Callable[[], datetime],
    ) -> None:
        self._store, self._outbox, self._cipher = store, outbox, cipher
        self._numbering, self._now, self._once = numbering, now, Once(store)

    async def update(self, sender: Sender, alert_id: str, request_id: str, body: bytes) -> Accepted:
        """Put another text in the place of an alert's; `alert_id` is any message of its family.

        Raises:
            BadRequest, Unprocessable: the body asks for nothing that can be done.
            NotFound: there is no such alert, or the key may not reach its whole audience.
            NotAllowed: the alert is, or would be, graver than the key may send.
            Conflict: it is over; or the same id came before with another body.
        """
        mark = self._cipher.mark(f"update {alert_id}\n".encode() + body)
        if known := await self._once.before(sender, request_id, mark):
            return known
        request = parse(UpdateRequest, body)
        async with self._store.transaction() as tx:
            if known := await self._once.known(sender, request_id, mark):
                return known
            family = await self._family(tx, sender, alert_id)
            new = self._version(sender, family[-1], request, MsgType.UPDATE)
            check_severity(sender, new.severity)
            await self._put(tx, new, family, request.text, (request_id, mark))
            await self._correct(tx, new, family)
        self._outbox.wake()
        log.info("alert updated", alert=new.id, key=sender.name, version=new.version)
        return Accepted(new.id, new.number)

    async def cancel(self, sender: Sender, alert_id: str, request_id: str, body: bytes) -> Accepted:
        """Call an alert off; `alert_id` is any message of its family.

        Raises: as `update`.
        """
        mark = self._cipher.mark(f"cancel {alert_id}\n".encode() + body)
        if known := await self._once.before(sender, request_id, mark):
            return known
        request = parse(CancelRequest, body)
        async with self._store.transaction() as tx:
            if known := await self._once.known(sender, request_id, mark):
                return known
            family = await self._family(tx, sender, alert_id)
            new = self._version(sender, family[-1], request, MsgType.CANCEL)
            await self._put(tx, new, family, request.text or "", (request_id, mark))
            await self._call_off(tx, new, family)
        self._outbox.wake()
        log.info("alert cancelled", alert=new.id, key=sender.name, version=new.version)
        return Accepted(new.id, new.number)

    async def _family(self, tx: Database, sender: Sender, alert_id: str) -> list[Alert]:
        """Return the messages of an alert that `sender` may change now, the newest last."""
        known = await self._store.alert(alert_id) if ALERT_ID.fullmatch(alert_id) else None
        if known is None or not sender.scope.reaches_all(known.targets):
            raise NotFound(texts("There is no such alert."))
        family = await self._store.family(tx, known.family)
        check_severity(sender, family[-1].severity)
        if family[-1].msg_type is MsgType.CANCEL:
            raise Conflict(texts("This alert is cancelled already."))
        if family[-1].expires <= self._now():
            raise Conflict(texts("This alert has expired; send a new one."))
        return family

    def _version(self, sender: Sender, last: Alert, request: Body, msg_type: MsgType) -> Alert:
        """Return the version after `last`, with what the request changes."""
        created = self._now()
        given = request.model_dump(exclude_none=True, exclude={"text"})
        new = replace(
            last, id=self._numbering.id(), key_name=sender.name, created=created,
            msg_type=msg_type, version=last.version + 1, **given,
        )  # fmt: skip
        if not created < new.expires <= created + LONGEST_LIFE:
            raise wrong("expires")
        return new

    async def _put(
        self,
        tx: Database,
        new: Alert,
        family: Sequence[Alert],
        text: str,
        request: tuple[str, bytes],
    ) -> None:
        """Write the new version for the same people, and end the one before it."""
        cancels = new.msg_type is MsgType.CANCEL
        ended = AlertState.CANCELLED if cancels else AlertState.SUPERSEDED
        await self._store.close(tx, family[-1].id, ended)
        await self._store.add(tx, new, sealed=self._cipher.seal(text, new.id), request=request)
        await self._store.inherit_people(tx, new.id, family[0].id)

    async def _correct(self, tx: Database, new: Alert, family: Sequence[Alert]) -> None:
        """Send the new text to everybody, as a correction where something left."""
        left = await self._take_back(tx, family)
        expires = new.expires.timestamp()
        people = await self._store.addresses(tx, new.id)
        versions = [alert.id for alert in family]
        await self._outbox.add(
            tx, reference=new.id, recipients=people, expires=expires, of=versions
        )
        if new.severity in GRAVE or family[-1].severity in GRAVE:
            nudge = new.id + NUDGE
            await self._outbox.add(tx, reference=nudge, recipients=left, expires=expires)

    async def _call_off(self, tx: Database, new: Alert, family: Sequence[Alert]) -> None:
        """Retract what left, and say so in words to whom it left."""
        left = await self._take_back(tx, family)
        expires, versions = new.expires.timestamp(), [alert.id for alert in family]
        await self._outbox.retract(
            tx, reference=new.id + RETRACTION, recipients=left, expires=expires, of=versions
        )
        await self._outbox.add(tx, reference=new.id, recipients=left, expires=expires)

    async def _take_back(self, tx: Database, family: Sequence[Alert]) -> list[str]:
        """Withdraw what has not left of any version; return to whom one left."""
        for alert in family:
            for reference in (alert.id, alert.id + NUDGE):
                await self._outbox.withdraw(tx, reference=reference)
        return await self._outbox.left(tx, [alert.id for alert in family])
