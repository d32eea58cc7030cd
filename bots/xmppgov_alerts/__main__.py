"""Wires the alerts bot and runs it: `xmppgov run alerts --config FILE`."""

from __future__ import annotations

import sys
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path

from xmppgov.archive.emitter.client import emitting
from xmppgov.archive.emitter.store import SCHEMA as EMITTER
from xmppgov.archive.emitter.verdicts.store import Undecided
from xmppgov.bot import Bot
from xmppgov.bot.running import Running
from xmppgov.bot.store import SCHEMAS
from xmppgov.config import load
from xmppgov.directory.client import DirectoryClient
from xmppgov.logs import configure_logging
from xmppgov.process import run
from xmppgov.storage.database import Database
from xmppgov_alerts import wording
from xmppgov_alerts.config import AlertsSettings, read_cipher, read_senders, zone
from xmppgov_alerts.expiry import Expiry
from xmppgov_alerts.reports.store import ReportStore
from xmppgov_alerts.service import Alerts
from xmppgov_alerts.store import SCHEMA, AlertStore
from xmppgov_alerts.webhook import Webhook

PATIENCE = 8.0  # seconds for an answer of the directory; who alerts waits for it


def _now() -> datetime:
    return datetime.now(UTC)


@asynccontextmanager
async def build(config: AlertsSettings) -> AsyncIterator[Alerts]:
    """The alerts bot, connected, sending and listening while the block runs."""
    cipher = read_cipher(config.alerts, config.bot.database)
    senders = read_senders(config.webhook)
    async with AsyncExitStack() as stack:
        database = await Database.open(config.bot.database, *SCHEMAS, SCHEMA, EMITTER)
        stack.push_async_callback(database.close)
        events = Undecided(database)
        bot = Running(
            Bot("alertes", introduction=wording.usage()),
            config.xmpp,
            database=database,
            domains=config.bot.domains,
            render=lambda reference, recipient: alerts.render(reference, recipient),
            on_message=lambda tx, incoming: alerts.answer(tx, incoming),
            on_accepted=lambda tx, departures: alerts.accepted(tx, departures),
        )
        directory = DirectoryClient(bot.account, config.bot.directory, timeout=PATIENCE)
        alerts = Alerts(
            address=bot.account.bare,
            store=AlertStore(database),
            reports=ReportStore(database),
            outbox=bot.outbox,
            emit=events.append,
            audience=directory.audience,
            cipher=cipher,
            senders=senders,
            zone=zone(config.alerts),
            default_life=timedelta(hours=config.alerts.default_expiry_hours),
            now=_now,
        )
        await alerts.check_key()
        await stack.enter_async_context(emitting(events, bot.account, config.emitter))
        await stack.enter_async_context(bot)
        await stack.enter_async_context(Expiry(alerts.expire, now=_now))
        await stack.enter_async_context(Webhook(config.webhook, alerts=alerts, senders=senders))
        yield alerts


def main(config_path: Path) -> None:
    """Run the alerts bot until SIGINT or SIGTERM."""
    config = load(AlertsSettings, config_path)
    configure_logging(config.log)
    run(build(config))


if __name__ == "__main__":
    main(Path(sys.argv[1]))
