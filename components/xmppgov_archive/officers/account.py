"""The account through which a command asks the archive, and the stream for one question."""

from __future__ import annotations

import asyncio
import inspect
from collections.abc import Awaitable, Callable
from contextlib import suppress
from functools import partial
from logging import CRITICAL
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, TypeVar

import typer

from xmppgov.adhoc.client import CommandClient
from xmppgov.config import ConfigPath, LogSection, Section, Settings, XmppSection, load
from xmppgov.errors import ConfigurationError, Unreachable
from xmppgov.i18n import Text, Texts, terminal_language
from xmppgov.storage.files import require_readable

if TYPE_CHECKING:
    from xmppgov.xmpp.client import Account

texts = Texts("xmppgov_archive")
ResultT = TypeVar("ResultT")
PATIENCE = 20.0  # seconds until the account is logged in
XMPP_PORT = 5222


class AccountSection(Section):
    """`[officer]` of a small file: the account that asks, and the archive (else by its domain)."""

    jid: str
    host: str = ""
    port: int = XMPP_PORT
    secret_file: ConfigPath
    ca_file: ConfigPath | None = None
    archive: str = ""

    @property
    def domain(self) -> str:
        """The account's domain."""
        return self.jid.partition("/")[0].rpartition("@")[2]

    def stream(self) -> XmppSection:
        """Return how the account reaches its server."""
        return XmppSection(
            jid=self.jid,
            host=self.host or self.domain,
            port=self.port,
            secret_file=self.secret_file,
            ca_file=self.ca_file,
        )


class AccountFile(Settings):
    """The file that `--account` names."""

    officer: AccountSection


OPTIONS: dict[str, Any] = {
    "account_file": Annotated[
        Path | None, typer.Option("--account", help="A file that says which account asks.")
    ],
    "jid": Annotated[str | None, typer.Option("--as", help="Or: the account's address.")],
    "password_file": Annotated[
        Path | None, typer.Option("--password-file", help="A file with its password.")
    ],
    "server": Annotated[str | None, typer.Option("--server", help="HOST:PORT, else its domain.")],
    "ca_file": Annotated[
        Path | None, typer.Option("--ca-file", help="Certificates to trust, else the system's.")
    ],
    "archive": Annotated[
        str | None, typer.Option("--archive", help="The archive's address, else archive.DOMAIN.")
    ],
}


def through_account(function: Callable[..., None]) -> Callable[..., None]:
    """Give a command the options that say which account asks; it gets them as `account`."""

    def command(**given: Any) -> None:
        named = {name: given.pop(name) for name in OPTIONS}
        function(**given, account=_account(**named))

    signature = inspect.signature(function, eval_str=True)
    own = [p for p in signature.parameters.values() if p.name != "account"]
    own = [p.replace(kind=inspect.Parameter.KEYWORD_ONLY) for p in own]
    more = [
        inspect.Parameter(name, inspect.Parameter.KEYWORD_ONLY, default=None, annotation=option)
        for name, option in OPTIONS.items()
    ]
    command.__signature__ = signature.replace(parameters=[*own, *more])  # type: ignore[attr-defined]
    command.__annotations__ = {p.name: p.annotation for p in [*own, *more]}
    command.__name__, command.__doc__ = function.__name__, function.__doc__
    return command


def _account(
    account_file: Path | None,
    jid: str | None,
    password_file: Path | None,
    server: str | None,
    ca_file: Path | None,
    archive: str | None,
) -> AccountSection | None:
    """Return the account that the options name, None where they name none."""
    if account_file is not None:
        found = load(AccountFile, account_file).officer
        return found.model_copy(update={"archive": archive}) if archive else found
    if jid is None:
        return None
    if password_file is None:
        raise ConfigurationError(texts("Name --password-file with --as."))
    host, _, port = (server or "").partition(":")
    if port and not port.isdecimal():
        raise ConfigurationError(texts("Write the server as HOST:PORT."))
    return AccountSection(
        jid=jid,
        host=host,
        port=int(port or XMPP_PORT),
        secret_file=password_file,
        ca_file=ca_file,
        archive=archive or "",
    )


def needed(account: AccountSection | None) -> AccountSection:
    """Return the account, which has to be named. Raises `ConfigurationError`."""
    if account is None:
        raise ConfigurationError(texts("Name the account that asks: --account, or --as."))
    return account


def connected(
    account: AccountSection, action: Callable[[CommandClient], Awaitable[ResultT]]
) -> ResultT:
    """Log in, do something with the archive's commands, log out.

    Raises:
        RemoteFault: the archive's own sentence.
        Unreachable: the account cannot log in, or the archive does not answer.
    """
    return asyncio.run(_logged_in(account, action))


async def _logged_in(
    account: AccountSection, action: Callable[[CommandClient], Awaitable[ResultT]]
) -> ResultT:
    from xmppgov.logs import configure_logging, pin_library_loggers
    from xmppgov.xmpp.client import Account

    configure_logging(LogSection(level="error"))
    pin_library_loggers(CRITICAL)  # what goes wrong is said in one sentence, at the end
    if account.ca_file is not None:
        require_readable(account.ca_file)
    language = terminal_language()
    stream = Account(account.stream(), language=language)
    outcome = _outcome(stream, account)
    stream.start()
    try:
        failure: Text | None = texts("{jid} cannot log in.", jid=account.jid)
        with suppress(TimeoutError):
            failure = await asyncio.wait_for(outcome, PATIENCE)
        if failure is not None:
            raise Unreachable(failure)
        archive = account.archive or f"archive.{account.domain}"
        return await action(CommandClient(stream, archive, language=language))
    finally:
        await stream.stop()


def _outcome(stream: Account, account: AccountSection) -> asyncio.Future[Text | None]:
    """Return what comes of a log-in: nothing to say, or why it fails and which setting is wrong."""
    outcome: asyncio.Future[Text | None] = asyncio.get_running_loop().create_future()
    section = account.stream()
    refused = texts("{jid}: the server refuses the password; see secret_file.", jid=account.jid)
    distrusted = texts("{host}: its certificate is not trusted; see ca_file.", host=section.host)
    away = texts(
        "{host}:{port}: no server can be reached there; see host and port.",
        host=section.host,
        port=section.port,
    )
    for event, said in (
        ("session_start", None),
        ("failed_all_auth", refused),
        ("no_auth", refused),
        ("ssl_invalid_chain", distrusted),
        ("connection_failed", away),
    ):
        stream.add_event_handler(event, partial(_end, outcome, said))
    return outcome


def _end(outcome: asyncio.Future[Text | None], said: Text | None, _event: object) -> None:
    if not outcome.done():
        outcome.set_result(said)
