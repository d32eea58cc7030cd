"""Shapes of an area in WGS 84: points, polygons and circles, and how CAP writes them (§3.2.4)."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from decimal import Decimal
from typing import Annotated, NamedTuple

from xmppgov.cap.errors import Flaw
from xmppgov.cap.values import Written, format_number, parse_number, plain_number
from xmppgov.i18n import Texts

texts = Texts(__package__)
FEWEST_POINTS = 4  # a triangle and its first point again


class Point(NamedTuple):
    """Degrees north and degrees east."""

    latitude: Decimal
    longitude: Decimal


@dataclass(frozen=True, slots=True)
class Polygon:
    """A closed line around a surface: its last point is its first."""

    points: tuple[Point, ...]

    def __post_init__(self) -> None:
        for point in self.points:
            _on_earth(point)
        if len(self.points) < FEWEST_POINTS or self.points[0] != self.points[-1]:
            raise _not_a_polygon()

    def __str__(self) -> str:
        return " ".join(map(_format_point, self.points))

    @classmethod
    def parse(cls, text: str) -> Polygon:
        """Read points that spaces separate."""
        return cls(tuple(_parse_point(part, _not_a_polygon) for part in text.split()))


@dataclass(frozen=True, slots=True)
class Circle:
    """A point and the kilometres around it; a radius of zero is the point."""

    center: Point
    radius: Decimal

    def __post_init__(self) -> None:
        _on_earth(self.center)
        if plain_number(self.radius) < 0:
            raise _not_a_circle()

    def __str__(self) -> str:
        return f"{_format_point(self.center)} {format_number(self.radius)}"

    @classmethod
    def parse(cls, text: str) -> Circle:
        """Read a point and a radius with a space between them."""
        parts = text.split()
        if len(parts) != 2:
            raise _not_a_circle()
        try:
            radius = parse_number(parts[1])
        except Flaw:
            raise _not_a_circle() from None
        return cls(_parse_point(parts[0], _not_a_circle), radius)


def _parse_point(text: str, wrong: Callable[[], Flaw]) -> Point:
    latitude, comma, longitude = text.partition(",")
    if not comma:
        raise wrong()
    try:
        return Point(parse_number(latitude), parse_number(longitude))
    except Flaw:
        raise wrong() from None


def _format_point(point: Point) -> str:
    return f"{format_number(point.latitude)},{format_number(point.longitude)}"


def _on_earth(point: Point) -> None:
    latitude, longitude = (plain_number(number) for number in point)
    if abs(latitude) > 90 or abs(longitude) > 180:
        raise Flaw(
            "earth",
            texts(
                "a latitude lies between -90 and 90 and comes first, "
                "a longitude between -180 and 180."
            ),
        )


def _not_a_polygon() -> Flaw:
    return Flaw(
        "polygon",
        texts(
            "it has to be four or more LATITUDE,LONGITUDE separated by spaces, "
            "the last as the first."
        ),
    )


def _not_a_circle() -> Flaw:
    return Flaw(
        "circle",
        texts("it has to be LATITUDE,LONGITUDE RADIUS, the radius in kilometres and not negative."),
    )


PolygonText = Annotated[Polygon, Written(Polygon.parse, str, blank=True)]
CircleText = Annotated[Circle, Written(Circle.parse, str, blank=True)]
