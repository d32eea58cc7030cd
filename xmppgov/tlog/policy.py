"""Trust policies: which logs, which witnesses, and how many of these (https://c2sp.org/tlog-policy).

Names and URLs are octets without blanks; here they are strings decoded as UTF-8 with the octets
that are none escaped, so that a file is written as it was read.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping
from dataclasses import dataclass

from xmppgov.i18n import Text, Texts
from xmppgov.tlog.checkpoint import Checkpoint
from xmppgov.tlog.cosignature import (
    CosignerKey,
    MldsaCosignerKey,
    cosignatures,
    parse_key,
)
from xmppgov.tlog.errors import NoteInvalid, PolicyInvalid, PolicyUnmet
from xmppgov.tlog.note import Note, VerifierKey, open_note

texts = Texts("xmppgov")
NONE = "none"
LARGEST_POLICY = 1_000_000  # bytes
_ENCODING = {"encoding": "utf-8", "errors": "surrogateescape"}
_FORBIDDEN = re.compile(rb"[\x00-\x08\x0b-\x1f\x7f]")
_THRESHOLD = re.compile(r"[1-9][0-9]{0,5}", re.ASCII)


@dataclass(frozen=True, slots=True)
class Log:
    """A log: a key whose name is the origin, and perhaps where to find it."""

    key: VerifierKey
    url: str | None = None

    def line(self) -> str:
        """Return the line that defines it."""
        return _line("log", self.key, self.url)


@dataclass(frozen=True, slots=True)
class Witness:
    """A cosigner under a name that only the policy uses; `url` is its submission prefix."""

    name: str
    key: CosignerKey
    url: str | None = None

    def line(self) -> str:
        """Return the line that defines it."""
        return _line("witness", self.name, self.key, self.url)


@dataclass(frozen=True, slots=True)
class Group:
    """Has witnessed a checkpoint when `threshold` of its members have."""

    name: str
    threshold: int
    members: tuple[str, ...]

    def line(self) -> str:
        """Return the line that defines it."""
        named = {1: "any", len(self.members): "all"}
        return _line("group", self.name, named.get(self.threshold, self.threshold), *self.members)


@dataclass(frozen=True, slots=True)
class Verdict:
    """What a policy finds of a note: its checkpoint, who has cosigned it when, is it enough."""

    note: Note
    checkpoint: Checkpoint
    cosigned: Mapping[str, int]
    """Seconds since the epoch by the witness's name in the policy."""
    satisfied: bool


@dataclass(frozen=True, slots=True)
class Policy:
    """A policy file; `quorum` names a witness, a group, or "none"."""

    quorum: str
    logs: tuple[Log, ...] = ()
    witnesses: tuple[Witness, ...] = ()
    groups: tuple[Group, ...] = ()

    @classmethod
    def parse(cls, data: bytes) -> Policy:
        """Read a policy file.

        Raises:
            PolicyInvalid: it is none; the text names the line and what is wrong with it.
        """
        if len(data) > LARGEST_POLICY:
            raise PolicyInvalid(texts("The policy is too large."))
        *lines, rest = data.split(b"\n")
        reader = _Reader()
        for number, line in enumerate(lines, 1):
            reader.line(number, line)
        if rest:
            raise _wrong(len(lines) + 1, texts("the line does not end; is the file whole?"))
        return reader.policy()

    def encode(self) -> bytes:
        """Write the policy file; `parse` reads it as it is here."""
        logs, witnesses = (log.line() for log in self.logs), (w.line() for w in self.witnesses)
        groups = (group.line() for group in self.groups)
        lines = [*logs, *witnesses, *groups, _line("quorum", self.quorum)]
        return "".join(lines).encode(**_ENCODING)

    def judge(self, data: bytes, logs: Collection[VerifierKey] = ()) -> Verdict:
        """Open a signed checkpoint and tell whether enough witnesses have cosigned it.

        `logs` are keys of logs that are known from elsewhere.

        Raises:
            NoteInvalid: it is malformed, no known log has signed it under its own name, or a
                known key's signature is wrong.
        """
        signers = [*(log.key for log in self.logs), *logs]
        note = open_note(data, [*signers, *(w.key for w in self.witnesses)])
        checkpoint = Checkpoint.parse(note.text)
        found = {(s.name, s.key_id) for s in note.signatures if s.name == checkpoint.origin}
        if not found & {(key.name, key.key_id) for key in signers}:
            raise NoteInvalid(texts("No log that the policy knows has signed it."))
        times = cosignatures(note, [w.key for w in self.witnesses])
        cosigned = {w.name: times[w.key] for w in self.witnesses if w.key in times}
        return Verdict(note, checkpoint, cosigned, self.satisfied_by(cosigned))

    def open(self, data: bytes, logs: Collection[VerifierKey] = ()) -> Checkpoint:
        """Return the checkpoint of a note that satisfies the policy.

        Raises:
            NoteInvalid: as `judge`.
            PolicyUnmet: cosignatures are missing; the text names the witnesses.
        """
        verdict = self.judge(data, logs)
        if not verdict.satisfied:
            missing = [_shown(w.name) for w in self.witnesses if w.name not in verdict.cosigned]
            raise PolicyUnmet(
                texts("The policy is not met; not cosigned by: {names}.", names=", ".join(missing))
            )
        return verdict.checkpoint

    def satisfied_by(self, cosigned: Collection[str]) -> bool:
        """Tell whether the witnesses with these names are enough."""
        witnessed = {w.name for w in self.witnesses if w.name in cosigned}
        for group in self.groups:
            if len(witnessed.intersection(group.members)) >= group.threshold:
                witnessed.add(group.name)
        return self.quorum == NONE or self.quorum in witnessed


class _Reader:
    """Takes the lines of a policy file, one after the other."""

    def __init__(self) -> None:
        self._logs: list[Log] = []
        self._witnesses: list[Witness] = []
        self._groups: list[Group] = []
        self._quorum: str | None = None
        self._names: set[str] = set()
        self._members: set[str] = set()
        self._number = 0

    def line(self, number: int, line: bytes) -> None:
        """Take one line."""
        self._number = number
        if _FORBIDDEN.search(line):
            raise self._wrong(texts("a control character is not allowed."))
        words = [w for w in re.split(r"[ \t]+", line.decode(**_ENCODING)) if w]
        if not words or words[0].startswith("#"):
            return
        read = {
            "log": self._log,
            "witness": self._witness,
            "group": self._group,
            "quorum": self._set_quorum,
        }.get(words[0])
        if read is None:
            raise self._wrong(texts("it begins with none of log, witness, group, quorum."))
        read(words[1:])

    def policy(self) -> Policy:
        """Return what was read."""
        if self._quorum is None:
            raise PolicyInvalid(texts("The policy has no line that begins with quorum."))
        return Policy(self._quorum, tuple(self._logs), tuple(self._witnesses), tuple(self._groups))

    def _log(self, words: list[str]) -> None:
        if not 1 <= len(words) <= 2:
            raise self._wrong(texts("write: log <vkey> [<url>]"))
        key = self._key(words[0])
        if isinstance(key, CosignerKey) and not isinstance(key, MldsaCosignerKey):
            raise self._wrong(texts("a log signs with a key of type 0x01 or 0x06."))
        self._once(key, [log.key for log in self._logs])
        self._logs.append(Log(key, *words[1:]))

    def _witness(self, words: list[str]) -> None:
        if not 2 <= len(words) <= 3:
            raise self._wrong(texts("write: witness <name> <vkey> [<url>]"))
        key = self._key(words[1])
        if not isinstance(key, CosignerKey):
            raise self._wrong(texts("a witness signs with a key of type 0x04 or 0x06."))
        self._once(key, [w.key for w in self._witnesses])
        self._define(words[0])
        self._witnesses.append(Witness(words[0], key, *words[2:]))

    def _group(self, words: list[str]) -> None:
        if len(words) < 3:
            raise self._wrong(texts("write: group <name> all|any|<k> <name>..."))
        name, threshold, *members = words
        for member in members:
            self._known(member)
            if member in self._members:
                raise self._wrong(texts("{name} is a member already.", name=_shown(member)))
            self._members.add(member)
        self._define(name)
        self._groups.append(Group(name, self._threshold(threshold, len(members)), tuple(members)))

    def _set_quorum(self, words: list[str]) -> None:
        if len(words) != 1:
            raise self._wrong(texts("write: quorum <name>"))
        if self._quorum is not None:
            raise self._wrong(texts("there is a quorum already."))
        if words[0] != NONE:
            self._known(words[0])
        self._quorum = words[0]

    def _threshold(self, word: str, members: int) -> int:
        if word in ("all", "any"):
            return members if word == "all" else 1
        if not _THRESHOLD.fullmatch(word) or int(word) > members:
            raise self._wrong(texts("the threshold is neither all, any nor 1 to {n}.", n=members))
        return int(word)

    def _key(self, vkey: str) -> VerifierKey:
        try:
            return parse_key(vkey)
        except NoteInvalid as error:
            raise self._wrong(error.text) from error

    def _once(self, key: VerifierKey, others: list[VerifierKey] | list[CosignerKey]) -> None:
        """Refuse a public key that is there already, under whatever name."""
        if any(key.public == other.public for other in others):
            raise self._wrong(texts("the same key stands on an earlier line."))

    def _define(self, name: str) -> None:
        if name == NONE or name in self._names:
            raise self._wrong(texts("the name {name} is taken.", name=_shown(name)))
        self._names.add(name)

    def _known(self, name: str) -> None:
        if name not in self._names:
            raise self._wrong(texts("no earlier line defines {name}.", name=_shown(name)))

    def _wrong(self, reason: Text) -> PolicyInvalid:
        return _wrong(self._number, reason)


def _wrong(number: int, reason: Text) -> PolicyInvalid:
    return PolicyInvalid(
        texts("Line {number} of the policy: {reason}", number=number, reason=reason)
    )


def _line(*words: object) -> str:
    return " ".join(str(word) for word in words if word is not None) + "\n"


def _shown(name: str) -> str:
    """Return a name as it can be printed."""
    return name.encode(**_ENCODING).decode("utf-8", "replace")
