"""What people read: an alert as plain text (XEP-0393 styling), and the bot's few answers."""

from __future__ import annotations

from datetime import datetime
from zoneinfo import ZoneInfo

from babel.dates import format_datetime

from xmppgov.i18n import Text, Texts, choose_language
from xmppgov_alerts.model import Alert, Severity

texts = Texts("xmppgov_alerts")

BANNERS = {
    Severity.EXTREME: texts("🔴 *EXTREME ALERT*"),
    Severity.SEVERE: texts("🟠 *SEVERE ALERT*"),
    Severity.MODERATE: texts("🟡 *MODERATE ALERT*"),
    Severity.MINOR: texts("🔵 *MINOR ALERT*"),
    Severity.UNKNOWN: texts("⚪ *ALERT*"),
}


def alert_text(alert: Alert, text: str, sender: str, zone: ZoneInfo) -> str:
    """Return what a recipient reads; the frame is in the language of the text."""
    origin = texts("From: {sender}, {time}.", sender=sender, time=moment(alert, zone))
    how = texts("To confirm, answer “received”.")
    banner, source, instruction = (
        sentence.in_language(alert.lang) for sentence in (BANNERS[alert.severity], origin, how)
    )
    return f"{banner}\n\n{text}\n\n{source}\n{instruction}"


def moment(alert: Alert, zone: ZoneInfo) -> str:
    """Write when an alert was made, with the offset: the country spans many time zones."""
    local: datetime = alert.created.astimezone(zone)
    return format_datetime(local, "d MMMM y, HH:mm (ZZZZ)", locale=choose_language(alert.lang))


def noted(alert: Alert, remaining: int, zone: ZoneInfo) -> Text:
    """Tell a person that a confirmation counts, and how many alerts still wait for one."""
    time = moment(alert, zone)
    if remaining:
        return texts(
            "Noted: you have confirmed the alert of {time}. Still to confirm: {count}; answer "
            "“received” again.",
            time=time,
            count=remaining,
        )
    return texts("Noted: you have confirmed the alert of {time}.", time=time)


def already_noted() -> Text:
    """Tell a person who confirms twice."""
    return texts("Your confirmation was already noted; no other alert waits for one.")


def nothing_waits() -> Text:
    """Tell a person who confirms although no alert is open for them."""
    return texts("No alert waits for your confirmation.")


def usage() -> Text:
    """Tell a person what the bot is for, and what it never does."""
    return texts(
        "I bring alerts. To confirm one, answer “received” or “ok”. Nobody can start an alert by "
        "writing to me."
    )
