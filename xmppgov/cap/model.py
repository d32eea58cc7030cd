"""What a CAP 1.2 alert is: its elements in the schema's order, each under its element's name.

The order, the names and the kinds of the fields are what reading and writing go by, so that the
schema is said once, here. A tuple is an element that may be repeated; no element is empty.
"""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Self

from pydantic import BaseModel, ConfigDict, Field, model_validator

from xmppgov.cap import policy
from xmppgov.cap.errors import Broken
from xmppgov.cap.references import Reference, References
from xmppgov.cap.shapes import CircleText, PolygonText
from xmppgov.cap.values import Filled, Language, Moment, Name, Number, Raw, Size, Uri, Words
from xmppgov.cap.words import (
    Category,
    Certainty,
    MsgType,
    ResponseType,
    Scope,
    Severity,
    Status,
    Urgency,
)

NAMESPACE = "urn:oasis:names:tc:emergency:cap:1.2"
FALLBACK_LANGUAGES = ("fr", "en")


class Element(BaseModel):
    """An element with elements inside. Frozen and strict; errors never quote what it holds."""

    model_config = ConfigDict(
        frozen=True,
        extra="forbid",
        strict=True,
        hide_input_in_errors=True,
        validate_by_name=True,
        validate_by_alias=True,
        serialize_by_alias=True,
    )


class NamedValue(Element):
    """A value in a system of names (`SAME`, `FIPS6`); the value may be empty."""

    name: Filled = Field(alias="valueName")
    value: Raw


class Resource(Element):
    """A file that belongs to the alert, by address or inside it."""

    description: Filled = Field(alias="resourceDesc")
    mime_type: Filled = Field(alias="mimeType")
    size: Size | None = None
    uri: Uri | None = None
    content: Filled | None = Field(None, alias="derefUri")
    """The file itself in base64, for readers who cannot fetch it; not decoded here."""
    digest: Filled | None = None


class Area(Element):
    """Where it is: always in words, and by shapes and codes."""

    description: Filled = Field(alias="areaDesc")
    polygons: tuple[PolygonText, ...] = Field((), alias="polygon")
    circles: tuple[CircleText, ...] = Field((), alias="circle")
    geocodes: tuple[NamedValue, ...] = Field((), alias="geocode")
    altitude: Number | None = None
    """Feet above mean sea level: the height, or with `ceiling` the lowest."""
    ceiling: Number | None = None


class Info(Element):
    """What is known, in one language. Several in the same language speak of parts of the event."""

    language: Language = "en-US"
    categories: Annotated[tuple[Category, ...], Field(min_length=1, alias="category")]
    event: Filled
    response_types: tuple[ResponseType, ...] = Field((), alias="responseType")
    urgency: Urgency
    severity: Severity
    certainty: Certainty
    audience: Filled | None = None
    event_codes: tuple[NamedValue, ...] = Field((), alias="eventCode")
    effective: Moment | None = None
    onset: Moment | None = None
    expires: Moment | None = None
    sender_name: Filled | None = Field(None, alias="senderName")
    headline: Filled | None = None
    description: Filled | None = None
    instruction: Filled | None = None
    web: Uri | None = None
    contact: Filled | None = None
    parameters: tuple[NamedValue, ...] = Field((), alias="parameter")
    resources: tuple[Resource, ...] = Field((), alias="resource")
    areas: tuple[Area, ...] = Field((), alias="area")


class Alert(Element):
    """A CAP message. One that exists is complete: what `policy` asks for holds as well."""

    identifier: Name
    sender: Name
    sent: Moment
    status: Status
    msg_type: MsgType = Field(alias="msgType")
    source: Filled | None = None
    scope: Scope
    restriction: Filled | None = None
    addresses: Words = ()
    codes: tuple[Filled, ...] = Field((), alias="code")
    note: Filled | None = None
    references: References = ()
    incidents: Words = ()
    infos: tuple[Info, ...] = Field((), alias="info")

    @model_validator(mode="after")
    def _follows_the_rules(self) -> Self:
        broken = tuple(policy.broken(self))
        if broken:
            raise Broken(broken)
        return self

    @property
    def reference(self) -> Reference:
        """How others refer to this alert."""
        return Reference(self.sender, self.identifier, self.sent)

    @property
    def severity(self) -> Severity:
        """The gravest severity of its infos; Unknown where it has none."""
        order = list(Severity)
        return min((i.severity for i in self.infos), key=order.index, default=Severity.UNKNOWN)

    @property
    def expires(self) -> datetime | None:
        """When the last of its infos expires; None where one of them never does."""
        ends = [info.expires for info in self.infos]
        known = [end for end in ends if end is not None]
        return max(known) if known and len(known) == len(ends) else None

    def infos_for(self, tag: str | None) -> tuple[Info, ...]:
        """Return the infos for a reader of the language `tag` (BCP 47).

        The same tag first, then the same language elsewhere, then French, English, and what there
        is. Empty only where the alert has no info.
        """
        spoken = [info.language.lower() for info in self.infos]
        for wanted in ((tag or "").lower(), *FALLBACK_LANGUAGES):
            best = wanted if wanted in spoken else _same_language(wanted, spoken)
            if best is not None:
                return self._spoken(best)
        return self._spoken(spoken[0]) if spoken else ()

    def _spoken(self, language: str) -> tuple[Info, ...]:
        return tuple(info for info in self.infos if info.language.lower() == language)


def _same_language(wanted: str, spoken: list[str]) -> str | None:
    primary = wanted.partition("-")[0]
    return next((tag for tag in spoken if tag.partition("-")[0] == primary), None)
