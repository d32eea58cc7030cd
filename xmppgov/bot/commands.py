"""`xmppgov bot`: make a bot, run it, check its configuration, explain who may ask for what."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Annotated

import typer

from xmppgov.bot.definition import Bot
from xmppgov.i18n import Text, Texts

texts = Texts("xmppgov.bot")
app = typer.Typer(help="Make a bot, try it, run it.", no_args_is_help=True)

ConfigOption = Annotated[Path, typer.Option("--config", help="The bot's configuration (TOML).")]
ProgramOption = Annotated[
    str,
    typer.Option("--program", help="The bot's file, or module:attribute; else bot.program of it."),
]


@app.command()
def new(
    name: Annotated[str, typer.Argument(help="Its name: lower-case letters, digits and _.")],
    into: Annotated[Path, typer.Option("--into", help="The folder for its folder.")] = Path("."),
) -> None:
    """Write the package of a new bot, with its test, which passes."""
    from xmppgov.bot.scaffold.package import write_package

    folder = write_package(name, into)
    _say(texts("{folder} is written. Try it: cd {folder} && python -m pytest", folder=folder))


@app.command()
def run(
    config: ConfigOption,
    program: Annotated[
        str, typer.Argument(help="Its file, or module:attribute; else bot.program of it.")
    ] = "",
) -> None:
    """Run a bot until SIGINT or SIGTERM."""
    from xmppgov.bot.entry import service

    service(_bot(config, program))(config)


@app.command()
def explain(
    who: Annotated[str, typer.Argument(help="The bare address of who would ask.")],
    command: Annotated[str, typer.Argument(help="What they would ask for, by any of its words.")],
    config: ConfigOption,
    room: Annotated[
        str | None, typer.Option("--room", help="The room in which it would be asked.")
    ] = None,
    program: ProgramOption = "",
) -> None:
    """Say whether somebody may ask for a command, and why; status 0 for yes, 1 for no."""
    from xmppgov.bot import explaining
    from xmppgov.bot.wiring import read_settings

    bot = _bot(config, program)
    settings = read_settings(bot, config)
    verdict = asyncio.run(explaining.explain(bot, settings, who.lower(), command, room))
    reason = verdict.reason
    yes, no = texts("Yes. {reason}", reason=reason), texts("No. {reason}", reason=reason)
    _say(yes if verdict.allowed else no)
    raise typer.Exit(0 if verdict.allowed else 1)


@app.command()
def check(config: ConfigOption, program: ProgramOption = "") -> None:
    """Say whether a bot's configuration is right, and who may ask for what; nothing is started."""
    from xmppgov.bot.permissions.policy import rules_of
    from xmppgov.bot.wiring import read_key, read_settings
    from xmppgov.config import read_secret

    bot = _bot(config, program)
    settings = read_settings(bot, config)
    read_secret(settings.xmpp.secret_file)
    read_key(settings.bot)
    for command in bot.commands:
        rules = rules_of(command.word, settings.rules(bot), command.rules)
        who = ", ".join(dict.fromkeys(str(one) for rule in rules for one in rule.who))
        _say(texts("• {word}: {who}", word=command.word, who=who or texts("nobody")))
    _say(texts("{path} is right.", path=config))


def _bot(config: Path, program: str) -> Bot:
    from xmppgov.bot.program import load_bot, program_of

    return load_bot(program, Path.cwd()) if program else program_of(config)


def _say(text: Text) -> None:
    typer.echo(str(text))
