"""Reports to who may see an alert: a key whose scope holds its whole audience."""

from __future__ import annotations

from collections.abc import AsyncIterator

from xmppgov.errors import NotFound
from xmppgov.i18n import Texts
from xmppgov_alerts.config import Sender
from xmppgov_alerts.model import ALERT_ID, Alert
from xmppgov_alerts.reports import table
from xmppgov_alerts.reports.model import PAGE, Report
from xmppgov_alerts.reports.store import ReportStore
from xmppgov_alerts.store import AlertStore
from xmppgov_alerts.wording import banner

texts = Texts("xmppgov_alerts")


class Reports:
    """Says where alerts stand, never with more than a page of recipients in memory."""

    def __init__(self, alerts: AlertStore, reports: ReportStore) -> None:
        self._alerts, self._reports = alerts, reports

    async def report(
        self, sender: Sender, alert_id: str, after: str | None = None, limit: int = PAGE
    ) -> Report:
        """Return where a message of an alert stands, with the page of recipients behind `after`.

        Raises:
            NotFound: there is none, or the key may not reach its whole audience.
        """
        alert = await self._seen_by(sender, alert_id)
        found = await self._reports.troubled_first(alert_id, after, limit + 1)
        return Report(
            alert=alert,
            banner=banner(alert.status),
            references=await self._reports.references(alert.family, alert.version),
            counts=await self._reports.counts(alert_id),
            recipients=found[:limit],
            next=found[limit - 1].person if len(found) > limit else None,
        )

    async def table(self, sender: Sender, alert_id: str) -> AsyncIterator[bytes]:
        """Return the report as CSV (RFC 4180), piece by piece, each person in it once.

        Raises:
            NotFound: as for `report`.
        """
        return self._pieces(await self._seen_by(sender, alert_id))

    async def _pieces(self, alert: Alert) -> AsyncIterator[bytes]:
        yield table.head()
        after = ""
        while page := await self._reports.by_person(alert.id, after, PAGE):
            yield table.lines(alert, page)
            after = page[-1].person

    async def _seen_by(self, sender: Sender, alert_id: str) -> Alert:
        alert = await self._alerts.alert(alert_id) if ALERT_ID.fullmatch(alert_id) else None
        if alert is None or not sender.scope.reaches_all(alert.targets):
            raise NotFound(texts("There is no such alert."))
        return alert
