"""The command by which a member asks whether a message of theirs was logged (XEP-0050)."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Collection

from slixmpp import JID

from xmppgov.adhoc.model import Command, Done, Field, Form, Page, Session, Values, one
from xmppgov.archive.exports.member import MemberProof
from xmppgov.errors import BadRequest, CheckFailed, ConfigurationError, NotFound, TooMany
from xmppgov.i18n import Text, Texts
from xmppgov_archive.members.policy import Allowance, ours

texts = Texts("xmppgov_archive")
NODE = "urn:xmppgov:archive:0#prove"
LONGEST_ID = 1000  # characters
Prove = Callable[[str, str, str], Awaitable[MemberProof]]
"""Return the proof for a day, a message's id and the address of who asks."""


class MemberCommands:
    """What members may run: at most so many questions an hour, from our own domains only."""

    def __init__(self, *, prove: Prove, domains: Collection[str], allowance: Allowance) -> None:
        self._prove, self._domains, self._allowance = prove, domains, allowance

    def commands(self) -> list[Command]:
        """Return the commands."""
        name = texts("Was my message logged?")
        return [Command(NODE, name, self._allowed, (self._ask, self._answer))]

    def _allowed(self, bare: str) -> bool:
        jid = JID(bare)
        return bool(jid.local) and ours(jid.domain, self._domains)

    async def _ask(self, _session: Session, _values: Values) -> Page:
        return Form(
            texts("Proof of a message"),
            [
                Field("day", texts("Day of the message, YYYY-MM-DD (UTC)"), required=True),
                Field("id", texts("Id of the message"), required=True),
            ],
            texts(
                "The archive proves to the sender and the recipient of a message that it was "
                "logged, and to everybody here that an id was not. Only days that have ended."
            ),
        )

    async def _answer(self, session: Session, values: Values) -> Page:
        day, id = one(values, "day"), one(values, "id")
        if len(id) > LONGEST_ID:
            raise BadRequest(texts("The id is too long."))
        if not self._allowance.take(session.bare):
            raise TooMany(texts("You have asked too often; ask again in an hour."))
        try:
            proof = await self._prove(day, id, session.bare)
        except (CheckFailed, ConfigurationError, NotFound) as error:
            self._allowance.give_back(session.bare)  # it has learnt nothing
            raise BadRequest(error.text) from error
        label = texts("The proof, for xmppgov-verify: save it as a file")
        shown = Field("proof", label, "text-multi", value=(proof.encode().decode().strip(),))
        return Done(verdict(proof), form=Form(texts("Proof of a message"), [shown]))


def verdict(proof: MemberProof) -> Text:
    """Say what a proof shows."""
    if not proof.present:
        return texts("{day}: no message with this id was logged.", day=proof.day)
    if not proof.records:
        return texts("{day}: the message was logged, and its record erased since.", day=proof.day)
    return texts("{day}: the message was logged.", day=proof.day)
