"""Says whether it rains, and tells its subscribers at seven on each working day."""

from typing import Annotated

from pydantic import Field

from xmppgov.bot import OPEN, Bot, Context, service
from xmppgov.config import Section
from xmppgov.storage.migrations import Schema

TABLES = Schema("pluie", ("CREATE TABLE subscriber (jid TEXT PRIMARY KEY) STRICT",))


class Settings(Section):
    """`[pluie]`."""

    city: str = "Brest"


bot = Bot("pluie", introduction="Je dis s'il pleut :", settings=Settings, schema=TABLES)


@bot.command("pluie", help="pluie [DAYS]: dit s'il pleut, ou pleuvra", who=OPEN)
async def rain(context: Context, days: Annotated[int, Field(ge=0, le=9)] = 0) -> str:
    return f"Il pleut à {context.settings.city}" + (f" dans {days} jours." if days else ".")


@bot.command("abonne", english=("subscribe",), help="abonne: le dit chaque matin", who=OPEN)
async def subscribe(context: Context) -> str:
    async with context.database.transaction() as tx:
        await tx.execute("INSERT OR IGNORE INTO subscriber VALUES (?)", (context.asker.jid,))
    return "C'est noté."


@bot.cron("0 7 * * 1-5", zone="Europe/Paris")
async def morning(context: Context) -> None:
    rows = await context.database.fetch_all("SELECT jid FROM subscriber")
    to, day = [row["jid"] for row in rows], f"{context.due:%Y-%m-%d}"
    await context.send(to, await rain(context), reference=f"morning {day}")


main = service(bot)
