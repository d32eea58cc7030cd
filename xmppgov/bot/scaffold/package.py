"""The files of a new bot, from the templates beside this module."""

from __future__ import annotations

import keyword
import re
import sys
from importlib.resources import files
from pathlib import Path
from string import Template

from xmppgov.bot.definition import RESERVED
from xmppgov.errors import ConfigurationError, StorageError
from xmppgov.i18n import Texts

texts = Texts("xmppgov.bot")
_NAME = re.compile("[a-z][a-z0-9_]{1,40}")
_FILES = {
    "bot.py.txt": "{name}.py",
    "test.py.txt": "test_{name}.py",
    "config.toml.txt": "{name}.toml",
    "README.md.txt": "README.md",
    "pyproject.toml.txt": "pyproject.toml",
}


def write_package(name: str, into: Path) -> Path:
    """Write the package of the bot `name` into a new folder below `into`; return the folder.

    Raises:
        ConfigurationError: the name is none for a bot, or there is such a folder already.
        StorageError: it cannot be written.
    """
    taken = RESERVED | sys.stdlib_module_names | {"xmppgov", "test"}
    if not _NAME.fullmatch(name) or keyword.iskeyword(name) or name in taken:
        raise ConfigurationError(
            texts(
                "“{name}” cannot be the name of a bot: lower-case letters, digits and _, and no "
                "name that Python or xmppgov has.",
                name=name,
            )
        )
    folder = into / name
    if folder.exists():
        raise ConfigurationError(
            texts("{path}: it is there already, and is not overwritten.", path=folder)
        )
    try:
        folder.mkdir(parents=True)
        for template, target in _FILES.items():
            (folder / target.format(name=name)).write_text(_filled(template, name), "utf-8")
    except OSError as error:
        raise StorageError(
            texts("{path}: cannot be written: {reason}.", path=folder, reason=error.strerror)
        ) from error
    return folder


def _filled(template: str, name: str) -> str:
    text = (files("xmppgov.bot.scaffold") / "templates" / template).read_text("utf-8")
    return Template(text).substitute(name=name)
