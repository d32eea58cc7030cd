"""The settings of the alerts bot (`alerts.toml`), and the keys that it reads at start."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated
from zoneinfo import ZoneInfo, available_timezones

from pydantic import AfterValidator, Field, model_validator
from pydantic_settings import SettingsConfigDict

from xmppgov.archive.emitter.config import EmitterSection
from xmppgov.bot.letters.cipher import Cipher
from xmppgov.bot.letters.key import bad_key
from xmppgov.bot.letters.key import read_cipher as read_text_key
from xmppgov.cap.words import Severity
from xmppgov.config import ConfigPath, LogSection, Section, Settings, XmppSection, read_secret
from xmppgov.errors import ConfigurationError, NotAllowed
from xmppgov.i18n import Texts
from xmppgov_alerts.scope import PATTERN, Scope
from xmppgov_alerts.signature import Key, secret_bytes

texts = Texts("xmppgov_alerts")


def _zone(name: str) -> str:
    if name not in available_timezones():
        raise ValueError("no time zone of that name")
    return name


class BotSection(Section):
    """`[bot]`: where the bot keeps its state, and whom it asks."""

    database: ConfigPath
    directory: str = Field(min_length=3)
    domains: list[str] = Field(min_length=1)


class AlertsSection(Section):
    """`[alerts]`: how alerts are kept and worded."""

    text_key_file: ConfigPath
    default_expiry_hours: int = Field(24, ge=1, le=720)
    time_zone: Annotated[str, AfterValidator(_zone)] = "Europe/Paris"


class KeySection(Section):
    """`[[webhook.keys]]`: one sender; deny by default, `scope` says whom it may reach."""

    name: str = Field(pattern=r"^[a-z0-9][a-z0-9._-]{0,63}$")
    label: str = Field("", max_length=120, pattern=r"^[^\x00-\x1f]*$")
    secret_file: ConfigPath
    scope: list[Annotated[str, Field(pattern=PATTERN)]] = Field(min_length=1)
    max_severity: Severity = Severity.EXTREME
    per_minute: int = Field(300, ge=1, le=6000)


class WebhookSection(Section):
    """`[webhook]`: where alerts come in; loopback unless something in front of it speaks TLS."""

    host: str = "127.0.0.1"
    port: int = Field(ge=1, le=65535)
    url: str = Field("", pattern=r"^(https?://\S+)?$")
    max_body_bytes: int = Field(65_536, ge=1024, le=1_048_576)
    keys: list[KeySection] = Field(min_length=1)

    @model_validator(mode="after")
    def _distinct_names(self) -> WebhookSection:
        if len({key.name for key in self.keys}) < len(self.keys):
            raise ValueError("two keys have the same name")
        return self

    @property
    def address(self) -> str:
        """The URL that the command line uses, without a slash at its end."""
        return (self.url or f"http://{self.host}:{self.port}").rstrip("/")


class AlertsSettings(Settings):
    """The whole of `alerts.toml`."""

    xmpp: XmppSection
    bot: BotSection
    alerts: AlertsSection
    webhook: WebhookSection
    emitter: EmitterSection | None = None
    log: LogSection = LogSection()


class SenderSettings(Settings):
    """What the command line needs of the same file: `[webhook]` alone."""

    model_config = SettingsConfigDict(extra="ignore")

    webhook: WebhookSection


class Sender:
    """One key as the webhook and the service know it."""

    def __init__(self, section: KeySection, secret: bytes) -> None:
        self.key = Key(section.name, secret)
        self.name = section.name
        self.label = section.label or section.name
        self.scope = Scope(tuple(section.scope), section.max_severity)
        self.per_minute = section.per_minute


def check_severity(sender: Sender, severity: Severity) -> None:
    """Raise `NotAllowed` where `severity` is graver than a key may send."""
    limit = sender.scope.max_severity
    if severity.exceeds(limit):
        raise NotAllowed(
            texts("This key may send nothing graver than {severity}.", severity=limit.value)
        )


def read_sender(section: KeySection) -> Sender:
    """Read the secret of one key.

    Raises:
        ConfigurationError: the file is missing, readable by others, or no good key.
    """
    try:
        return Sender(section, secret_bytes(read_secret(section.secret_file)))
    except ValueError as error:
        raise bad_key(section.secret_file, error) from error


def read_senders(section: WebhookSection) -> dict[str, Sender]:
    """Read every key, by name; two keys must not share a secret, or a signature would name two.

    Raises:
        ConfigurationError: a key cannot be used.
    """
    senders = {key.name: read_sender(key) for key in section.keys}
    by_secret = {sender.key.secret: sender.name for sender in senders.values()}
    for sender in senders.values():
        if by_secret[sender.key.secret] != sender.name:
            raise ConfigurationError(
                texts(
                    "The webhook keys {one} and {other} have the same secret; give each its own.",
                    one=sender.name,
                    other=by_secret[sender.key.secret],
                )
            )
    return senders


def read_cipher(alerts: AlertsSection, database: Path) -> Cipher:
    """Read the key of texts, which must lie outside the database's folder.

    Raises:
        ConfigurationError: it lies inside, is readable by others, or is too short.
    """
    setting = "alerts.text_key_file"
    return read_text_key(alerts.text_key_file, database, setting=setting, purpose="alert")


def zone(alerts: AlertsSection) -> ZoneInfo:
    """Return the time zone in which people are told times."""
    return ZoneInfo(alerts.time_zone)
