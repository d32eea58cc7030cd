"""Who gets which proof: absence for anybody of our domains, presence for whom it concerns."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Collection, Mapping

from xmppgov.archive.jcs import Value

QUESTIONS = 10  # an hour, of one person
MOST_ASKING = 10_000  # people whose questions are remembered
HOUR = 3600.0  # seconds


def concerns(record: Mapping[str, Value], person: str) -> bool:
    """Tell whether a record is of a person (a pseudonym): its sender, or the one it went to."""
    return person in (record["from"], record.get("to"))


def ours(domain: str, domains: Collection[str]) -> bool:
    """Tell whether somebody of a domain may ask at all."""
    return domain in domains


class Allowance:
    """At most `most` questions an hour for each address; `clock` returns seconds."""

    def __init__(self, most: int, clock: Callable[[], float]) -> None:
        self._most, self._clock = most, clock
        self._asked: dict[str, deque[float]] = {}

    def take(self, address: str) -> bool:
        """Count a question; False where it is one too many."""
        now = self._clock()
        times = self._asked.pop(address, deque())
        while times and times[0] <= now - HOUR:
            times.popleft()
        allowed = len(times) < self._most
        if allowed:
            times.append(now)
        self._asked[address] = times  # the latest to ask is the last to be forgotten
        if len(self._asked) > MOST_ASKING:
            del self._asked[next(iter(self._asked))]
        return allowed

    def give_back(self, address: str) -> None:
        """Forget the latest question, which had no answer."""
        times = self._asked.get(address)
        if times:
            times.pop()
