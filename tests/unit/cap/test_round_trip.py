"""What is written is read back equal and is valid under CAP's schema; JSON as well."""

from __future__ import annotations

import xmlschema
from hypothesis import HealthCheck, given, settings

from tests.unit.cap.alerts import alerts
from tests.unit.cap.meaning import meaning
from xmppgov.cap.model import Alert
from xmppgov.cap.reading import Received, Signature, read
from xmppgov.cap.writing import write

MANY = settings(
    max_examples=60,
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large],
)


def exact(alert: Alert) -> str:
    """Return all of an alert as text: moments with their offsets, numbers with their digits."""
    return alert.model_dump_json()


@MANY
@given(alerts())
def test_what_is_written_is_read_back(alert: Alert) -> None:
    document = write(alert)
    received = read(document)
    assert received == Received(alert, "1.2", Signature.ABSENT)
    assert exact(received.alert) == exact(alert)
    assert dict(meaning(document)[1]).get("note") == alert.note
    assert Alert.model_validate_json(exact(alert)) == alert


@MANY
@given(alert=alerts())
def test_what_is_written_is_valid(schema: xmlschema.XMLSchema, alert: Alert) -> None:
    schema.validate(write(alert).decode())
