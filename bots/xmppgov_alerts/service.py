"""The use cases of alerts: accept a request, give its text, count an answer, expire.

Accepting is one transaction: the alert with its sealed text, its frozen audience, and one outbox
row for each person with an account. A crash before its commit leaves nothing, and the sender asks
again; after it the outbox does the rest, and a repeated request is answered with the same id.
"""

from __future__ import annotations

import os
import time
from collections.abc import Awaitable, Callable, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import structlog

from xmppgov.archive.emitter.model import Event
from xmppgov.bot.letters.cipher import Cipher
from xmppgov.bot.limits import Limit
from xmppgov.bot.model import Incoming
from xmppgov.bot.outbox.model import Departure
from xmppgov.bot.outbox.outbox import Outbox
from xmppgov.directory.model import Member
from xmppgov.errors import (
    BadRequest,
    ConfigurationError,
    NotAllowed,
    NotFound,
    RemoteFault,
    Unreachable,
)
from xmppgov.i18n import Text, Texts
from xmppgov.storage.database import Database
from xmppgov_alerts import wording
from xmppgov_alerts.answer import Answer, read
from xmppgov_alerts.changes.service import Changes
from xmppgov_alerts.config import Sender, check_severity
from xmppgov_alerts.errors import Unprocessable
from xmppgov_alerts.model import (
    LONGEST_LIFE,
    NUDGE,
    RETRACTION,
    Accepted,
    Alert,
    AlertRequest,
    Person,
    distinct,
    message_of,
)
from xmppgov_alerts.numbering import Numbering
from xmppgov_alerts.once import Once
from xmppgov_alerts.reports.service import Reports
from xmppgov_alerts.reports.store import ReportStore
from xmppgov_alerts.request import parse, wrong
from xmppgov_alerts.store import AlertStore

log = structlog.get_logger()
texts = Texts("xmppgov_alerts")
Emit = Callable[[Database, Sequence[Event]], Awaitable[None]]
"""Tells the archive of events, in the transaction that they come with."""
Audience = Callable[[str], Awaitable[Sequence[Member]]]
"""Who is meant by `group:…` today; raises `NotFound` for what the directory does not know."""


class Alerts:
    """Everything that can be done with alerts; no HTTP, no stanza, no SQL."""

    def __init__(
        self,
        *,
        address: str,
        store: AlertStore,
        reports: ReportStore,
        outbox: Outbox,
        emit: Emit,
        audience: Audience,
        cipher: Cipher,
        senders: Mapping[str, Sender],
        zone: ZoneInfo,
        default_life: timedelta,
        now: Callable[[], datetime] = lambda: datetime.now(UTC),
        random: Callable[[int], bytes] = os.urandom,
    ) -> None:
        self._address, self._store, self._outbox = address, store, outbox
        self._emit, self._audience = emit, audience
        self._cipher, self._senders, self._zone = cipher, senders, zone
        self._default_life, self._now = default_life, now
        self._numbering, self._once = Numbering(store, random), Once(store)
        self.changes = Changes(
            store=store, outbox=outbox, cipher=cipher, numbering=self._numbering, now=now
        )
        self.reports = Reports(store, reports)
        self._log_is_clean = False
        self._chatter = Limit(burst=5, rate=1 / 60)

    async def check_key(self) -> None:
        """Try the key of texts on what is stored.

        Raises:
            ConfigurationError: it is another key than the one that open alerts were sealed with.
        """
        stored = await self._store.any_sealed()
        try:
            if stored:
                self._cipher.open(stored[1], stored[0])
        except ValueError as error:
            raise ConfigurationError(
                texts(
                    "alerts.text_key_file is not the key that the stored alerts were sealed with; "
                    "put the former key back."
                )
            ) from error

    async def accept(self, sender: Sender, request_id: str, body: bytes) -> Accepted:
        """Take the request `request_id` of `sender`; return the alert's id and number.

        Raises:
            BadRequest, Unprocessable: the body asks for nothing that can be done.
            NotAllowed: an audience or the severity is outside the key's scope.
            Conflict: the same id came before with another body.
            Unreachable: the directory does not answer; nothing was kept, ask again.
        """
        mark = self._cipher.mark(body)
        if known := await self._once.before(sender, request_id, mark):
            return known
        request = parse(AlertRequest, body)
        _check_scope(sender, request)
        people = await self._people(request)
        async with self._store.transaction() as tx:
            if known := await self._once.known(sender, request_id, mark):
                return known
            alert = self._alert(sender, request, await self._numbering.number(tx))
            sealed = self._cipher.seal(request.text, alert.id)
            await self._store.add(tx, alert, sealed=sealed, request=(request_id, mark))
            await self._store.add_people(tx, alert.id, people)
            reachable = [person.jid for person in people if person.jid]
            await self._outbox.add(
                tx, reference=alert.id, recipients=reachable, expires=alert.expires.timestamp()
            )
        self._outbox.wake()
        log.info("alert accepted", alert=alert.id, key=sender.name, people=len(people))
        return Accepted(alert.id, alert.number)

    async def render(self, reference: str, recipient: str) -> str:
        """Return what a recipient reads of the outbox's text `reference`.

        Raises:
            NotFound: there is no such alert, or its text is wiped.
        """
        found = await self._store.with_text(message_of(reference))
        if found is None:
            raise NotFound(texts("There is no such alert."))
        alert, sealed = found
        if reference.endswith(NUDGE):
            return wording.nudge(alert)
        sender = self._senders.get(alert.key_name)
        label = sender.label if sender else alert.key_name
        return wording.alert_text(alert, self._cipher.open(sealed, alert.id), label, self._zone)

    async def accepted(self, tx: Database, departures: Sequence[Departure]) -> None:
        """Tell the archive of texts, and of notices about them, that the server has taken.

        A retraction has no record: it holds nothing, and what it retracts has one.
        """
        told = [one for one in departures if not one.reference.endswith(RETRACTION)]
        await self._emit(tx, [_sent(self._address, departure) for departure in told])

    async def answer(self, tx: Database, incoming: Incoming) -> Text | None:
        """Count an answer inside the transaction of its ratchet step; return what to say.

        A reaction confirms the alert that it is for, a number the alert that has it. A word alone
        confirms one alert, the newest that was handed to the person and is not confirmed: nobody
        confirms without being told what arrived while they were typing.
        """
        answer = read(incoming)
        if answer is None:
            return self._said(incoming, wording.usage())
        mine = await self._store.waiting(tx, incoming.sender)
        handed = [r for r in await self._outbox.references(tx, incoming.sender) if r in mine]
        meant = await self._meant(tx, incoming, answer)
        fitting = [mine[reference] for reference in handed if meant(mine[reference][0])]
        alert = next((alert for alert, confirmed in fitting if not confirmed), None)
        if alert is None:
            return self._said(incoming, _nothing_to_confirm(answer, fitting))
        remaining = sum(not mine[reference][1] for reference in handed) - 1
        await self._store.confirm(tx, alert.id, incoming.sender, answer.how, self._now())
        sent = await self._outbox.acknowledged(tx, reference=alert.id, recipient=incoming.sender)
        await self._emit(tx, [Event("alert-ack", incoming.sender, to=self._address, oid=sent)])
        return wording.noted(alert, remaining, self._zone)

    async def _meant(
        self, tx: Database, incoming: Incoming, answer: Answer
    ) -> Callable[[Alert], bool]:
        """Return which alerts an answer may confirm."""
        target = incoming.target
        if target and target.id:
            found = await self._outbox.reference_of(tx, target.id, incoming.sender)
            return lambda alert: found is not None and alert.id == message_of(found)
        if target and answer.number is None:
            return lambda alert: False  # it quotes something else
        return answer.names

    def _said(self, incoming: Incoming, text: Text) -> Text | None:
        """Return `text`, unless it was said often: somebody's automatic answer would never end."""
        return text if self._chatter.allow(incoming.sender, time.monotonic()) else None

    async def expire(self) -> datetime | None:
        """Wipe what is over; return when the next alert will be.

        The wiped pages leave the write-ahead log as well; while a reader keeps it, that waits.
        """
        due = await self._store.next_expiry()
        if due is not None and due <= self._now():
            async with self._store.transaction() as tx:
                expired = await self._store.expire(tx, self._now())
            await self._outbox.expire()  # its own turn waits for the server, the clock does not
            log.info("alerts expired and wiped", count=len(expired))
            self._log_is_clean = False
            due = await self._store.next_expiry()
        if not self._log_is_clean:
            self._log_is_clean = await self._store.empty_log()
        return due

    def _alert(self, sender: Sender, request: AlertRequest, number: str) -> Alert:
        created = self._now()
        expires = request.expires or created + self._default_life
        if not created < expires <= created + LONGEST_LIFE:
            raise wrong("expires")
        id = self._numbering.id()
        return Alert(
            id=id,
            family=id,
            number=number,
            key_name=sender.name,
            targets=tuple(request.to),
            severity=request.severity,
            lang=request.lang,
            created=created,
            expires=expires,
            status=request.status,
        )

    async def _people(self, request: AlertRequest) -> list[Person]:
        found: list[Person] = []
        for target in dict.fromkeys(request.to):
            members = await self._members(target)
            found += [Person(m.person, m.name, m.jid.lower() if m.jid else None) for m in members]
        if not found:
            raise Unprocessable(texts("This audience is empty today; nobody would be alerted."))
        return distinct(found)

    async def _members(self, target: str) -> Sequence[Member]:
        try:
            return await self._audience(target)
        except (NotFound, BadRequest) as error:
            raise Unprocessable(
                texts("{target}: the directory knows no such audience.", target=target)
            ) from error
        except RemoteFault as error:
            log.error("the directory refuses the alerts bot", condition=error.condition)
            raise Unreachable(
                texts("The directory does not answer the alerts service; the operator knows why.")
            ) from error


def _sent(address: str, departure: Departure) -> Event:
    return Event(
        "alert-sent",
        address,
        to=departure.recipient,
        size=departure.size,
        enc="omemo:siacs" if departure.encrypted else "none",
        oid=departure.id,
    )


def _check_scope(sender: Sender, request: AlertRequest) -> None:
    outside = next((t for t in request.to if not sender.scope.reaches(t)), None)
    if outside is not None:
        raise NotAllowed(texts("{target}: outside the scope of this key.", target=outside))
    check_severity(sender, request.severity)


def _nothing_to_confirm(answer: Answer, fitting: Sequence[tuple[Alert, bool]]) -> Text:
    if fitting:
        return wording.already_noted()
    return wording.no_such_number(answer.number) if answer.number else wording.nothing_waits()
