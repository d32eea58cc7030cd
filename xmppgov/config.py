"""Configuration: one TOML file a process, read into frozen models; unknown settings are refused.

An environment variable `XMPPGOV_<SECTION>__<KEY>` overrides a setting. A secret is never in the
file itself: the file names another file, readable by its owner only, that holds it.
"""

from __future__ import annotations

import tomllib
from contextvars import ContextVar
from ipaddress import ip_address
from pathlib import Path
from typing import Annotated, Any, Self, TypeVar

from pydantic import (
    AfterValidator,
    BaseModel,
    ConfigDict,
    Field,
    ValidationError,
    model_validator,
)
from pydantic_settings import BaseSettings, PydanticBaseSettingsSource, SettingsConfigDict

from xmppgov.errors import ConfigurationError
from xmppgov.i18n import Texts

texts = Texts("xmppgov")
SettingsT = TypeVar("SettingsT", bound="Settings")


# pydantic-settings builds a model by its constructor, which takes no validation context.
_folder: ContextVar[Path | None] = ContextVar("_folder", default=None)


def _beside_file(path: Path) -> Path:
    folder = _folder.get()
    return path if folder is None else folder / path


ConfigPath = Annotated[Path, AfterValidator(_beside_file)]
"""A path that is relative to the folder of the configuration file."""


class Section(BaseModel):
    """A table of a configuration file."""

    model_config = ConfigDict(frozen=True, extra="forbid")


class Settings(BaseSettings):
    """A whole configuration file; a feature's `config.py` subclasses it."""

    model_config = SettingsConfigDict(
        frozen=True, extra="forbid", env_prefix="XMPPGOV_", env_nested_delimiter="__"
    )

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,
        file_secret_settings: PydanticBaseSettingsSource,
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """Let the environment win over the file."""
        return env_settings, init_settings


class XmppSection(Section):
    """`[xmpp]`: how a component (XEP-0114) or a bot's account reaches its server."""

    jid: str = Field(min_length=3)
    host: str = "127.0.0.1"
    port: int = Field(ge=1, le=65535)
    secret_file: ConfigPath
    ca_file: ConfigPath | None = None


class ListenSection(Section):
    """Where an HTTP server listens: this machine alone, unless the configuration says more."""

    host: str = "127.0.0.1"
    port: int = Field(ge=1, le=65535)
    beyond_loopback: bool = False

    @model_validator(mode="after")
    def _stays_here(self) -> Self:
        if not (self.beyond_loopback or is_loopback(self.host)):
            raise ValueError(
                f"{self.host} is reachable from other machines, without TLS; put a proxy with TLS "
                "in front of 127.0.0.1, or set beyond_loopback = true"
            )
        return self


def is_loopback(host: str) -> bool:
    """Tell whether `host` is this machine's own address."""
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


class LogSection(Section):
    """`[log]`: structured lines on standard error."""

    level: str = Field("info", pattern="^(debug|info|warning|error)$")
    json_lines: bool = False


def load(model: type[SettingsT], path: Path) -> SettingsT:
    """Read `path` (TOML) into `model`.

    Raises:
        ConfigurationError: the file is unreadable, not TOML, or a setting is unknown or wrong;
            the text names the file, the setting and what to do.
    """
    try:
        raw = tomllib.loads(path.read_text("utf-8"))
    except OSError as error:
        raise ConfigurationError(
            texts("{path}: the file cannot be read: {reason}.", path=path, reason=error.strerror)
        ) from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise ConfigurationError(
            texts("{path}: not valid TOML: {reason}.", path=path, reason=error)
        ) from error
    return _validate(model, path, raw)


def _validate(model: type[SettingsT], path: Path, raw: dict[str, Any]) -> SettingsT:
    token = _folder.set(path.resolve().parent)
    try:
        return model(**raw)
    except ValidationError as error:
        raise _explain(path, error) from error
    finally:
        _folder.reset(token)


def _explain(path: Path, error: ValidationError) -> ConfigurationError:
    errors = error.errors(include_url=False, include_input=False)
    # A misspelt setting is also a missing one, and its own line is where to look.
    first = next((e for e in errors if e["type"] == "extra_forbidden"), errors[0])
    key = ".".join(str(part) for part in first["loc"])
    absent = [e["loc"][0] for e in errors if e["type"] == "missing" and len(e["loc"]) == 1]
    if first["type"] == "extra_forbidden" and len(first["loc"]) == 1 and absent:
        text = texts(
            "{path}: this is no configuration for it: [{key}] is none of its sections, and "
            "[{absent}] is missing.",
            path=path,
            key=key,
            absent=absent[0],
        )
    elif first["type"] == "extra_forbidden":
        text = texts(
            "{path}: {key}: unknown setting; remove it or check its spelling.", path=path, key=key
        )
    elif first["type"] == "missing":
        text = texts("{path}: {key}: this setting is missing.", path=path, key=key)
    else:
        reason = first["msg"].removeprefix("Value error, ").removesuffix(".")
        text = texts("{path}: {key}: {reason}.", path=path, key=key, reason=reason)
    return ConfigurationError(text)


def read_secret(path: Path) -> str:
    """Return the secret in `path` without surrounding white space.

    Raises:
        ConfigurationError: the file is missing, empty, or readable by group or others.
    """
    try:
        mode = path.stat().st_mode
        secret = path.read_text("utf-8").strip()
    except OSError as error:
        raise ConfigurationError(
            texts("{path}: the file cannot be read: {reason}.", path=path, reason=error.strerror)
        ) from error
    if mode & 0o077:
        raise ConfigurationError(
            texts("{path}: the secret file is readable by others; run: chmod 600 {path}", path=path)
        )
    if not secret:
        raise ConfigurationError(texts("{path}: the secret file is empty.", path=path))
    return secret
