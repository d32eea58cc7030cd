#!/usr/bin/env python3
"""xmppgov-verify: is a log what was signed, and is what an archive hands out what the log holds?

Needs Python 3.11 and `cryptography` 48, and none of the archive's code, database or network. Read
it from the top. In quotes stand the sentences that are checked, of https://c2sp.org, RFC 6962 and
docs/protocol/; docs/auditor.md explains each code. Exit status: 0 all is as it was signed, 1
something is not, 2 misuse.
"""

import argparse
import base64
import hmac
import json
import re
import struct
import sys
import unicodedata
from collections import Counter, namedtuple
from datetime import UTC, date, datetime
from hashlib import sha256
from pathlib import Path

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from cryptography.hazmat.primitives.asymmetric.mldsa import MLDSA44PublicKey

MINUTE, DAY = 60_000, 86_400_000  # ms
LONGEST_TAIL = 65_536  # entries that may wait for cosignatures, for at most ten minutes


class Wrong(Exception):
    """Something is not as it should be: a code and a sentence."""


def main(words=None):
    asked = arguments(words)
    try:
        audit = Audit(Policy(Path(asked.policy).read_bytes()))
        audit.run(asked)
    except (OSError, Wrong) as error:
        sys.exit(print(f"xmppgov-verify: {error}", file=sys.stderr) or 2)
    audit.print(asked.json)
    return 1 if audit.findings else 0


def arguments(words):
    parser = argparse.ArgumentParser("xmppgov-verify", description=__doc__.split("\n")[0])
    parser.add_argument("--policy", required=True, help="tlog-policy: the log, witnesses, quorum")
    parser.add_argument("--tiles", help="the folder with the log's public files")
    kept = {"checkpoint": "kept elsewhere", "export": "with proofs", "proof": "of one message"}
    for name, text in kept.items():
        parser.add_argument(f"--{name}", nargs="+", action="extend", default=[], help=text)
    parser.add_argument("--uncosigned", action="store_true", help="let many entries wait for it")
    parser.add_argument("--json", action="store_true", help="print one JSON document")
    asked = parser.parse_args(words)
    if not asked.tiles and (asked.checkpoint or not asked.export + asked.proof):
        parser.error("name --tiles, --export or --proof; a --checkpoint is compared with --tiles")
    return asked


class Audit:
    """What one call looks at, and what it finds."""

    def __init__(self, policy):
        self.policy, self.log, self.facts, self.findings = policy, None, [], []

    def run(self, asked):
        if asked.tiles:
            self.attempt("checkpoint", self.open_log, Path(asked.tiles), asked.uncosigned)
        for name in asked.checkpoint:
            self.attempt(name, self.extends, name, Path(name).read_bytes())
        for name in asked.export:
            with open(name, "rb") as lines:
                self.attempt(name, Export(self, name).check, lines)
        for name in asked.proof:
            data = Path(name).read_bytes()
            prove = tlog_proof if data.startswith(PROOF) else member_proof
            self.attempt(name, prove, self, name, data)

    def open_log(self, folder, patient):
        """The log serves its newest checkpoint, and as `cosigned` its newest with a quorum."""
        newest, file = (folder / name for name in ("checkpoint", "cosigned"))
        signed = cosigned = self.policy.open(newest.read_bytes(), quorum=not file.exists())
        try:
            cosigned = self.policy.open(file.read_bytes()) if file.exists() else signed
        except Wrong as error:
            cosigned = self.say("cosigned", "cosigned-invalid", error.args[1])
        self.log = Log(self, folder, signed, cosigned.size if cosigned else 0)
        self.log.walk()
        if cosigned and file.exists():
            self.begins_with("cosigned", cosigned)
        if cosigned:
            self.tail(self.log.size - cosigned.size, self.log.tail, patient)

    def tail(self, waiting, times, patient):
        """Behind `cosigned` the archive alone vouches: few entries wait there, for some minutes."""
        late = times and max(times) - min(times) > 10 * MINUTE
        if not patient and (late or waiting > LONGEST_TAIL):
            self.say("cosigned", "cosigned-behind", f"the last {waiting} could still be others")

    def extends(self, where, note):
        """tlog-checkpoint: a log is append-only: it begins with each tree that was ever signed."""
        return self.begins_with(where, self.policy.open(note))

    def begins_with(self, where, kept):
        origin, size, root = kept
        if self.log and (size > self.log.size or origin != self.log.origin):
            self.say(where, "history", f"{size} entries were signed, {self.log.size} are there")
        elif self.log and self.log.root(size) != root:
            self.say(where, "history", f"the first {size} entries are not those that were signed")
        return kept

    def attempt(self, where, check, *arguments):
        try:
            check(*arguments)
        except Wrong as error:
            self.say(where, *error.args)

    def say(self, where, code, text):
        self.findings.append({"where": where, "code": code, "text": text})

    def print(self, as_json):
        facts = [(name, value) for fact in self.facts for name, value in fact.items()]
        lines = [f"{name}: {json.dumps(v) if isinstance(v, list) else v}" for name, v in facts]
        lines += [f"WRONG {f['where']}: {f['text']} [{f['code']}]" for f in self.findings]
        lines.append(f"findings: {len(self.findings)}" if self.findings else "all is as was signed")
        found = {"ok": not self.findings, "checked": self.facts, "findings": self.findings}
        print(json.dumps(found, indent=2, ensure_ascii=False) if as_json else "\n".join(lines))


class Log:
    """tlog-tiles: bundles of 256 entries, tiles of 256 hashes, partial ones at the right edge."""

    def __init__(self, audit, folder, signed, cosigned):
        self.audit, self.folder, self.cosigned = audit, folder, cosigned
        self.origin, self.size, self.signed = signed
        self.row, self.tail = [], []  # a hash over each bundle; the times behind `cosigned`
        self.counters, self.decisions = Counters(audit), Decisions(audit)

    def walk(self):
        """RFC 6962 2.1: every tile and the root follow from the entries, and are compared."""
        for start in range(0, self.size, 256):
            entries = self.bundle(start // 256)
            for index, entry in enumerate(entries or [], start):
                self.audit.attempt(f"entry {index}", self.entry, index, entry)
            packed = [len(entry).to_bytes(2, "big") + entry for entry in entries or []]
            self.older("entries", start // 256, packed)
            hashes = [sha256(b"\0" + entry).digest() for entry in entries or []]
            self.row.append(tree_hash(hashes) if entries else None)
            if entries is None:
                break  # no file: whatever its size says, the log ends here
            self.compare(0, start // 256, hashes)
        row, level = self.row[: self.size // 256], 1
        while row and None not in self.row:
            parts = [row[n : n + 256] for n in range(0, len(row), 256)]
            for index, hashes in enumerate(parts):
                self.compare(level, index, hashes)
            row, level = [tree_hash(part) for part in parts if len(part) == 256], level + 1
        if None not in self.row and tree_hash(self.row) != self.signed:
            self.audit.say("checkpoint", "root-wrong", "the entries have another root")
        size, last = f"{self.cosigned} of {self.size}", self.counters.newest
        told = {"log": self.origin, "size": self.size, "cosigned": size, "last": when(last)}
        self.audit.facts.append(told | self.counters.facts())

    def entry(self, index, entry):
        leaf = read_leaf(entry)
        if "t" in leaf and index >= self.cosigned:
            self.tail.append(leaf["t"])
        self.counters.follow(f"entry {index}", leaf)
        self.decisions.follow(index, leaf)

    def bundle(self, index):
        """ "a sequence of big-endian uint16 length-prefixed log entries"; None without a file."""
        width, entries, end = min(256, self.size - 256 * index), [], 0
        data, full = self.file("entries", index, width)
        while data and end < len(data):
            start = end + 2
            end = start + int.from_bytes(data[end:start], "big")
            entries.append(data[start:end])
        if data is None or end != len(data) or len(entries) != (256 if full else width):
            self.audit.say(tile_path("entries", index, width), "bundle-invalid", "missing or cut")
            return None if data is None else []
        return entries[:width]

    def compare(self, level, index, hashes):
        path, size = tile_path(level, index, len(hashes)), 32 * len(hashes)
        data, full = self.file(level, index, len(hashes))
        if hashes and data is None:
            self.audit.say(path, "tile-missing", "the file is not there")
        elif hashes and (data[:size] if full else data) != b"".join(hashes):
            self.audit.say(path, "tile-changed", "it is not what the entries give")
        self.older(level, index, hashes)

    def older(self, level, index, parts):
        """ "Logs MUST serve partial tiles corresponding to tree sizes" of earlier checkpoints"""
        for width in range(1, len(parts)) if len(parts) < 256 else ():
            path = tile_path(level, index, width)
            file = self.folder / path
            if file.is_file() and file.read_bytes() != b"".join(parts[:width]):
                self.audit.say(path, "tile-changed", "it is not what the entries give")

    def file(self, level, index, width):
        """ "partial tiles MAY be deleted once the corresponding full tile is available" """
        for wide in (width, 256):
            path = self.folder / tile_path(level, index, wide)
            if path.is_file():
                return path.read_bytes(), wide > width
        return None, False

    def root(self, size):
        """Return the root of the first entries, whatever has come behind them."""
        full, width = divmod(size, 256)
        row = self.row[:full]
        if width and None not in row:
            entries = (self.bundle(full) or [])[:width]
            row.append(tree_hash([sha256(b"\0" + entry).digest() for entry in entries]))
        return None if None in row else tree_hash(row)


def tile_path(level, index, width):
    """ "zero-padded 3-digit path elements", "all but the last begin with x": x001/x234/067"""
    path = f"{index % 1000:03d}"
    while index := index // 1000:
        path = f"x{index % 1000:03d}/{path}"
    return f"tile/{level}/{path}" + (f".p/{width}" if width < 256 else "")


class Counters:
    """ "Within an epoch the numbers follow each other from 1": none twice, none silently missing.

    A skipped number is open until the `counted` entry that names it, due within a minute, and
    before the day ends. Times go forward, but for steps of a clock of less than ten minutes.
    """

    def __init__(self, audit):
        self.say, self.last, self.open, self.since, self.names = audit.say, {}, {}, {}, {}
        self.epochs, self.ended, self.newest, self.turn, self.days = {}, set(), 0, None, Counter()
        self.records = self.missing = self.counted = self.summed = 0
        self.holes = []

    def facts(self):
        waiting = sum(count(parts) for parts in self.open.values())
        facts = {"records": self.records, "missing": self.missing, "counted": self.counted}
        return facts | {"open": waiting} | ({"holes": self.holes} if self.holes else {})

    def name(self, em, leaf):
        """Keep the first 20 holes by emitter, numbers, reason and time."""
        numbers, time = f"{leaf['first']}-{leaf['last']}", when(leaf["t"])
        if len(self.holes) < 20:
            self.holes.append(f"{em} {numbers} {leaf['reason']} {time}")

    def follow(self, where, leaf):
        kind, em = leaf["kind"], leaf.get("em")
        if kind == "record":
            self.records += 1
            return self.take(where, em, [(leaf["es"], leaf["es"])])
        self.time(where, kind, leaf["t"])
        if kind == "gap":
            self.missing += leaf["last"] - leaf["first"] + 1
            self.name(em, leaf)
            self.take(where, em, [(leaf["first"], leaf["last"])], declared=True)
        elif kind == "counted":
            self.settle(where, em, ranges(leaf["ranges"]), leaf["n"])
        elif kind == "emitter.start":
            self.start(where, em, leaf)
        elif kind in ("counts", "day"):
            self.sums(where, leaf)
        self.wait(where, kind, leaf["t"])

    def time(self, where, kind, t):
        """An archive that was away closes the days that are over before it goes on, and decides."""
        self.turn = t // DAY if self.turn is None else self.turn
        days = 3 if kind in ("hold", "release", "erase") else 400
        ahead = t > (self.turn + days) * DAY and kind not in ("counted", "counts", "day")
        if ahead or t < self.newest - 10 * MINUTE:
            self.say(where, "time-wrong", f"{when(t)} is long before or behind what is around it")
            self.newest = t
        self.newest = max(self.newest, t)

    def wait(self, where, kind, t):
        for em, waiting in self.open.items():
            since = self.since[em] = min(self.since.get(em, t), t)
            if not waiting:
                del self.since[em]
            elif kind == "day" or (kind != "counted" and t - since > 2 * MINUTE):
                self.give_up(where, em, self.last[em] + 1)

    def start(self, where, em, leaf):
        """ "opens an epoch and names the server"; the one before, `previous`, came to `last`."""
        number = em.split("/")[0]
        self.names.setdefault(number, leaf["emitter"])
        same = [other for other, name in self.names.items() if name == leaf["emitter"]]
        if em in self.last or same != [number]:
            self.say(where, "emitter-twice", f"{em} or its server is opened a second time")
        self.last.setdefault(em, 0)
        before, end = self.epochs.get(number), leaf.get("last", -1)
        self.epochs[number] = em
        if leaf.get("previous") != before or (before and end < self.last[before]):
            self.say(where, "epoch-changed", f"{em} follows an epoch that ended otherwise")
        elif before and before != em:  # what was counted at its end is still to be named
            self.skip(before, end + 1)
            self.last[before] = end
            self.ended.add(before)

    def skip(self, em, to):
        if to > self.last[em] + 1:
            self.open.setdefault(em, []).append((self.last[em] + 1, to - 1))

    def take(self, where, em, parts, waiting=(), declared=False):
        """Each number comes once: behind all others, or where it was waited for."""
        if em not in self.last:
            self.say(where, "counter-unopened", f"{em} was never opened")
        behind = minus(parts, [(0, self.last.setdefault(em, parts[0][0] - 1))])
        if minus(minus(parts, behind), waiting) or count(parts) < 1:
            self.say(where, "counter-twice", f"{em}: {parts[0][0]} comes a second time")
        if behind and em in self.ended and not declared:
            self.say(where, "epoch-changed", f"{em} has ended, and goes on")
        for first, last in behind:
            self.skip(em, first)
            self.last[em] = last
        self.last[em] = max(self.last[em], parts[-1][1])

    def settle(self, where, em, parts, n):
        waiting = self.open.get(em, [])
        self.open[em], self.counted = minus(waiting, parts), self.counted + n
        self.take(where, em, parts, waiting)
        self.give_up(where, em, parts[-1][1])
        if count(parts) != n:
            self.say(where, "counter-twice", f"{em}: it names other numbers than {n}")

    def give_up(self, where, em, below):
        for first, last in (lost := [part for part in self.open[em] if part[0] < below]):
            self.say(where, "counter-gap", f"{em}: {first} to {last} are missing without a gap")
        self.open[em] = self.open[em][len(lost) :]
        self.since.pop(em, None)

    def sums(self, where, leaf):
        """`counts`, then `day`: the sums of a day's rooms are what was counted."""
        if leaf["kind"] == "day":
            self.day(where, leaf)
            right, self.summed = self.summed == self.counted, self.counted
        else:
            total = sum(int(pair.partition(":")[2]) for pair in leaf["sums"].split(" "))
            self.summed += total
            right = total == leaf["n"] and self.summed <= self.counted
        if not right:
            self.say(where, "counts-wrong", "the sums of rooms are not what was counted")

    def day(self, where, leaf):
        """ "Every day since the log began ends", once it is over; later parts follow in order."""
        day, part = date.fromisoformat(leaf["day"]).toordinal() - EPOCH, leaf["part"]
        right = part == self.days[day] + 1 and day <= self.turn and leaf["t"] >= (day + 1) * DAY
        if not right:
            self.say(where, "day-order", f"{leaf['day']} part {part} is not what comes next")
        self.days[day] = max(self.days[day], part)
        self.turn = max(self.turn, day + 1) if part == 1 else self.turn


class Decisions:
    """What officers decide takes two of them, neither in the role of who asks; a hold takes one.

    While a hold lasts, as many records have to be left before its entry as it has counted.
    """

    def __init__(self, audit):
        self.say, self.data, self.records, self.erased = audit.say, [], 0, []
        self.known, self.holds = set(), {}

    def follow(self, index, leaf):
        where, kind, roles = f"entry {index}", leaf["kind"], leaf.get("roles", "").split()
        if kind == "record":
            self.records += 1
            self.data.append((index, index))
            if len(self.data) > 1 and self.data[-2][1] == index - 1:
                self.data[-2:] = [(self.data[-2][0], index)]
        elif kind == "hold":
            if leaf["hold"] in self.known:
                self.say(where, "hold-wrong", "there was a hold of this name before")
            self.known.add(leaf["hold"])
            self.holds[leaf["hold"]] = (index, self.records, leaf)
        elif kind == "release":
            *_, hold = self.holds.pop(leaf["hold"], (None,))
            if hold is None or (roles == ["nobody"] and day_of(leaf["t"]) <= hold["until"]):
                self.say(where, "hold-wrong", "there is no such hold, or it is not over")
        elif kind == "erase":
            self.erase(where, index, leaf)
        alone = kind in ("access", "erase", "release") and len(roles) < 2 and roles != ["nobody"]
        if alone or leaf.get("requester") in roles:
            self.say(where, "roles-wrong", "it takes two officers, and not of the requester's role")

    def erase(self, where, index, leaf):
        """An `erase` entry names records before it, as many as it says, and none a second time."""
        named, today = ranges(leaf["indexes"]), day_of(leaf["t"])
        parts = minus(named, minus(named, self.data))
        if parts != named or count(named) != leaf["n"] or leaf["month"] > today[:7]:
            self.say(where, "erase-forged", "it names what it cannot")
        if minus(parts, [part[:2] for part in self.erased]) != parts:
            self.say(where, "erase-twice", "it names what was erased before")
        self.erased += [(*part, index) for part in parts]
        gone, short = union(part[:2] for part in self.erased), leaf["held"] and not self.holds
        for at, before, hold in self.holds.values():
            left = before - count(minus(gone, [(at, 2**53)]))
            short = short or (today <= hold["until"] and left < hold["n"])
        if short:
            self.say(where, "erase-held", "it says that no hold keeps, or takes what one has to")


# Entries: "0x01 0x01 emitter (2) epoch (4) number (8) R (32)", or "0x01 0x02" and canonical JSON.

FORMS = {
    "em": "[1-9][0-9]{0,4}/(0|[1-9][0-9]{0,9})",
    "label": "[a-z0-9][a-z0-9._-]{0,31}",
    "digest": "[0-9a-f]{64}",
    "month": "[0-9]{4}-(0[1-9]|1[0-2])",
    "day": "[0-9]{4}-[0-9]{2}-[0-9]{2}",
    "ranges": "[0-9 -]{1,60100}",
    "sums": "(?=.{1,60100}$)[^: ]*:(0|[1-9][0-9]{0,15})( [^: ]*:(0|[1-9][0-9]{0,15}))*",
    "role": "archivist|dpo|security|requester",
    "roles": "archivist( dpo)?( security)?|dpo( security)?|security",
    "ending": "archivist( dpo)?( security)?|dpo( security)?|security|nobody",
    "identity": "[0-9a-z][0-9a-z-]{0,63}",
    "visa": "[0-9A-Za-z][0-9A-Za-z ./_-]{0,63}",
    "name": "[0-9a-z][0-9a-z._-]{0,95}",
    "text": ".{1,2047}",
    "public": "([0-9a-f]{2}){0,4096}",
    "committed": "([0-9a-f]{64})?",
}
KINDS = {
    "emitter.start": "em:em emitter:text previous?:em last?:0",
    "gap": "em:em first:1 last:1 reason:boot|lost",
    "counted": "em:em ranges:ranges n:1",
    "counts": "day:day sums:sums n:1",
    "day": "day:day part:1 n:0 root:digest key:committed named:0 names:digest",
    "access": "request:digest purpose:label requester:role roles:roles n:0",
    "refusal": "request:digest purpose:label role:archivist|dpo|security|requester|nobody",
    "hold": "hold:identity scope:digest reason:label until:day roles:roles n:0",
    "release": "hold:identity roles:ending",
    "erase": "class:label month:month indexes:ranges n:1 held:0 slip:digest visa:visa roles:roles",
    "key": "name:name fate:created|sealed|destroyed public:public",
}


def read_leaf(entry):
    if entry[:2] == b"\1\1" and len(entry) == 48:
        emitter, epoch, number = struct.unpack_from(">HIQ", entry, 2)
        return {"kind": "record", "em": f"{emitter}/{epoch}", "es": number}
    leaf = read_json(entry[2:], "entry-invalid") if entry[:2] == b"\1\2" else {}
    kind = leaf.get("kind")
    rules = KINDS.get(kind) if type(kind) is str else None
    fields = dict(rule.split(":") for rule in f"v:1 t:0 {rules or ''}".split())
    wanted = {n.rstrip("?"): r for n, r in fields.items() if n[-1] != "?" or n[:-1] in leaf}
    right = rules and leaf.keys() == {"kind", *wanted} and leaf["v"] == 1
    if not right or not all(fits(leaf[name], rule) for name, rule in wanted.items()):
        raise Wrong("entry-invalid", "it is no entry of an archive's log")
    text = json.dumps(leaf, sort_keys=True, ensure_ascii=False, separators=(",", ":"))
    if text.encode("utf-8", "replace") != entry[2:]:
        raise Wrong("entry-invalid", "it is not in canonical form")
    return leaf


def fits(value, rule):
    """Tell whether a value is canonical, and a number from 0 or 1, or a text of a form."""
    if not canonical(value) or (type(value) is int) != (rule in "01"):
        return False
    if type(value) is int:
        return value >= int(rule)
    if rule == "sums" and value.count(" ") > 0:
        rooms = [pair.split(":")[0] for pair in value.split(" ")]
        return rooms == sorted(set(rooms)) and bool(re.fullmatch(FORMS[rule], value, re.S))
    apart = rule != "ranges" or ranges(value, "entry-invalid")
    there = re.fullmatch(FORMS.get(rule, rule), value, re.S)
    return bool(apart and there and (rule != "day" or is_day(value)))


def is_day(text):
    try:
        return bool(date.fromisoformat(text))
    except ValueError:
        return False


EPOCH = date(1970, 1, 1).toordinal()


def day_of(t):
    """Return the day (UTC) of a time in ms, or the last one that a calendar has."""
    return date.fromordinal(min(EPOCH + t // DAY, date.max.toordinal())).isoformat()


def when(t):
    return f"{day_of(t)} {datetime.fromtimestamp(t % DAY // 1000, UTC):%H:%M:%S}"


def canonical(value):
    """RFC 8785, a subset: "NFC strings" and "integers from 0 to 2**53 - 1"."""
    if type(value) is str:
        return unicodedata.is_normalized("NFC", value)
    return type(value) is int and 0 <= value < 2**53


# Exports: a manifest, then a line an index. Records show some fields and hide the others.

MANIFEST = "origin checkpoint policy purpose watermark covers"
NUMBERS = "made entries start end records outside readable"
FIELDS = "v kind id t from to room org class basis scope domain n enc size em es ref oid state"


class Export:
    """ "Every index of `covers` has a line, or an entry that says that it was erased." """

    def __init__(self, audit, name):
        self.audit, self.name, self.last = audit, name, -1
        self.present, self.outside, self.readable, self.wrong, self.erased = [], [], [], [], []
        self.edges = {}

    def check(self, lines):
        self.begin(read_json(next(lines, b""), "manifest-invalid"))
        for number, line in enumerate(lines, 2):
            self.audit.attempt(f"{self.name} line {number}", self.line, line)
        self.finish()

    def begin(self, manifest):
        types = dict.fromkeys(MANIFEST.split(), str) | dict.fromkeys(NUMBERS.split(), int)
        have(manifest, "manifest-invalid", format=str, fields=list, rooms=list, units=list, **types)
        self.checkpoint = self.audit.extends(self.name, manifest["checkpoint"].encode())
        covers, self.manifest = manifest["covers"], manifest
        self.covers = ranges(covers, "manifest-invalid") if covers else []
        reach = self.covers[-1][1] if covers else -1
        known = manifest["format"] == "xmppgov-export/1"
        known = known and manifest["origin"] == self.checkpoint.origin
        if not known or not reach < manifest["entries"] <= self.checkpoint.size:
            raise Wrong("manifest-invalid", "it is not of the log that its checkpoint is of")
        named, some = manifest["fields"], manifest["rooms"] + manifest["units"]
        if any(type(name) is not str for name in named + some):
            raise Wrong("manifest-invalid", "it names what is no text")
        if not {"v", "t", "em", "es"} <= set(named) <= set(FIELDS.split()):
            raise Wrong("manifest-invalid", "it shows other fields than a record has, or no time")
        if len(self.covers) != (1 if not some and manifest["entries"] else 0):
            raise Wrong("manifest-invalid", "it covers one range of indexes, or of a room nothing")

    def line(self, data):
        line = read_json(data)
        outside = "outside" in line
        if outside and line.pop("outside") is not True:
            raise Wrong("line-invalid", "it is either outside or says nothing of it")
        index, leaf = read_line(line)
        if not self.last < index < self.manifest["entries"]:
            raise Wrong("line-order", "its index is not behind the one before, or not in the log")
        self.last = index
        if not proved(line, leaf, self.checkpoint):
            self.wrong.append((index, index))
            raise Wrong("record-changed", f"it is not what the log has as entry {index}")
        shown = line.get("shown")
        parts = self.readable if not shown else self.outside if outside else self.present
        parts[-1:] = union([*parts[-1:], (index, index)])
        t = shown.get("t", [None])[0] if shown and outside else None
        if type(t) is int and index in (self.covers or [()])[0]:
            self.edges[index] = t
        if shown and not self.within(shown, outside):
            raise Wrong("scope-wrong", f"entry {index} is not of what the manifest announces")
        if not shown and (entry := read_leaf(leaf))["kind"] == "erase":
            self.erased += [(*part, index) for part in ranges(entry["indexes"])]

    def within(self, shown, outside):
        """A record is of the manifest's times, rooms and units, or `outside` its times."""
        t, room, unit = (shown.get(name, [None])[0] for name in ("t", "room", "org"))
        wanted = self.manifest
        if type(t) is not int or not shown.keys() <= set(wanted["fields"]):
            return False
        timely = wanted["start"] <= t < wanted["end"]
        if outside:
            return not timely and self.covers
        there = not wanted["rooms"] or room in (None, *wanted["rooms"])
        return timely and there and (not wanted["units"] or unit in (None, *wanted["units"]))

    def finish(self):
        found = [count(parts) for parts in (self.present, self.outside, self.readable)]
        if found != [self.manifest[name] for name in ("records", "outside", "readable")]:
            self.audit.say(self.name, "export-count", "it has not as many lines as it announces")
        shown = union(self.present + self.outside)
        absent = minus(self.covers, union(shown + self.readable + self.wrong))
        known = {*self.erased, *(self.audit.log.decisions.erased if self.audit.log else [])}
        gone = sorted(part for part in known if part[2] < self.manifest["entries"])
        every = union(part[:2] for part in gone)
        missing = minus(absent, every)
        for part in minus(shown, minus(shown, every)):
            self.audit.say(f"entries {span(part)}", "record-kept", "said to be erased, still there")
        for part in missing:
            self.audit.say(f"entries {span(part)}", "record-missing", "neither there nor erased")
        for end in self.open_ends():
            self.audit.say(f"entry {end}", "covers-short", "it ends amid what it should cover")
        self.report(gone, absent, union(missing + self.wrong))

    def open_ends(self):
        """Who covers all begins at the log's begin or a record from before, ends accordingly."""
        if not self.covers:
            return []
        (first, last), start, end = self.covers[0], self.manifest["start"], self.manifest["end"]
        begins = first == 0 or self.edges.get(first, start) < start
        ends = last == self.manifest["entries"] - 1 or self.edges.get(last, 0) >= end
        return [at for at, well in ((first, begins), (last, ends)) if not well]

    def scope(self):
        """What it says that it shows, and where that begins and ends in the log."""
        start, end = when(self.manifest["start"]), when(self.manifest["end"])
        told = {"export": self.name, "period": f"{start} to {end}"}
        told |= {name: self.manifest[name] for name in ("rooms", "units") if self.manifest[name]}
        if not self.covers:
            return told | {"covers": "nothing: more may have been left out"}
        for at, name in ((self.covers[0][0], "begins"), (self.covers[-1][1], "ends")):
            told[name] = f"at entry {at}"
            told[name] += f", {when(self.edges[at])}" if at in self.edges else ""
        told["of"] = f"{self.manifest['entries']} entries, {self.checkpoint.size} are signed"
        return told | {"covers": " ".join(map(span, self.covers))}

    def report(self, gone, absent, unexplained):
        places = [(part, "present") for part in self.present]
        places += [(part, "readable") for part in self.readable]
        places += [(part, "present, of another day") for part in self.outside]
        for first, last, leaf in gone:
            whole = [(first, last)]
            parts = minus(absent, minus(absent, whole)) if self.covers else whole
            places += [(part, f"erased by leaf {leaf}") for part in parts]
        places += [(part, "UNEXPLAINED") for part in unexplained]
        self.audit.facts.append(self.scope() | {span(p): what for p, what in sorted(places)})


def read_line(line):
    """Return index and entry: a readable one as it stands there, or as the record makes it."""
    if "entry" not in line:
        return read_record(line)
    have(line, "line-invalid", index=int, entry=str, proof=list)
    leaf = unbase64(line["entry"])
    if leaf[:2] == b"\1\1":
        raise Wrong("line-invalid", "it hides a record behind its entry")
    return line["index"], leaf


def read_record(line):
    have(line, "line-invalid", index=int, shown=dict, hidden=dict, proof=list)
    return line["index"], record_leaf(line["shown"], line["hidden"])


def proved(line, leaf, checkpoint):
    proof = [unbase64(text, 32) for text in line["proof"]]
    return root_of(line["index"], checkpoint.size, leaf, proof) == checkpoint.root


def record_leaf(shown, hidden):
    """ "R is the root of the tree whose twenty leaves have the hashes c": given, or made here."""
    if sorted([*shown, *hidden]) != sorted(FIELDS.split()) or not {"v", "em", "es"} <= shown.keys():
        raise Wrong("line-invalid", "each field is either shown or hidden; v, em, es are shown")
    parts = {name: field(name, pair) for name, pair in shown.items()}
    parts |= {name: unbase64(text, 32) for name, text in hidden.items()}
    v, em, es = (shown[name][0] for name in ("v", "em", "es"))
    emitter, epoch = map(int, em.split("/")) if em and fits(em, "em") else (1 << 16, 0)
    if v != 1 or not fits(es, "1") or emitter >= 1 << 16 or epoch >= 1 << 32:
        raise Wrong("line-invalid", "there is no such version, emitter or number")
    tree = tree_hash([parts[name] for name in FIELDS.split()])
    return b"\1\1" + struct.pack(">HIQ", emitter, epoch, es) + tree


def field(name, pair):
    """ "c = SHA-256(0x00, salt, length of field (one byte), field, value)" """
    if type(pair) is not list or len(pair) != 2 or not (pair[0] is None or canonical(pair[0])):
        raise Wrong("line-invalid", f"{name} is no value with its salt")
    value = b"" if pair[0] is None else json.dumps(pair[0], ensure_ascii=False).encode()
    label = bytes([len(name)]) + name.encode()
    return sha256(b"\0" + unbase64(pair[1], 32) + label + value).digest()


# Proofs of one entry (c2sp.org/tlog-proof), and of one message.

PROOF = b"c2sp.org/tlog-proof@v1\n"


def tlog_proof(audit, name, data):
    """ "extra", here the entry, "index", and "one SHA-256 hash per line", then the checkpoint."""
    head, _, note = data.partition(b"\n\n")
    form = re.escape(PROOF) + rb"extra (\S+)\nindex (0|[1-9][0-9]{0,18})((?:\n\S{44}){0,64})"
    if not (match := re.fullmatch(form, head)):
        raise Wrong("proof-invalid", "it is no tlog-proof with its entry")
    leaf, index, hashes = (text.decode("ascii", "replace") for text in match.groups())
    line = {"index": int(index), "entry": leaf, "proof": hashes.split()}
    if not proved(line, unbase64(leaf), audit.extends(name, note)):
        raise Wrong("proof-invalid", f"it is not what the log has as entry {index}")
    audit.facts.append({"proof": name, index: "present"} | read_leaf(unbase64(leaf)))


def member_proof(audit, name, data):
    """In each part of a day the message's references stand at their place, or would between two."""
    proof = read_json(data)
    texts = dict.fromkeys(("format", "day", "id", "key", "checkpoint"), str)
    have(proof, "proof-invalid", parts=list, records=list, **texts)
    if proof["format"] != "xmppgov-member-proof/1":
        raise Wrong("proof-invalid", "it is no member's proof")
    checkpoint, found = audit.extends(name, proof["checkpoint"].encode()), {}
    for number, part in enumerate(proof["parts"], 1):
        leaf = day_part(part, proof["day"], number, checkpoint)
        key = sha256(b"xmppgov/day/v1\0" + unbase64(proof["key"], 32)).hexdigest()
        if leaf["key"] != key and (leaf["n"] or leaf["key"]):
            raise Wrong("proof-invalid", "the day has another key")
        for sort in (b"ref", b"oid"):
            text = b"xmppgov/" + sort + b"/v1\0" + proof["id"].encode()
            value = hmac.digest(unbase64(proof["key"], 32), text, "sha256")[:16]
            if stands(value, part[sort.decode()], leaf["n"], bytes.fromhex(leaf["root"])):
                found[sort.decode()] = base64.urlsafe_b64encode(value).decode().rstrip("=")
    day = date.fromisoformat(proof["day"]).toordinal() - EPOCH if is_day(proof["day"]) else -1
    if not 0 < len(proof["parts"]) >= (audit.log.counters.days[day] if audit.log else 0):
        raise Wrong("proof-invalid", "the log has another part of this day")
    for line in proof["records"]:
        index, leaf = read_record(line)
        same = any(line["shown"].get(sort, [0])[0] == text for sort, text in found.items())
        if not same or not proved(line, leaf, checkpoint):
            raise Wrong("proof-invalid", f"entry {index} is no record of this message")
    verdict = {"proof": name, proof["day"]: "present" if found else "absent"}
    shown = [{n: v for n, (v, _) in line["shown"].items()} for line in proof["records"]]
    audit.facts.append(verdict | {"records": shown})


def day_part(part, day, number, checkpoint):
    """Return the log's entry with the root of a part of the day's sorted tree of references."""
    have(part, "proof-invalid", index=int, entry=str, proof=list, ref=list, oid=list)
    leaf = read_leaf(entry := unbase64(part["entry"]))
    if [leaf.get(name) for name in ("kind", "day", "part")] != ["day", day, number]:
        raise Wrong("proof-invalid", "it has not the parts of the day, one after the other")
    if not proved(part, entry, checkpoint):
        raise Wrong("proof-invalid", f"part {number} of the day is not the log's")
    return leaf


def stands(value, places, n, root):
    """Tell whether a reference stands at its place; else two neighbours have to enclose it."""
    found = []
    for place in places:
        have(place, "proof-invalid", index=int, value=str, proof=list)
        found.append((unbase64(place["value"], 16), place["index"]))
        if not proved(place, found[-1][0], Checkpoint("", n, root)):
            raise Wrong("proof-invalid", "a neighbour is not among the day's references")
    if [reference for reference, _ in found] == [value]:
        return True
    ends = [end for end in found if end[0] < value] or [(b"", -1)]
    ends += [end for end in found if end[0] > value] or [(b"", n)]
    enclosed = len(ends) == 2 and ends[1][1] == ends[0][1] + 1
    if (
        not enclosed
        or [end for end in ends if end[0]] != found
        or (n == 0 and root != tree_hash([]))
    ):
        raise Wrong("proof-invalid", "it shows neither presence nor absence")
    return False


# Trees: "MTH(D[n]) = SHA-256(0x01 || MTH(D[0:k]) || MTH(D[k:n]))" (RFC 6962 2.1).


def tree_hash(hashes):
    while len(hashes) > 1:  # the last one of an odd row rises as it is
        pairs = zip(hashes[::2], hashes[1::2], strict=False)
        above = [sha256(b"\1" + left + right).digest() for left, right in pairs]
        hashes = above + hashes[-1:] * (len(hashes) % 2)
    return hashes[0] if hashes else sha256(b"").digest()


def root_of(index, size, entry, proof):
    return root_over(index, size, sha256(b"\0" + entry).digest(), proof)


def root_over(index, size, root, proof):
    """RFC 9162 2.1.3.2, from a leaf's hash; None where the proof has not its length."""
    node, last = index, size - 1
    for sibling in proof:
        if last <= 0:
            return None
        if node & 1 or node == last:
            root = sha256(b"\1" + sibling + root).digest()
            while node and not node & 1:
                node, last = node >> 1, last >> 1
        else:
            root = sha256(b"\1" + root + sibling).digest()
        node, last = node >> 1, last >> 1
    return root if last == 0 and 0 <= index < size else None


# Signatures: notes (signed-note), who has to have signed (tlog-policy, tlog-cosignature).

Checkpoint = namedtuple("Checkpoint", "origin size root")
Key = namedtuple("Key", "name id type public")


class Policy:
    """ "which logs", "which witnesses", and how many of these are enough."""

    def __init__(self, data):
        self.logs, self.witnesses, self.groups, self.quorum = [], {}, {}, None
        odd = re.search(rb"[\x00-\x08\x0b-\x1f\x7f]", data) or len(data) > 1_000_000
        if odd or not data.endswith(b"\n"):
            raise Wrong("policy-invalid", "it has control characters, or its last line no end")
        for line in data.decode("utf-8", "surrogateescape").split("\n"):
            words = [word for word in re.split("[ \t]+", line) if word]
            if words and words[0][0] != "#":
                self.line(words)
        if self.quorum is None:
            raise Wrong("policy-invalid", "it has no quorum line")

    def line(self, words):
        names = {"none", *self.witnesses, *self.groups}
        free = names - {"none"}.union(*(members for _, members in self.groups.values()))
        match words:
            case ["log", vkey] | ["log", vkey, _]:
                self.logs.append(read_key(vkey, (1, 6), self.logs))
            case ["witness", name, vkey] | ["witness", name, vkey, _] if name not in names:
                self.witnesses[name] = read_key(vkey, (4, 6), self.witnesses.values())
            case ["group", name, k, *members] if name not in names and members:
                k = {"any": "1", "all": str(len(members))}.get(k, k)
                if not re.fullmatch("[1-9][0-9]{0,5}", k) or int(k) > len(set(members) & free):
                    raise Wrong("policy-invalid", f"group {name}: its threshold or members")
                if len(set(members) & free) != len(members):
                    raise Wrong(
                        "policy-invalid", f"group {name}: a member is unknown or twice there"
                    )
                self.groups[name] = (int(k), members)
            case ["quorum", name] if name in names and self.quorum is None:
                self.quorum = name
            case _:
                raise Wrong("policy-invalid", f"a line that begins with {words[0]}")

    def open(self, note, quorum=True):
        """ "signed by any one of the listed logs, and cosigned according to the quorum rule" """
        text, signatures = read_note(note)
        checkpoint = read_checkpoint(text)
        known = {(key.name, key.id): key for key in [*self.logs, *self.witnesses.values()]}
        signed = {known[name, id] for name, id, _ in signatures if (name, id) in known}
        for name, id, value in signatures:
            if (name, id) in known and not verifies(known[name, id], text, checkpoint, value):
                raise Wrong("checkpoint-invalid", f"the signature of {name} is wrong")
        if not any(key in signed and key.name == checkpoint.origin for key in self.logs):
            raise Wrong("checkpoint-invalid", "no log that the policy knows has signed it")
        witnessed = {name for name, key in self.witnesses.items() if key in signed}
        for name, (k, members) in self.groups.items():
            witnessed |= {name} if len(witnessed.intersection(members)) >= k else set()
        if quorum and self.quorum not in {"none", *witnessed}:
            raise Wrong("quorum-unmet", f"cosigned only by {sorted(witnessed)}")
        return checkpoint


def read_key(vkey, types, others):
    """ "<key name>+<hex-encoded key ID>+<base64-encoded public key>", of a type that fits."""
    name, _, rest = vkey.strip().partition("+")
    id, _, text = rest.partition("+")
    data = unbase64(text, code="policy-invalid")
    key = Key(
        name, bytes.fromhex(id) if re.fullmatch("[0-9a-f]{8}", id) else b"", data[0], data[1:]
    )
    own = sha256(name.encode("utf-8", "replace") + b"\n" + data).digest()[:4]
    size = {1: 32, 4: 32, 6: 1312}.get(key.type)
    if key.id != own or key.type not in types or len(key.public) != size or not is_name(name):
        raise Wrong("policy-invalid", f"{vkey[:40]}... is no key of a type that is needed here")
    if any(key.public == other.public for other in others):
        raise Wrong("policy-invalid", f"{vkey[:40]}... stands on an earlier line")
    return key


def is_name(name):
    """ "non-empty and MUST NOT contain any Unicode spaces or plus" """
    return bool(re.fullmatch(r"[^\s+\x00-\x1f\ud800-\udfff]+", name))


def read_note(data):
    """ "valid UTF-8", no "ASCII control characters other than newline"; text, blank line, lines."""
    text, separator, rest = data.decode("utf-8", "replace").rpartition("\n\n")
    lines = rest.split("\n")
    if data != data.decode("utf-8", "replace").encode() or re.search(
        "[\0-\x09\x0b-\x1f]", text + rest
    ):
        raise Wrong("checkpoint-invalid", "it is no signed note")
    signatures = []
    for line in lines[:-1]:
        match = re.fullmatch("— ([^ ]+) ([^ ]+)", line)
        value = unbase64(match[2], code="checkpoint-invalid") if match else b""
        if len(value) < 5 or not is_name(match[1]):
            raise Wrong("checkpoint-invalid", "a signature line is malformed")
        signatures.append((match[1], value[:4], value[4:]))
    if not separator or lines[-1] or not signatures or len(data) > 1_000_000:
        raise Wrong("checkpoint-invalid", "it is no signed note")
    return text + "\n", signatures


def read_checkpoint(text):
    """ "origin", "tree size" in decimal, "root hash" in base64, and perhaps more lines."""
    lines = text.split("\n")
    if len(lines) < 4 or not all(lines[:-1]) or not re.fullmatch("0|[1-9][0-9]{0,18}", lines[1]):
        raise Wrong("checkpoint-invalid", "it is no checkpoint")
    return Checkpoint(lines[0], int(lines[1]), unbase64(lines[2], 32, "checkpoint-invalid"))


def verifies(key, text, checkpoint, value):
    """0x01 signs the text, 0x04 a time and the text, 0x06 a `cosigned_message` (ML-DSA-44)."""
    time, signature, message = value[:8], value[8:], text.encode()
    vector = [bytes([len(n) % 256]) + n for n in (key.name.encode(), checkpoint.origin.encode())]
    if key.type == 1:
        signature = value
    elif key.type == 4:
        message = f"cosignature/v1\ntime {int.from_bytes(time, 'big')}\n".encode() + message
    else:
        tree = bytes(8) + checkpoint.size.to_bytes(8, "big") + checkpoint.root
        message = b"subtree/v1\n\0" + vector[0] + time + vector[1] + tree
        if max(map(len, vector)) > 256:
            return False
    try:
        algorithm = (
            MLDSA44PublicKey.from_public_bytes
            if key.type == 6
            else Ed25519PublicKey.from_public_bytes
        )
        algorithm(key.public).verify(signature, message)
    except (InvalidSignature, ValueError):
        return False
    return key.type == 1 or time[0] < 128


# Forms: JSON with each key once, base64 in its one form, sets of numbers "0-411 413".


def read_json(data, code="line-invalid"):
    def once(pairs):
        if len(dict(pairs)) != len(pairs):
            raise ValueError("a key stands twice")
        return dict(pairs)

    try:
        document = json.loads(data.decode(), object_pairs_hook=once)
        json.dumps(document, ensure_ascii=False).encode()  # half of a pair is no text
    except (ValueError, RecursionError):
        document = None
    if type(document) is not dict:
        raise Wrong(code, "it is no JSON object in which each key stands once")
    return document


def have(document, code, **types):
    """An object has these fields, of these types, and no other; numbers are not negative."""
    right = type(document) is dict and document.keys() == types.keys()
    for name, kind in types.items() if right else ():
        right &= type(document[name]) is kind and (kind is not int or 0 <= document[name] < 2**63)
    if not right:
        raise Wrong(code, "it has not the fields that it should have")


def unbase64(text, size=None, code="line-invalid"):
    try:
        data = base64.b64decode(text, validate=True)
    except (ValueError, TypeError):
        data = b""
    if not data or base64.b64encode(data).decode() != text or size not in (None, len(data)):
        raise Wrong(code, "it is not the base64 of what should be there")
    return data


def ranges(text, code="entry-invalid"):
    parts = []
    for item in text.split(" "):
        match = re.fullmatch("(0|[1-9][0-9]{0,15})(?:-([1-9][0-9]{0,15}))?", item)
        first, last = (int(match[1]), int(match[2] or match[1])) if match else (0, -1)
        apart = not parts or first > parts[-1][1] + 1
        if not apart or not last < 2**53 or (last <= first if match and match[2] else last < first):
            raise Wrong(code, "its numbers are not in their one form")
        parts.append((first, last))
    return parts


def minus(whole, taken):
    """Return what of `whole` is not in `taken`; both ascend."""
    left, taken, here = [], union(taken), 0
    for first, last in whole:
        while here < len(taken) and taken[here][1] < first:
            here += 1
        there = here
        while there < len(taken) and taken[there][0] <= last:
            low, high = taken[there]
            left += [(first, low - 1)] if first < low else []
            first, there = high + 1, there + 1
        left += [(first, last)] if first <= last else []
    return left


def union(parts):
    whole = []
    for first, last in sorted(parts):
        if whole and first <= whole[-1][1] + 1:
            whole[-1] = (whole[-1][0], max(last, whole[-1][1]))
        else:
            whole.append((first, last))
    return whole


def count(parts):
    return sum(last - first + 1 for first, last in parts)


def span(part):
    return str(part[0]) if part[0] == part[1] else f"{part[0]}-{part[1]}"


if __name__ == "__main__":
    sys.exit(main())
