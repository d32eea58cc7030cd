"""The directory bot's process: `xmppgov run annuaire --config FILE`."""

from xmppgov.bot import service
from xmppgov_annuaire.search import BOT

main = service(BOT)
