"""A time stamp a day over the cosigned checkpoint, from an authority outside (RFC 3161).

Beside the log lie, for each day, the note that was stamped (`DAY.cosigned`) and the answer with
the token (`DAY.tsr`); `openssl ts -verify -data DAY.cosigned -in DAY.tsr` checks them. Steps: the
token is asked for and verified; the note is written, then the token. Crash between the two: the day
has no token and is done again. Nothing here holds up the log: without an answer it is asked again
after a minute, two, up to an hour.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path
from types import TracebackType
from typing import Self

import aiohttp
import structlog

from xmppgov.errors import Unreachable
from xmppgov.i18n import Texts
from xmppgov.storage.files import WriteFile, write_file
from xmppgov_archive.log.folder import LogFolder
from xmppgov_archive.log.tokens import NOTE, TOKEN, TokenInvalid, Tokens

texts = Texts("xmppgov_archive")
log = structlog.get_logger()
PATIENCE = 30.0  # seconds for an answer
LARGEST_ANSWER = 256 * 1024  # bytes
FIRST_PAUSE, LONGEST_PAUSE, CHECK = 60.0, 3600.0, 600.0  # seconds


class Timestamps:
    """Use as an async context manager; `clock` returns ms UTC."""

    def __init__(
        self,
        *,
        folder: LogFolder,
        kept: Path,
        url: str,
        tokens: Tokens,
        clock: Callable[[], int],
        write: WriteFile = write_file,
    ) -> None:
        self._folder, self._kept, self._url, self._tokens = folder, kept, url, tokens
        self._clock, self._write = clock, write
        self._task: asyncio.Task[None] | None = None

    async def __aenter__(self) -> Self:
        self._task = asyncio.create_task(self._run())
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        if self._task is not None:
            self._task.cancel()
            with suppress(asyncio.CancelledError):
                await self._task

    async def _run(self) -> None:
        failures = 0
        while True:
            try:
                await self._stamp_today()
                failures, pause = 0, CHECK
            except Exception as error:  # whatever it is, the log goes on
                pause = min(FIRST_PAUSE * 2**failures, LONGEST_PAUSE)
                failures += 1
                log.warning("no time stamp for now", reason=_reason(error))
            await asyncio.sleep(pause)

    async def _stamp_today(self) -> None:
        """Have the newest cosigned checkpoint stamped, unless this day has its token."""
        day = datetime.fromtimestamp(self._clock() / 1000, UTC).date().isoformat()
        if (self._kept / f"{day}{TOKEN}").exists():
            return
        note = self._folder.cosigned()
        if note is None:
            raise Unreachable(texts("Not enough witnesses have cosigned the log yet."))
        request = self._tokens.request(note)
        answer = await self._ask(request.as_bytes())
        await asyncio.to_thread(self._tokens.check, answer, note, request)
        await asyncio.to_thread(self._write, self._kept / f"{day}{NOTE}", note)
        await asyncio.to_thread(self._write, self._kept / f"{day}{TOKEN}", answer)
        log.info("the log is time-stamped", day=day)

    async def _ask(self, query: bytes) -> bytes:
        headers = {"Content-Type": "application/timestamp-query"}
        patience = aiohttp.ClientTimeout(total=PATIENCE)
        try:
            async with (
                aiohttp.ClientSession(timeout=patience) as session,
                session.post(
                    self._url, data=query, headers=headers, allow_redirects=False
                ) as response,
            ):
                answer = b""
                async for part in response.content.iter_chunked(65_536):
                    answer += part
                    if len(answer) > LARGEST_ANSWER:
                        break
                if response.status == 200 and len(answer) <= LARGEST_ANSWER:
                    return answer
        except (aiohttp.ClientError, TimeoutError, ValueError) as error:
            raise self._silent() from error
        raise self._silent()

    def _silent(self) -> Unreachable:
        return Unreachable(texts("{url}: the time stamp authority does not answer.", url=self._url))


def _reason(error: Exception) -> str:
    known = isinstance(error, Unreachable | TokenInvalid)
    return str(error) if known else type(error).__name__
