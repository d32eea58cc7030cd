"""What is said of a command line that cannot be read, in the terminal's language.

The command-line library says it in English only, and keeps the classes of its errors to itself:
they are told by their names.
"""

from __future__ import annotations

import re
from typing import Any

import typer

from xmppgov.i18n import Text, Texts

texts = Texts("xmppgov")
Misuse: type[Any] = typer.BadParameter.__mro__[1]
"""The class of errors that a wrong command line raises."""
_COMMAND = re.compile("No such command '(.*?)'")


def explained(error: Any) -> list[Text | str]:
    """Return the lines that say what is wrong, how the command is used, and where its help is."""
    lines: list[Text | str] = []
    if error.ctx is not None:
        lines.append(error.ctx.get_usage())
        lines.append(texts("Help: {command} -h", command=error.ctx.command_path))
    return [*lines, _reason(error)]


def _reason(error: Any) -> Text | str:
    match type(error).__name__:
        case "MissingParameter":
            return texts("Missing: {name}.", name=_name(error))
        case "BadParameter":
            return texts("{name}: {reason}", name=_name(error), reason=error.message)
        case "NoSuchOption":
            return texts("There is no option {name}.", name=error.option_name)
    named = _COMMAND.match(error.message)
    if named:
        return texts("There is no command {name}.", name=named[1])
    return str(error.format_message())


def _name(error: Any) -> str:
    """Return what the wrong parameter is called on the command line."""
    if error.param is None:
        return str(error.param_hint or "").strip("'")
    names = error.param.opts
    option = names[0].startswith("-")
    return "/".join(names) if option else str(error.param.metavar or names[0])
