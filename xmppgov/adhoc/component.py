"""Offers commands on a stream: who sees which, whose session is where, and how long it may last."""

from __future__ import annotations

import xml.etree.ElementTree as ET
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import Any

from slixmpp import JID
from slixmpp.basexmpp import BaseXMPP
from slixmpp.plugins.xep_0030.stanza.items import DiscoItems

from xmppgov.adhoc.model import Command, Done, Form, Session, Values, needed
from xmppgov.adhoc.stanza import (
    COMMAND,
    COMMANDS,
    DATA,
    Step,
    parse_step,
    refused,
    write_cancelled,
    write_page,
)
from xmppgov.errors import BadRequest, NotAllowed, NotFound, RemoteFault, TooMany
from xmppgov.i18n import Text, Texts
from xmppgov.xmpp.handlers import Request, serve

texts = Texts("xmppgov")
LIFETIME = 900_000  # ms from the last step to the end of a session
MOST_SESSIONS, MOST_OF_ONE = 500, 10  # of each pool of commands
ID_SIZE = 16  # bytes


@dataclass(slots=True)
class _Execution:
    """A command under way: the pages that were shown, in order; the last one is being filled in."""

    command: Command
    session: Session
    until: int
    pages: list[Form] = field(default_factory=list)


class Commands:
    """The commands that `stream` offers; `clock` returns ms, `random(n)` n random bytes."""

    def __init__(
        self,
        stream: BaseXMPP,
        commands: Iterable[Command],
        *,
        clock: Callable[[], int],
        random: Callable[[int], bytes],
    ) -> None:
        self._commands = {command.node: command for command in commands}
        self._clock, self._random = clock, random
        self._executions: dict[str, _Execution] = {}
        self._stream = stream
        serve(stream, "set", COMMAND, self._answer)
        disco = stream.plugin["xep_0030"]
        disco.add_feature(COMMANDS)
        jid = stream.boundjid
        disco.set_node_handler("get_items", jid=jid, node=COMMANDS, handler=self._items)
        for node, command in self._commands.items():
            name = command.name.in_language("fr")
            disco.add_identity("automation", "command-node", name=name, node=node)
            for feature in (COMMANDS, DATA):
                disco.add_feature(feature, node=node)

    def _items(self, _jid: Any, _node: Any, sender: Any, request: Any) -> DiscoItems:
        """Return the commands that the asker may run, in the asker's language."""
        items = DiscoItems()
        items["node"] = COMMANDS
        bare, language = JID(sender).bare, request["lang"] or None
        for node, command in self._commands.items():
            if command.allowed(bare):
                name = command.name.in_language(language)
                items.add_item(self._stream.boundjid.full, node=node, name=name)
        return items

    async def _answer(self, request: Request) -> ET.Element:
        step = parse_step(request.payload)
        command = self._command(step.node, request.sender.bare)
        if not step.session:
            return await self._begin(command, request, step)
        execution = self._execution(step, request)
        if step.action == "cancel":
            del self._executions[step.session]
            return write_cancelled(step.node, step.session)
        if step.action == "prev":
            return self._back(step, execution)
        return await self._forward(step.session, execution, step.values)

    def _command(self, node: str, bare: str) -> Command:
        """Return a command that `bare` may run; to others it is as if it were not there."""
        command = self._commands.get(node)
        if command is None:
            raise NotFound(texts("There is no such command."))
        if not command.allowed(bare):
            raise NotAllowed(command.whose or texts("Your account may not run this command."))
        return command

    async def _begin(self, command: Command, request: Request, step: Step) -> ET.Element:
        if step.action not in ("execute", "next", "complete"):
            raise BadRequest(texts("The command has no such step now."), refused("bad-action"))
        self._expire()
        sender = request.sender
        running = [e for e in self._executions.values() if e.command.pool == command.pool]
        own = sum(execution.session.bare == sender.bare for execution in running)
        if own >= MOST_OF_ONE or len(running) >= MOST_SESSIONS:
            raise TooMany(texts("Too many commands are under way; finish or cancel one."))
        id = self._random(ID_SIZE).hex()
        session = Session(sender.full, sender.bare, request.language)
        self._executions[id] = _Execution(command, session, self._clock() + LIFETIME)
        return await self._forward(id, self._executions[id], {})

    def _execution(self, step: Step, request: Request) -> _Execution:
        self._expire()
        execution = self._executions.get(step.session)
        if (
            execution is None
            or execution.command.node != step.node
            or execution.session.jid != request.sender.full
        ):
            raise BadRequest(
                texts("This command has ended or timed out; begin it again."),
                refused("bad-sessionid"),
            )
        execution.until = self._clock() + LIFETIME
        execution.session.language = request.language
        return execution

    def _back(self, step: Step, execution: _Execution) -> ET.Element:
        if len(execution.pages) < 2:
            raise BadRequest(texts("The command has no such step now."), refused("bad-action"))
        execution.pages.pop()
        return self._shown(step.session, execution)

    async def _forward(self, id: str, execution: _Execution, values: Values) -> ET.Element:
        """Let the stage behind the page at hand take what was filled in."""
        pages = execution.pages
        try:
            if pages:
                needed(values, pages[-1])
            page = await execution.command.stages[len(pages)](execution.session, values)
        except NotAllowed:
            self._executions.pop(id, None)
            raise
        except RemoteFault as error:
            if not pages:
                self._executions.pop(id, None)
                raise
            return self._shown(id, execution, error.text)
        except BaseException:
            self._executions.pop(id, None)
            raise
        if isinstance(page, Done):
            self._executions.pop(id, None)
            return write_page(execution.command.node, id, page, execution.session.language)
        pages.append(page)
        return self._shown(id, execution)

    def _shown(self, id: str, execution: _Execution, error: Text | None = None) -> ET.Element:
        return write_page(
            execution.command.node,
            id,
            execution.pages[-1],
            execution.session.language,
            first=len(execution.pages) == 1,
            error=error,
        )

    def _expire(self) -> None:
        now = self._clock()
        for id in [id for id, e in self._executions.items() if e.until <= now]:
            del self._executions[id]
