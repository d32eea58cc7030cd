"""The one thing that the directory bot does: ask the directory for whoever asks the bot."""

from __future__ import annotations

from xmppgov.bot.bot import Bot
from xmppgov.bot.commands import Question
from xmppgov.directory.client import DirectoryClient
from xmppgov.i18n import Text, choose_language
from xmppgov_annuaire import wording

SHOWN = 10


def answer_searches(bot: Bot, directory: DirectoryClient) -> None:
    """Give `bot` its command; the directory decides whom it answers, and says why not."""

    @bot.command(
        "cherche",
        aliases=("chercher", "trouve"),
        english=("search", "find"),
        help=wording.SEARCH_HELP,
    )
    async def search(question: Question) -> Text | str:
        if not question.argument:
            return wording.NOTHING_ASKED
        page = await directory.search(
            question.argument,
            asker=question.sender,
            most=SHOWN,
            language=choose_language(question.language),
        )
        return wording.found(page, question.argument, question.language)
