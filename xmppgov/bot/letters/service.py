"""Sends letters: a sealed text and its delivery are one commit, and the outbox does the rest.

What a crash means: before the commit nothing was sent, and whoever asks again sends it; after it
the letter goes out after the start, and whoever asks again changes nothing.
"""

from __future__ import annotations

import secrets
from collections.abc import Collection, Iterable
from datetime import timedelta

import structlog

from xmppgov.bot.letters.cipher import Cipher
from xmppgov.bot.letters.store import LetterStore
from xmppgov.bot.outbox.outbox import Outbox
from xmppgov.bot.outbox.store import LETTER
from xmppgov.clock import Clock
from xmppgov.errors import ConfigurationError, NotFound
from xmppgov.i18n import Text, Texts
from xmppgov.storage.database import Database

log = structlog.get_logger()
texts = Texts("xmppgov.bot")
SETTING = "bot.text_key_file"
MEMORY = timedelta(days=90)
"""For so long after its end a letter is remembered, so that nobody gets it twice."""
SWEEP = 600.0  # seconds between two looks at what is no longer needed


class Letters:
    """The letters of one bot; `cipher` is None where the configuration names no key of texts."""

    def __init__(
        self, *, database: Database, outbox: Outbox, cipher: Cipher | None, clock: Clock
    ) -> None:
        self._database, self._store = database, LetterStore(database)
        self._outbox, self._cipher, self._clock = outbox, cipher, clock

    async def check_key(self) -> None:
        """Try the key of texts on what is stored.

        Raises:
            ConfigurationError: it is another key than the one that letters were sealed with.
        """
        stored = await self._store.any()
        try:
            if stored:
                reference, recipient, sealed = stored
                self._key().open(sealed, _id(reference, recipient))
        except ValueError as error:
            raise ConfigurationError(
                texts(
                    "{setting} is not the key that the stored letters were sealed with; put the "
                    "former key back.",
                    setting=SETTING,
                )
            ) from error

    async def send(
        self,
        to: str | Iterable[str],
        text: Text | str,
        *,
        reference: str,
        life: timedelta,
        language: str | None = None,
        tx: Database | None = None,
    ) -> None:
        """Send `text` to bare addresses; the same `reference` reaches each of them once.

        Args:
            life: for so long it is tried; then it is given up and its text erased.
            tx: the transaction of the caller's own rows, with which it is committed or not.

        Raises:
            ConfigurationError: the configuration names no key of texts.
            ValueError: an address is none, or `life` is over.
        """
        recipients = _addresses(to)
        if life <= timedelta():
            raise ValueError("a letter's life is longer than nothing")
        said = text.in_language(language) if isinstance(text, Text) else text
        if tx is None:
            async with self._database.transaction() as own:
                await self._add(own, LETTER + reference, recipients, said, life)
        else:
            await self._add(tx, LETTER + reference, recipients, said, life)
        self._outbox.wake()

    async def _add(
        self, tx: Database, reference: str, to: Collection[str], text: str, life: timedelta
    ) -> None:
        cipher = self._key()
        for jid in to:
            await self._store.add(tx, reference, jid, cipher.seal(text, _id(reference, jid)))
        expires = self._clock.now() + life.total_seconds()
        await self._outbox.add(tx, reference=reference, recipients=to, expires=expires)

    async def render(self, reference: str, recipient: str) -> str:
        """Return a letter's text for the outbox. Raises `NotFound` where it is erased."""
        sealed = await self._store.sealed(reference, recipient)
        if sealed is None:
            raise NotFound(texts("The letter's text is erased."))
        return self._key().open(sealed, _id(reference, recipient))

    async def keep(self) -> None:
        """Leave no copy of what is erased, and forget old deliveries, until cancelled."""
        while True:
            try:
                await self._sweep()
            except Exception as error:
                reference = secrets.token_hex(4)
                log.error("letters were not swept", reference=reference, exc_info=error)
            await self._clock.sleep(SWEEP)

    async def _sweep(self) -> None:
        before = self._clock.now() - MEMORY.total_seconds()
        async with self._database.transaction() as tx:
            await self._store.forget(tx, before)
        await self._database.empty_log()

    def _key(self) -> Cipher:
        if self._cipher is None:
            raise ConfigurationError(
                texts(
                    "This bot sends letters, which lie sealed in its database: name a key file "
                    "outside of that folder as {setting}.",
                    setting=SETTING,
                )
            )
        return self._cipher


def _addresses(to: str | Iterable[str]) -> list[str]:
    found = [to] if isinstance(to, str) else list(dict.fromkeys(to))
    for jid in found:
        if "@" not in jid or "/" in jid or jid != jid.lower():
            raise ValueError(f"{jid!r} is no bare address")
    return found


def _id(reference: str, recipient: str) -> str:
    return f"{reference}\n{recipient}"
