"""What people read: an alert as plain text (XEP-0393 styling), and the bot's few answers."""

from __future__ import annotations

from datetime import datetime
from zoneinfo import ZoneInfo

from babel.dates import format_datetime

from xmppgov.cap.words import MsgType, Severity, Status
from xmppgov.i18n import Text, Texts, choose_language
from xmppgov_alerts.model import Alert
from xmppgov_alerts.number import shown

texts = Texts("xmppgov_alerts")

BANNERS = {
    Severity.EXTREME: texts("🔴 *EXTREME ALERT*"),
    Severity.SEVERE: texts("🟠 *SEVERE ALERT*"),
    Severity.MODERATE: texts("🟡 *MODERATE ALERT*"),
    Severity.MINOR: texts("🔵 *MINOR ALERT*"),
    Severity.UNKNOWN: texts("⚪ *ALERT*"),
}


STATUS_BANNERS = {
    Status.EXERCISE: "EXERCICE — EXERCISE",
    Status.SYSTEM: "SYSTÈME — SYSTEM",
    Status.TEST: "TEST — TEST",
    Status.DRAFT: "PROJET — DRAFT",
}
"""What stands first and last wherever an alert is shown that is none; in both languages at once."""


def banner(status: Status) -> str | None:
    """Return what an alert of a status begins and ends with; None for an actual one."""
    return STATUS_BANNERS.get(status)


def framed(status: Status, text: str) -> str:
    """Put the banner of a status before and behind a text."""
    frame = banner(status)
    return f"{frame}\n{text}\n{frame}" if frame else text


def alert_text(alert: Alert, text: str, sender: str, zone: ZoneInfo) -> str:
    """Return what a recipient reads of an alert, an update or a cancellation.

    The frame is in the language of the text. Its first 80 characters hold the number, because
    that much is quoted by who reacts with a client that cannot encrypt a reaction.
    """
    cancelled = alert.msg_type is MsgType.CANCEL
    source = texts("From: {sender}, {time}.", sender=sender, time=moment(alert, zone))
    how = texts("To confirm, answer “received”, or “received {number}”.", number=alert.number)
    heading = (_cancelled if cancelled else _heading)(alert).in_language(alert.lang)
    end = [source] if cancelled else [source, how]
    foot = "\n".join(sentence.in_language(alert.lang) for sentence in end)
    return framed(alert.status, "\n\n".join(filter(None, (heading, text, foot))))


def nudge(alert: Alert) -> str:
    """Return the short new message that an alert was updated; clients keep quiet about that."""
    number = shown(alert.number, alert.version)
    sentence = texts("No. {number}: updated, read the alert again.", number=number)
    return framed(alert.status, sentence.in_language(alert.lang))


def _heading(alert: Alert) -> Text:
    number = shown(alert.number, alert.version)
    return texts("{banner} No. {number}", banner=BANNERS[alert.severity], number=number)


def _cancelled(alert: Alert) -> Text:
    return texts("CANCELLED: alert No. {number}", number=alert.number)


def moment(alert: Alert, zone: ZoneInfo) -> str:
    """Write when an alert was made, with the offset: the country spans many time zones."""
    local: datetime = alert.created.astimezone(zone)
    return format_datetime(local, "d MMMM y, HH:mm (ZZZZ)", locale=choose_language(alert.lang))


def noted(alert: Alert, remaining: int, zone: ZoneInfo) -> Text:
    """Tell a person that a confirmation counts, and how many alerts still wait for one."""
    cancelled = alert.msg_type is MsgType.CANCEL
    number = alert.number if cancelled else shown(alert.number, alert.version)
    time = moment(alert, zone)
    if remaining:
        return texts(
            "Noted: you have confirmed the alert No. {number} of {time}. Still to confirm: "
            "{count}; answer “received” again.",
            number=number,
            time=time,
            count=remaining,
        )
    return texts(
        "Noted: you have confirmed the alert No. {number} of {time}.", number=number, time=time
    )


def no_such_number(number: str) -> Text:
    """Tell a person who confirms by a number that none of their alerts has."""
    return texts("No alert No. {number} waits for your confirmation.", number=number)


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
