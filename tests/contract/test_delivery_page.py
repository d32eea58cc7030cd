"""docs/protocol/delivery.md: its examples are what the bot writes and reads."""

from __future__ import annotations

import re
import xml.etree.ElementTree as ET
from datetime import UTC, datetime
from pathlib import Path

from xmppgov.bot.deliveries import missing, question

PAGE = Path(__file__).parents[2] / "docs" / "protocol" / "delivery.md"
ASKED, ANSWERED = map(ET.fromstring, re.findall(r"```xml\n(.*?)```", PAGE.read_text(), re.DOTALL))
MESSAGES = {"5f1c0d": "alice@gov.example", "77aa21": "bob@gov.example"}


def test_the_question_is_what_the_bot_asks() -> None:
    since = datetime(2026, 11, 24, 14, tzinfo=UTC).timestamp()
    shown = ET.canonicalize(ET.tostring(ASKED[0]), strip_text=True)
    assert shown == ET.canonicalize(ET.tostring(question(MESSAGES, since)))


def test_the_answer_is_what_the_bot_reads() -> None:
    assert missing(ANSWERED) == [("77aa21", "bob@gov.example")]
