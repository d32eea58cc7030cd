"""docs/protocol/alerts.md says what the webhook does: requests, documents, errors, settings."""

import json
import re
from collections import Counter
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from xmppgov.cap.words import Severity, Status
from xmppgov.config import load
from xmppgov_alerts.config import AlertsSettings
from xmppgov_alerts.model import (
    Alert,
    AlertRequest,
    CancelRequest,
    How,
    UpdateRequest,
)
from xmppgov_alerts.problem import STATUSES
from xmppgov_alerts.reports.model import STATES, RecipientState, Report
from xmppgov_alerts.request import parse
from xmppgov_alerts.signature import TIMESTAMP, WINDOW, Key, secret_bytes, verify

PAGE = (Path(__file__).parents[2] / "docs" / "protocol" / "alerts.md").read_text("utf-8")
KEY = Key("page", secret_bytes("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"))


def examples(language: str) -> list[str]:
    return re.findall(rf"```{language}\n(.*?)\n```", PAGE, re.DOTALL)


def request(method: str) -> tuple[dict[str, str], bytes]:
    """Return the headers and the body of the page's request."""
    text = next(example for example in examples("http") if example.startswith(method))
    head, _, body = text.partition("\n\n")
    lines = head.removesuffix("\n").splitlines()[1:]
    headers = dict(line.split(": ", 1) for line in lines)
    return headers, body.encode()


@pytest.mark.parametrize(
    "method",
    [
        "POST /v1/alerts ",
        "POST /v1/alerts/8bp42nefx5m1kejh/u",
        "POST /v1/alerts/8bp42nefx5m1kejh/c",
        "GET",
    ],
)
def test_its_requests_are_signed(method: str) -> None:
    headers, body = request(method)
    sent = int(headers[TIMESTAMP])
    assert verify((KEY,), headers, body, sent + WINDOW) is KEY
    assert verify((KEY,), headers, body + b" ", sent) is None


def test_its_alert_is_taken() -> None:
    alert = parse(AlertRequest, request("POST /v1/alerts ")[1])
    assert alert.severity is Severity.SEVERE
    assert alert.to == ["body:pref-59", "group:grp-1"]
    update = parse(UpdateRequest, request("POST /v1/alerts/8bp42nefx5m1kejh/u")[1])
    assert update.severity is Severity.EXTREME
    assert parse(CancelRequest, request("POST /v1/alerts/8bp42nefx5m1kejh/c")[1]).text


def test_its_report_is_what_the_service_writes() -> None:
    document: dict[str, Any] = json.loads(examples("json")[0])

    def moment(text: str) -> datetime:
        return datetime.fromisoformat(text)

    alert = Alert(
        id=document["id"], family=document["id"], number=document["number"],
        key_name="prefecture", targets=("body:pref-59",), severity=Severity(document["severity"]),
        lang="fr", created=moment(document["created"]), expires=moment(document["expires"]),
        status=Status(document["status"]),
    )  # fmt: skip
    people = [
        RecipientState(
            "p", r["name"], r["jid"], r["state"], moment(r["since"]), r["reason"], r["as"],
            r["how"], r["nudge"], r["retraction"],
        )
        for r in document["recipients"]
    ]  # fmt: skip
    counts = Counter(person.state for person in people)
    written = Report(alert, None, (), counts, people).as_json()
    assert written == document
    assert list(written) == list(document)
    assert alert.expires - alert.created == timedelta(hours=24)
    assert alert.created.tzinfo == UTC


def test_every_state_and_status_is_explained() -> None:
    for state in STATES:
        assert f"| `{state}` |" in PAGE
    for how in How:
        assert f"| `{how}` |" in PAGE
    listed = dict(re.findall(r"^\| (\d{3}) \| `([a-z-]+)` \|", PAGE, re.MULTILINE))
    known = {str(status): name for status, name in STATUSES.values()} | {"500": "internal"}
    assert listed == known


def test_its_problem_document_is_one() -> None:
    document = json.loads(examples("json")[1])
    assert (document["status"], document["title"]) in STATUSES.values()
    assert document["type"] == f"urn:xmppgov:problem:{document['title']}"


def test_its_configuration_loads_and_names_every_setting(tmp_path: Path) -> None:
    (file := tmp_path / "alerts.toml").write_text(examples("toml")[0])
    settings = load(AlertsSettings, file)
    written = settings.model_dump(exclude_unset=True)
    for section in (settings.bot, settings.alerts, settings.webhook, settings.webhook.keys[0]):
        assert section.model_fields_set == set(type(section).model_fields)
    assert written["webhook"]["keys"][0]["name"] == "prefecture"
    assert settings.webhook.address == "http://127.0.0.1:17004"
