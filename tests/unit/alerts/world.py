"""A webhook on a free port with real SQLite; what it queues stays there, since no bot runs."""

from __future__ import annotations

import json
import secrets
import time
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import aiohttp

from xmppgov.archive.emitter.store import SCHEMA as EMITTER
from xmppgov.archive.emitter.verdicts.store import Undecided
from xmppgov.bot.letters.cipher import Cipher
from xmppgov.bot.notices import Notices
from xmppgov.bot.outbox.acceptance import Acceptance, OnAccepted
from xmppgov.bot.outbox.outbox import Outbox
from xmppgov.bot.outbox.store import AwaitedStore
from xmppgov.bot.store import SCHEMAS
from xmppgov.demo.prosody import Ports
from xmppgov.directory.model import Member
from xmppgov.errors import NotAllowed, NotFound, TooMany, Unreachable
from xmppgov.i18n import Text
from xmppgov.storage.database import Database
from xmppgov_alerts.config import KeySection, Sender, WebhookSection, read_senders
from xmppgov_alerts.reports.store import ReportStore
from xmppgov_alerts.service import Alerts
from xmppgov_alerts.signature import sign
from xmppgov_alerts.store import SCHEMA, AlertStore
from xmppgov_alerts.webhook import Webhook

ALICE = Member("p1", "Alice Durand", jid="alice@gov.example")
BOB = Member("p2", "Benoît Œuvrard", jid="bob@gov.example")
ZOE = Member("p3", "Zoé Sans-Compte")
AUDIENCES: dict[str, tuple[Member, ...]] = {
    "group:grp-1": (ALICE, BOB, ZOE),
    "group:grp-2": (BOB,),
    "group:grp-3": (ZOE,),
    "group:empty": (),
    "person:p1": (ALICE,),
    "body:pref-59": (ALICE,),
}
REFUSALS = {"group:silent": Unreachable, "group:denied": NotAllowed, "group:busy": TooMany}
MIGRATED = (*SCHEMAS, SCHEMA, EMITTER)
BOT = "alertes@gov.example"
TEXT_SECRET = "t" * 40


async def audience(to: str) -> Sequence[Member]:
    """Answer as the directory does."""
    if to in REFUSALS:
        raise REFUSALS[to](Text("xmppgov", "refused"))
    if to not in AUDIENCES:
        raise NotFound(Text("xmppgov", "unknown"))
    return AUDIENCES[to]


def free_port() -> int:
    """Return a port on which nothing listens now."""
    return Ports.free().webhook


def section(folder: Path, **keys: dict[str, Any]) -> WebhookSection:
    """Return a `[webhook]` with a key for each keyword; secrets lie in `folder`."""
    made = []
    for name, settings in keys.items():
        file = folder / f"{name}.secret"
        if not file.exists():
            file.touch(mode=0o600)
            file.write_text(secrets.token_urlsafe(24))
        made.append(KeySection(name=name, secret_file=file, **{"scope": ["group:*"], **settings}))
    return WebhookSection(port=free_port(), keys=made)


@dataclass
class Clock:
    """Real time, which a test may move."""

    ahead: timedelta = timedelta()

    def __call__(self) -> datetime:
        return datetime.now(UTC) + self.ahead


@dataclass
class World:
    """One running webhook and its parts."""

    database: Database
    alerts: Alerts
    outbox: Outbox
    senders: dict[str, Sender]
    section: WebhookSection
    clock: Clock
    session: aiohttp.ClientSession
    url: str = field(init=False)

    def __post_init__(self) -> None:
        self.url = self.section.address

    async def post(
        self,
        document: object,
        *,
        key: str = "one",
        id: str | None = None,
        skew: int = 0,
        headers: dict[str, str] | None = None,
        path: str = "/v1/alerts",
    ) -> tuple[int, Any]:
        """Sign and post; return the status and the document that is answered."""
        body = document if isinstance(document, bytes) else json.dumps(document).encode()
        signed = self.signed(body, key=key, id=id, skew=skew)
        signed["Content-Type"] = "application/json"
        async with self.session.post(
            self.url + path, data=body, headers={**signed, **(headers or {})}
        ) as answer:
            return answer.status, json.loads(await answer.read())

    async def get(self, alert_id: str, *, key: str = "one", query: str = "") -> tuple[int, Any]:
        async with self.session.get(
            f"{self.url}/v1/alerts/{alert_id}{query}", headers=self.signed(b"", key=key)
        ) as answer:
            return answer.status, json.loads(await answer.read())

    async def table(self, alert_id: str, *, key: str = "one") -> tuple[int, bytes]:
        async with self.session.get(
            f"{self.url}/v1/alerts/{alert_id}/report.csv", headers=self.signed(b"", key=key)
        ) as answer:
            return answer.status, await answer.read()

    def signed(
        self, body: bytes, *, key: str = "one", id: str | None = None, skew: int = 0
    ) -> dict[str, str]:
        secret = self.senders[key].key.secret
        return sign(secret, id or secrets.token_hex(8), int(time.time()) + skew, body)


def outbox_of(database: Database, on_accepted: OnAccepted | None = None) -> Outbox:
    """An outbox that keeps what it is given: nothing of it is sent without a bot."""
    unused: Any = None
    acceptance = Acceptance(
        store=AwaitedStore(database), archive=unused, deliveries=unused, on_accepted=on_accepted
    )
    return Outbox(
        database=database, omemo=unused, account=unused, acceptance=acceptance, render=None,
        notices=Notices(),
    )  # fmt: skip


@asynccontextmanager
async def world(
    folder: Path, secret: str = TEXT_SECRET, **keys: dict[str, Any]
) -> AsyncIterator[World]:
    """Run a webhook below `folder`, with the key `one` for all groups unless `keys` are named."""
    config = section(folder, **(keys or {"one": {}}))
    senders = read_senders(config)
    database = await Database.open(folder / "db" / "alerts.sqlite", *MIGRATED)
    clock = Clock()
    outbox = outbox_of(database, lambda tx, departures: alerts.accepted(tx, departures))
    alerts = Alerts(
        address=BOT,
        emit=Undecided(database).append,
        store=AlertStore(database),
        reports=ReportStore(database),
        outbox=outbox,
        audience=audience,
        cipher=Cipher(secret, "alert"),
        senders=senders,
        zone=ZoneInfo("Europe/Paris"),
        default_life=timedelta(hours=24),
        now=clock,
    )
    try:
        async with (
            Webhook(config, alerts=alerts, senders=senders),
            aiohttp.ClientSession() as session,
        ):
            yield World(database, alerts, outbox, senders, config, clock, session)
    finally:
        await database.close()
