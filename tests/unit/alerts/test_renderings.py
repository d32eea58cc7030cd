"""Everything that shows an alert shows its number, and first and last that an exercise is one."""

from __future__ import annotations

import csv
import io
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.unit.alerts.test_board import drawn, recipient, report
from xmppgov.cap.words import MsgType, Severity, Status
from xmppgov_alerts import wording
from xmppgov_alerts.model import Alert
from xmppgov_alerts.number import quoted
from xmppgov_alerts.reports import table
from xmppgov_alerts.reports.model import RecipientState, Report

NOW = datetime(2026, 11, 23, 3, 40, tzinfo=UTC)
ZONE = ZoneInfo("Europe/Paris")
ALERT = Alert(
    id="x" * 16, family="x" * 16, number="7F3K", key_name="k", targets=("group:a",),
    severity=Severity.EXTREME, lang="fr", created=NOW, expires=NOW + timedelta(hours=1),
)  # fmt: skip
UNREAL = [status for status in Status if status is not Status.ACTUAL]
alerts = st.builds(
    replace,
    st.just(ALERT),
    status=st.sampled_from(Status),
    severity=st.sampled_from(Severity),
    msg_type=st.sampled_from([MsgType.ALERT, MsgType.UPDATE, MsgType.CANCEL]),
    lang=st.sampled_from(["fr", "en", "en-GB", "de", "fr-CA"]),
    version=st.integers(1, 999),
)


def texts_of(alert: Alert, text: str) -> list[str]:
    return [wording.alert_text(alert, text, "Préfecture", ZONE), wording.nudge(alert)]


def frames(status: Status) -> str:
    banner = wording.banner(status)
    assert (banner is None) == (status is Status.ACTUAL)
    return banner or ""


@given(alerts, st.text(min_size=1, max_size=200))
def test_each_text_begins_and_ends_with_the_banner(alert: Alert, text: str) -> None:
    banner = frames(alert.status)
    for shown in texts_of(alert, text):
        lines = shown.splitlines()
        assert not banner or lines[0] == lines[-1] == banner
        assert banner or not any(frame in shown for frame in wording.STATUS_BANNERS.values())


@given(alerts, st.text(min_size=1, max_size=200))
def test_what_is_quoted_of_a_text_names_the_alert(alert: Alert, text: str) -> None:
    version = 1 if alert.msg_type is MsgType.CANCEL else alert.version
    shown = wording.alert_text(alert, text, "Préfecture", ZONE)
    assert quoted(" ".join(shown.split())[:80]) == ("7F3K", version)
    assert quoted(" ".join(wording.nudge(alert).split())[:80]) == ("7F3K", alert.version)


@given(alerts, st.lists(st.text(max_size=30), min_size=1, max_size=5))
def test_reports_begin_and_end_with_the_banner(alert: Alert, names: list[str]) -> None:
    banner = frames(alert.status)
    people = [RecipientState(f"p{n}", name, None, "queued", NOW) for n, name in enumerate(names)]
    written = (table.head() + table.lines(alert, people)).decode("utf-8-sig")
    head, *rows = csv.reader(io.StringIO(written, newline=""))
    assert (head[0], head[-1], len(rows)) == ("status", "banner", len(names))
    for row in rows:
        assert (row[0], row[-1]) == (banner or "Actual", banner)
        assert not row[7].startswith(("=", "+", "-", "@"))
    document = Report(alert, banner or None, (), {}, people).as_json()
    assert next(iter(document)) == "status"
    assert list(document.items())[-1] == ("banner", banner or None)


@pytest.mark.parametrize("status", UNREAL)
@pytest.mark.parametrize("locale", ["fr_FR.UTF-8", "en_GB.UTF-8"])
def test_the_board_begins_and_ends_with_the_banner(
    status: Status, locale: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("LC_ALL", locale)
    banner = frames(status)
    for kind in ("Alert", "Update", "Cancel"):
        one = report(recipient("queued"), banner=banner, msg_type=kind, references=["b"])
        lines = drawn(one).splitlines()
        assert lines[0] == lines[-1] == banner


def test_a_cancellation_says_so_first_and_asks_for_nothing() -> None:
    cancelled = replace(ALERT, msg_type=MsgType.CANCEL, version=2)
    shown = wording.alert_text(cancelled, "", "Préfecture", ZONE)
    assert shown.splitlines()[0] == "ANNULÉE : alerte n° 7F3K"
    assert "répondez" not in shown
    assert "Fausse alerte." in wording.alert_text(cancelled, "Fausse alerte.", "P", ZONE)
