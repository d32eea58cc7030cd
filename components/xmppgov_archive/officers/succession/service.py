"""A request of the kind `succession`: two officers let the third's share be made again.

Any two shares say what the third was. It is sealed to the new officer's key, and the commitment
that the archive has published says that it is the very share of before: no name is sealed anew.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence

from xmppgov.adhoc.model import Field, Values, one
from xmppgov.archive.leaf import Access
from xmppgov.archive.officer import Generation, restored, write_file
from xmppgov.archive.request import Scope, SuccessionScope
from xmppgov.archive.sealing import PublicKey
from xmppgov.errors import BadRequest
from xmppgov.i18n import Texts
from xmppgov_archive.officers.dialogue import Subject
from xmppgov_archive.officers.execution import Granted
from xmppgov_archive.officers.model import NODES, Answer, Column
from xmppgov_archive.records.service import Archive

texts = Texts("xmppgov_archive")
COLUMNS = (Column("key", texts("Key")), Column("share", texts("Share file")))


class Successions:
    """Seals the shares of a role to a new officer's key; the entry in the log is an `access`.

    `vkey` is the archive's public key, `clock` returns ms UTC.
    """

    purposes: Collection[str] = ("succession",)

    def __init__(
        self,
        *,
        archive: Archive,
        generations: Sequence[Generation],
        vkey: str,
        clock: Callable[[], int],
    ) -> None:
        self._archive, self._vkey, self._clock = archive, vkey, clock
        self._generations = {made.public: made for made in generations if made.commitments}

    async def prepare(self, scope: SuccessionScope) -> Collection[str]:
        """Return the keys whose shares are asked for. Raises `BadRequest` for an unknown one."""
        wanted = scope.keys.split(" ") if scope.keys else list(self._generations)
        unknown = [key for key in wanted if key not in self._generations]
        if unknown:
            raise BadRequest(texts("There are no shares of key {key}….", key=unknown[0][:8]))
        return wanted

    async def execute(self, granted: Granted) -> Answer:
        """Make the shares, and say in the log that the officers' keys were put together."""
        request, scope = granted.request, granted.request.scope
        assert isinstance(scope, SuccessionScope)
        officer = PublicKey(bytes.fromhex(scope.officer))
        files = [
            restored(self._generations[public], request.role, shares, officer, self._vkey)
            for public, shares in granted.shares.items()
        ]
        await self._say(granted)
        return Answer(
            texts("Shares, sealed to the new key: {n}.", n=len(files)),
            COLUMNS,
            [(file.resolving, write_file(file)) for file in files],
        )

    async def _say(self, granted: Granted) -> None:
        asked, roles = granted.request, " ".join(granted.roles)
        fields = {"request": asked.hash, "purpose": asked.purpose, "requester": asked.role}
        async with self._archive.adding() as add:
            entry = {"v": 1, "kind": "access", "t": self._clock(), "roles": roles, "n": 0, **fields}
            await add(Access.model_validate(entry))
            await granted.settle(0)


def succession_subject() -> Subject:
    """Return how an officer asks for the shares of who was before."""

    def fields() -> Collection[Field]:
        hint = texts("What xmppgov archive officers key has printed.")
        every = texts("Empty: of every key.")
        return (
            Field("officer", texts("Your new key (public side)"), required=True, hint=hint),
            Field("keys", texts("Shares of the keys"), "text-multi", hint=every),
        )

    return Subject("succession", f"{NODES}succession", fields, _scope, Successions.purposes)


def _scope(values: Values) -> Scope:
    keys = " ".join(sorted(set(" ".join(values.get("keys", ())).split()))) or None
    try:
        return SuccessionScope.model_validate({"officer": one(values, "officer"), "keys": keys})
    except ValueError as error:
        raise BadRequest(
            texts("An officer's key is 64 hexadecimal digits, as officers key prints it.")
        ) from error
