"""Lets whoever presides over a body of the Assembly write to all members of one."""

from datetime import timedelta

from xmppgov.bot import Bot, Context, service

bot = Bot("permanence", introduction="J'écris à tout un groupe :")


@bot.command("appelle", help="appelle GROUP TEXT: l'écrit à tous", who=["role:chair@body:an"])
async def call(context: Context, group: str, words: str) -> str:
    members = await context.directory.audience(f"group:{group}")
    to = [member.jid for member in members if member.jid]
    text, reference = f"{context.asker.name} : {words}", f"{context.asker.jid} {context.now}"
    await context.send(to, text, reference=reference, life=timedelta(hours=8))
    return f"Envoyé à {len(to)} personnes."


main = service(bot)
