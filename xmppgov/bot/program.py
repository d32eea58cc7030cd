"""Finds the bot that a configuration or a command line names: a file, or `module:attribute`."""

from __future__ import annotations

import sys
import tomllib
from importlib import import_module
from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path
from types import ModuleType

from xmppgov.bot.definition import Bot
from xmppgov.errors import ConfigurationError
from xmppgov.i18n import Texts

texts = Texts("xmppgov.bot")


def program_of(config: Path) -> Bot:
    """Return the bot that `bot.program` of a configuration file names.

    Raises:
        ConfigurationError: the file cannot be read, names none, or what it names is no bot.
    """
    try:
        raw = tomllib.loads(config.read_text("utf-8"))
    except OSError as error:
        raise ConfigurationError(
            texts("{path}: the file cannot be read: {reason}.", path=config, reason=error.strerror)
        ) from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise ConfigurationError(
            texts("{path}: not valid TOML: {reason}.", path=config, reason=error)
        ) from error
    table = raw.get("bot")
    name = table.get("program") if isinstance(table, dict) else None
    if not isinstance(name, str) or not name:
        raise ConfigurationError(
            texts(
                "{path}: bot.program: name the bot's file, or module:attribute, here or on the "
                "command line.",
                path=config,
            )
        )
    return load_bot(name, config.resolve().parent)


def load_bot(name: str, folder: Path) -> Bot:
    """Return the bot of a file (below `folder`, where relative) or of `module:attribute`.

    Raises:
        ConfigurationError: there is none, or it cannot be imported.
    """
    module, _, attribute = name.partition(":")
    try:
        if attribute:
            found = [getattr(import_module(module), attribute)]
        else:
            found = list(vars(_file(folder / name)).values())
    except Exception as error:  # whatever an author's module raises
        reason = f"{type(error).__name__}: {error}"
        raise ConfigurationError(
            texts("{program}: it cannot be imported: {reason}", program=name, reason=reason)
        ) from error
    bots = list({id(one): one for one in found if isinstance(one, Bot)}.values())
    if len(bots) != 1:
        raise ConfigurationError(
            texts(
                "{program}: one bot is wanted, and there are {count}; name it as module:attribute.",
                program=name,
                count=len(bots),
            )
        )
    return bots[0]


def _file(path: Path) -> ModuleType:
    """Import a file under its own name, and what lies beside it as Python does for a program."""
    spec = spec_from_file_location(path.stem, path)
    if spec is None or spec.loader is None:
        raise ImportError("no Python file")
    folder = str(path.parent.resolve())
    if folder not in sys.path:
        sys.path.insert(0, folder)
    module = sys.modules[path.stem] = module_from_spec(spec)
    spec.loader.exec_module(module)
    return module
