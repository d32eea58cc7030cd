"""Classes that somebody has named, compared with those of the archive."""

from __future__ import annotations

from collections.abc import Collection, Iterable

from xmppgov.errors import BadRequest, ConfigurationError
from xmppgov.i18n import Text, Texts

texts = Texts("xmppgov_archive")


def check_classes(named: Iterable[str], known: Collection[str]) -> None:
    """Refuse a class that the archive does not have. Raises `BadRequest`."""
    for name in named:
        if name not in known:
            raise BadRequest(_unknown(name, known))


def no_class(name: str, known: Collection[str]) -> ConfigurationError:
    """Return what to raise where a command names a class that the archive does not have."""
    return ConfigurationError(_unknown(name, known))


def _unknown(name: str, known: Collection[str]) -> Text:
    return texts(
        "There is no class {name}; name one of: {names}.", name=name, names=", ".join(sorted(known))
    )
