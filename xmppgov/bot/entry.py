"""The entry point of a bot's process; what runs is imported when it runs."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from xmppgov.bot.definition import Bot


def service(bot: Bot) -> Callable[[Path], None]:
    """Return what runs a bot from its configuration file until SIGINT or SIGTERM.

    `main = service(BOT)`, named as an entry point `xmppgov.services`, is `xmppgov run NAME`.
    """

    def main(config_path: Path) -> None:
        from xmppgov.bot.wiring import build, read_settings
        from xmppgov.logs import configure_logging
        from xmppgov.process import run

        settings = read_settings(bot, config_path)
        configure_logging(settings.log)
        run(build(bot, settings))

    return main
