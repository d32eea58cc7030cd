"""The directory's two doors on its stream: XEP-0055 for people, our namespace for machines."""

from __future__ import annotations

from xmppgov.config import XmppSection
from xmppgov.directory import stanza as machine
from xmppgov.directory.model import MOST_RESULTS
from xmppgov.errors import BadRequest
from xmppgov.i18n import Texts
from xmppgov.xmpp.component import Component
from xmppgov.xmpp.handlers import Request, serve
from xmppgov_directory import stanza as person
from xmppgov_directory.query import parse
from xmppgov_directory.service import DirectoryService

texts = Texts("xmppgov_directory")
FEATURES = (person.NAMESPACE, person.FORM, machine.RSM, machine.NAMESPACE)


class DirectoryComponent:
    """Turns stanzas into the service's questions, and its answers into XML."""

    def __init__(self, *, section: XmppSection, service: DirectoryService) -> None:
        self._service = service
        self.stream = Component(
            section,
            name=texts("Directory").in_language("fr"),
            identity=("directory", "user"),
            features=FEATURES,
        )
        serve(self.stream, "get", person.QUERY, self._form)
        serve(self.stream, "set", person.QUERY, self._search)
        answers = {
            "version": self._version,
            "rooms": self._rooms,
            "members": self._members,
            "person": self._person,
            "audience": self._audience,
            "search": self._search_for,
            "devices": self._devices,
        }
        for name, answer in answers.items():
            serve(self.stream, "get", machine.tag(name), answer)
        serve(self.stream, "set", machine.tag("device"), self._publish)

    async def _form(self, request: Request) -> str:
        self._service.admit_person(request.sender.bare)
        return person.write_form(request.language)

    async def _search(self, request: Request) -> str:
        # Who may not ask learns nothing of what would be wrong with the question.
        self._service.admit_person(request.sender.bare)
        search = person.read_search(request.payload)
        found = await self._service.search(
            request.sender.bare, parse(search.fields), search.cut, reachable=search.legacy
        )
        return person.write_results(found, request.language, legacy=search.legacy)

    async def _version(self, request: Request) -> str:
        self._machine(request)
        return machine.write_version(await self._service.version())

    async def _rooms(self, request: Request) -> str:
        self._machine(request)
        return machine.write_rooms(await self._service.rooms())

    async def _members(self, request: Request) -> str:
        asker = self._machine(request)
        body, cut = _needed(request, "body"), machine.read_cut(request.payload)
        found = await self._service.members(asker, body, cut)
        return machine.write_members("members", found, body=body)

    async def _person(self, request: Request) -> str:
        asker = self._machine(request)
        jid, id = request.payload.get("jid", ""), request.payload.get("id", "")
        if bool(jid) == bool(id):
            raise BadRequest(texts("Name the person by jid or by id."))
        return machine.write_person(await self._service.person(asker, jid=jid.lower(), id=id))

    async def _audience(self, request: Request) -> str:
        asker = self._machine(request)
        to, cut = _needed(request, "to"), machine.read_cut(request.payload)
        found = await self._service.audience(asker, to, cut)
        return machine.write_members("audience", found, to=to)

    async def _search_for(self, request: Request) -> str:
        self._machine(request)
        asker, text = _needed(request, "for"), request.payload.get("q", "")
        most = machine.read_number(request.payload.get("max", str(MOST_RESULTS)))
        return machine.write_search(await self._service.search_for(asker, text, most))

    async def _devices(self, request: Request) -> str:
        self._machine(request)
        return machine.write_devices(await self._service.devices())

    async def _publish(self, request: Request) -> str:
        device = machine.read_device(request.payload, str(request.sender.bare))
        await self._service.publish_device(device)
        return machine.write_device(device)

    def _machine(self, request: Request) -> str:
        """Return the bare address of a machine that may ask. Raises `NotAllowed` for others."""
        asker = str(request.sender.bare)
        self._service.admit_machine(asker)
        return asker


def _needed(request: Request, name: str) -> str:
    value = request.payload.get(name)
    if not value:
        raise BadRequest(texts("The attribute {name} is missing.", name=name))
    return value
