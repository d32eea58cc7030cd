"""Says who may ask a bot for what, and why: decided as the running bot decides it.

The directory is asked with the bot's account under a resource of its own, without presence and
without touching its keys, beside the bot that runs.
"""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from xmppgov.bot.config import BotSettings
from xmppgov.bot.definition import Bot
from xmppgov.bot.permissions.client import Actors
from xmppgov.bot.permissions.model import Actor, Verdict
from xmppgov.bot.permissions.policy import decide, needs_person, rules_of
from xmppgov.clock import SystemClock
from xmppgov.directory.client import DirectoryClient
from xmppgov.errors import NotFound, Unreachable
from xmppgov.i18n import Texts
from xmppgov.xmpp.client import Account

texts = Texts("xmppgov.bot")
PATIENCE = 15.0  # seconds for the login


async def explain(
    bot: Bot, settings: BotSettings, who: str, word: str, room: str | None = None
) -> Verdict:
    """Decide whether `who` (a bare address) may ask for a command, and why.

    Raises:
        NotFound: the bot has no such command.
        Unreachable: the server or the directory does not answer.
    """
    command = bot.commands.named(word)
    if command is None:
        words = ", ".join(one.word for one in bot.commands)
        raise NotFound(
            texts("{name} has no command “{word}”; it has: {words}.", name=bot.name, word=word,
                  words=words)
        )  # fmt: skip
    rules = rules_of(command.word, settings.rules(bot), command.rules)
    if not needs_person(rules) or settings.bot.directory is None:
        return decide(rules, Actor(who), room)
    async with _directory(settings, settings.bot.directory) as directory:
        actor = await Actors(directory.person, SystemClock()).of(who)
    return decide(rules, actor, room)


@asynccontextmanager
async def _directory(settings: BotSettings, address: str) -> AsyncIterator[DirectoryClient]:
    bare = settings.xmpp.jid.partition("/")[0]
    jid = f"{bare}/explain-{secrets.token_hex(4)}"
    account = Account(settings.xmpp.model_copy(update={"jid": jid}))
    begun = asyncio.Event()
    account.add_event_handler("session_start", lambda _event: begun.set())
    account.start()
    try:
        try:
            await asyncio.wait_for(begun.wait(), PATIENCE)
        except TimeoutError:
            raise Unreachable(
                texts("{jid}: the server does not answer, or refuses the account.", jid=bare)
            ) from None
        yield DirectoryClient(account, address)
    finally:
        await account.stop()
