"""The one message that a bot sends in clear: a fixed sentence that the server's policy knows."""

from __future__ import annotations

import json
import uuid
from importlib.resources import files

from xmppgov.bot import stanza
from xmppgov.i18n import DEFAULT_LANGUAGE


class Notices:
    """The sentences of `xmppgov/notices.json`."""

    def __init__(self) -> None:
        text = (files("xmppgov") / "notices.json").read_text("utf-8")
        self._sentences: dict[str, dict[str, str]] = json.loads(text)

    def open_the_app(self, recipient: str) -> stanza.ET.Element:
        """Return the notice for somebody who cannot be encrypted for."""
        sentence = self._sentences["open-the-app"][DEFAULT_LANGUAGE]
        return stanza.plain_notice(recipient, uuid.uuid4().hex, sentence, DEFAULT_LANGUAGE)
