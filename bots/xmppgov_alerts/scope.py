"""What a webhook's key may reach: audience patterns and a gravest severity.

A pattern is `group:*`, `body:pref-*` or `person:p1`: a kind, and an id that may end in a star.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from xmppgov.cap.words import Severity

PATTERN = r"^(group|room|body|person):([^\s*]{0,200}\*|[^\s*]{1,200})$"


@dataclass(frozen=True, slots=True)
class Scope:
    """The audiences that a key may name; what matches no pattern is denied."""

    patterns: tuple[str, ...]
    max_severity: Severity = Severity.EXTREME

    def reaches(self, target: str) -> bool:
        """Whether `target` (`body:pref-59`) matches a pattern."""
        return any(_matches(pattern, target) for pattern in self.patterns)

    def reaches_all(self, targets: Iterable[str]) -> bool:
        """Whether every one of `targets` is within the scope."""
        return all(self.reaches(target) for target in targets)


def _matches(pattern: str, target: str) -> bool:
    if pattern.endswith("*"):
        return target.startswith(pattern[:-1])
    return pattern == target
