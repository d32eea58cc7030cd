"""Tells a bot's owner what fails: once for each cause and hour, without anybody's content."""

from __future__ import annotations

import secrets
from datetime import timedelta

import structlog

from xmppgov.bot.letters.service import Letters
from xmppgov.clock import Clock
from xmppgov.i18n import Texts

log = structlog.get_logger()
texts = Texts("xmppgov.bot")
HOUR = 3600
LIFE = timedelta(days=1)


class Faults:
    """The faults of one bot; `owner` is a bare address, None where nobody wants to know."""

    def __init__(self, name: str, owner: str | None, letters: Letters, clock: Clock) -> None:
        self._name, self._owner, self._letters, self._clock = name, owner, letters, clock

    async def tell(self, cause: str, reference: str) -> None:
        """Tell the owner that `cause`, a command or a job, failed; the log has it by `reference`.

        The letter's own reference has the hour in it, so that a restart does not repeat it.
        """
        if self._owner is None:
            return
        hour = int(self._clock.now() // HOUR)
        text = texts(
            "{name}: “{cause}” failed; the log has it under {reference}. If it fails again, you "
            "are told once an hour.",
            name=self._name,
            cause=cause,
            reference=reference,
        )
        try:
            await self._letters.send(
                self._owner, text, reference=f"fault:{cause}:{hour}", life=LIFE
            )
        except Exception as error:
            log.error("the owner is not told", reference=secrets.token_hex(4), exc_info=error)
