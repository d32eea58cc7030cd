"""Asks a witness, over HTTP (https://c2sp.org/tlog-witness)."""

from __future__ import annotations

import aiohttp

from xmppgov.errors import RemoteFault, Unreachable
from xmppgov.i18n import Texts
from xmppgov.tlog.note import LARGEST_NOTE
from xmppgov.tlog.witness import ADD_CHECKPOINT, AddCheckpoint, checkpoint_path, parse_conflict

texts = Texts("xmppgov_archive")
PATIENCE = 10.0  # seconds for a whole answer
REFUSALS = (400, 403, 404, 422)


class Refused(RemoteFault):
    """The witness does not cosign; `status` is why (tlog-witness)."""

    def __init__(self, status: int) -> None:
        super().__init__(texts("The witness refuses with HTTP status {status}.", status=status))
        self.status = status


class OtherSize(RemoteFault):
    """The latest checkpoint that the witness has cosigned is of another size."""

    def __init__(self, size: int) -> None:
        super().__init__(texts("The witness has cosigned {size} entries.", size=size))
        self.size = size


class WitnessClient:
    """One witness at the URL `prefix`, over a session that others may use, too."""

    def __init__(self, session: aiohttp.ClientSession, prefix: str) -> None:
        self._session, self._prefix = session, prefix.rstrip("/")

    async def add_checkpoint(self, request: AddCheckpoint) -> bytes:
        """Ask for a cosignature; return the answer's body.

        Raises:
            OtherSize, Refused: the witness says no.
            RequestInvalid: its answer is none.
            Unreachable: no answer, or none of this protocol.
        """
        status, body = await self._ask("POST", ADD_CHECKPOINT, request.encode())
        if status == 409:
            raise OtherSize(parse_conflict(body))
        if status in REFUSALS:
            raise Refused(status)
        if status != 200:
            raise self._silent()
        return body

    async def latest(self, origin: str) -> bytes | None:
        """Return the latest checkpoint of a log that the witness has cosigned, None before any.

        Raises:
            Unreachable: no answer, or none of this protocol.
        """
        status, body = await self._ask("GET", checkpoint_path(origin))
        if status not in (200, 404):
            raise self._silent()
        return body if status == 200 else None

    async def _ask(self, method: str, path: str, body: bytes | None = None) -> tuple[int, bytes]:
        url = f"{self._prefix}/{path}"
        try:
            async with self._session.request(
                method,
                url,
                data=body,
                allow_redirects=False,
                timeout=aiohttp.ClientTimeout(total=PATIENCE),
            ) as response:
                answer = await response.content.read(LARGEST_NOTE)
                while len(answer) < LARGEST_NOTE and (more := await response.content.read(65_536)):
                    answer += more
                return response.status, answer
        except (aiohttp.ClientError, TimeoutError, ValueError) as error:
            raise self._silent() from error

    def _silent(self) -> Unreachable:
        return Unreachable(texts("{url}: the witness does not answer.", url=self._prefix))
