"""The one thing that the directory bot does: ask the directory for whoever asks the bot."""

from __future__ import annotations

from xmppgov.bot import OPEN, Bot, Context
from xmppgov.i18n import Text, choose_language
from xmppgov_annuaire import wording

SHOWN = 10
BOT = Bot("annuaire", introduction=wording.INTRODUCTION)


@BOT.command(
    "cherche",
    aliases=("chercher", "trouve"),
    english=("search", "find"),
    help=wording.SEARCH_HELP,
    who=OPEN,
)
async def search(context: Context, words: str = "") -> Text | str:
    """Answer as the directory would answer whoever asks; it decides, and says why not."""
    assert context.directory is not None
    assert context.asker is not None
    if not words:
        return wording.NOTHING_ASKED
    page = await context.directory.search(
        words,
        asker=context.asker.jid,
        most=SHOWN,
        language=choose_language(context.language),
    )
    return wording.found(page, words, context.language)
