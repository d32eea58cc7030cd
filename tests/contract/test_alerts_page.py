"""docs/protocol/alerts.md says what the webhook does: requests, documents, errors, settings."""

import json
import re
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from xmppgov.config import load
from xmppgov_alerts.config import AlertsSettings
from xmppgov_alerts.model import STATES, Alert, RecipientState, Report, Severity, troubled_first
from xmppgov_alerts.problem import STATUSES
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


@pytest.mark.parametrize("method", ["POST", "GET"])
def test_its_requests_are_signed(method: str) -> None:
    headers, body = request(method)
    sent = int(headers[TIMESTAMP])
    assert verify((KEY,), headers, body, sent + WINDOW) is KEY
    assert verify((KEY,), headers, body + b" ", sent) is None


def test_its_alert_is_taken() -> None:
    alert = parse(request("POST")[1])
    assert alert.severity is Severity.SEVERE
    assert alert.to == ["body:pref-59", "group:grp-1"]


def test_its_report_is_what_the_service_writes() -> None:
    document: dict[str, Any] = json.loads(examples("json")[0])

    def moment(text: str) -> datetime:
        return datetime.fromisoformat(text)

    alert = Alert(
        document["id"], "prefecture", ("body:pref-59",), Severity(document["severity"]), "fr",
        moment(document["created"]), moment(document["expires"]),
    )  # fmt: skip
    people = [
        RecipientState(r["name"], r["jid"], r["state"], r["reason"], moment(r["since"]))
        for r in reversed(document["recipients"])
    ]
    written = Report(alert, troubled_first(people)).as_json()
    assert written == document
    assert list(written) == list(document)
    assert alert.expires - alert.created == timedelta(hours=24)
    assert alert.created.tzinfo == UTC


def test_every_state_and_status_is_explained() -> None:
    for state in STATES:
        assert f"| `{state}` |" in PAGE
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
