"""An archive for tests of the capture: keeps batches, answers as docs/protocol/archive.md says."""

from __future__ import annotations

import asyncio
import re
import xml.etree.ElementTree as ET
from collections.abc import Callable
from dataclasses import dataclass, field

from tests.streams import component_section
from xmppgov.archive.stanza import parse_batch
from xmppgov.demo.prosody import Prosody
from xmppgov.errors import Conflict, Detail, RemoteFault, Unexpected
from xmppgov.i18n import Texts
from xmppgov.xmpp.component import Component
from xmppgov.xmpp.handlers import Request, serve

NAMESPACE = "urn:xmppgov:archive:0"
texts = Texts("xmppgov")


@dataclass
class Sink:
    """What an archive knows: the records and holes of each epoch, and every batch as it came.

    `counted` are the numbers without a record, `waiting` how long the spool was behind each batch,
    `statuses` how long it was said to be in each question for the status.
    """

    records: dict[int, dict[int, dict[str, str]]] = field(default_factory=dict)
    holes: list[dict[str, str]] = field(default_factory=list)
    counted: list[dict[str, str]] = field(default_factory=list)
    waiting: list[int] = field(default_factory=list)
    statuses: list[str | None] = field(default_factory=list)
    last: dict[int, int] = field(default_factory=dict)
    batches: list[str] = field(default_factory=list)
    conflicts: int = 0
    checked: int = 0

    async def batch(self, request: Request) -> ET.Element:
        self.batches.append(ET.tostring(request.payload, "unicode"))
        parse_batch(request.payload)
        epoch, first, last = (int(request.payload.get(n, "")) for n in ("epoch", "first", "last"))
        known = self.records.setdefault(epoch, {})
        if first > self.last.get(epoch, 0) + 1:
            raise self._fault(
                Unexpected, "expected", epoch=str(epoch), seq=str(self.last.get(epoch, 0) + 1)
            )
        numbers: list[int] = []
        for child in request.payload:
            if child.tag.endswith("hole"):
                numbers += range(int(child.get("first", "")), int(child.get("last", "")) + 1)
            else:
                seq = int(child.get("seq", ""))
                numbers.append(seq)
                if seq in known and known[seq] != dict(child.attrib):
                    self.conflicts += 1
                    raise self._fault(Conflict, "known", seq=str(seq))
        assert numbers == list(range(first, last + 1)), "a batch has every number once"
        self.waiting.append(int(request.payload.get("waiting", "")))
        for child in request.payload:
            if child.tag.endswith("hole"):
                self.holes.append(dict(child.attrib))
            elif child.tag.endswith("counted"):
                self.counted.append(dict(child.attrib))
            else:
                known[int(child.get("seq", ""))] = dict(child.attrib)
        self.last[epoch] = max(last, self.last.get(epoch, 0))
        while self.last[epoch] + 1 in known:
            self.last[epoch] += 1
        return self._element("committed", epoch=str(epoch), last=str(last))

    async def status(self, request: Request) -> ET.Element:
        epoch = request.payload.get("epoch", "")
        self.statuses.append(request.payload.get("waiting"))
        return self._element("status", epoch=epoch, last=str(self.last.get(int(epoch), 0)))

    def component(self, server: Prosody, name: str = "archive") -> Component:
        """Return the archive's stream on `server`."""
        stream = Component(
            component_section(server, name, "archive"),
            name="sink",
            identity=("component", "archive"),
        )
        serve(stream, "set", f"{{{NAMESPACE}}}batch", self.batch)
        serve(stream, "get", f"{{{NAMESPACE}}}status", self.status)
        return stream

    def all(self) -> list[dict[str, str]]:
        """Return every record of every epoch, in order."""
        return [r for epoch in sorted(self.records) for _, r in sorted(self.records[epoch].items())]

    def find(self, **wanted: str) -> list[dict[str, str]]:
        """Return the records with these attributes."""
        return [r for r in self.all() if all(r.get(k) == v for k, v in wanted.items())]

    def doubled_batches(self) -> list[str]:
        """Return the batches that brought a number which an earlier one had brought."""
        last, doubled = 0, []
        for batch in self.batches:
            numbers = {
                k: int(v) for k, v in re.findall(r'\b(first|last)="(\d+)"', batch.split(">")[0])
            }
            if numbers["first"] <= last:
                doubled.append(batch)
            last = max(last, numbers["last"])
        return doubled

    async def wait(self, condition: Callable[[], object], timeout: float = 15) -> None:
        """Wait until `condition()` holds."""
        async with asyncio.timeout(timeout):
            while not condition():
                await asyncio.sleep(0.01)

    @staticmethod
    def _element(name: str, **attributes: str) -> ET.Element:
        return ET.Element(f"{{{NAMESPACE}}}{name}", attributes)

    @staticmethod
    def _fault(kind: type[RemoteFault], name: str, **attributes: str) -> RemoteFault:
        return kind(texts("The archive refuses this batch."), Detail(NAMESPACE, name, attributes))
