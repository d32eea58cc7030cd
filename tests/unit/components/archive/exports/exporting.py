"""An archive that has something to export, and both verifiers for what it hands out."""

from __future__ import annotations

import base64
from pathlib import Path
from typing import Any

from typer.testing import CliRunner, Result

import xmppgov_verify
from tests.unit.archive.batches import START, batch, hole, record
from tests.unit.components.archive.conftest import EPOCH, Place
from xmppgov.archive.exports.verify import ExportCheck
from xmppgov.archive.leaf import Erase
from xmppgov.tlog.policy import Policy
from xmppgov_archive.commands import app

DAY = "2025-11-23"
BEFORE = START - 3 * 86_400_000
SEDA = ("--agreement", "AR-1", "--agency", "FR-AN", "--transferring", "FR-GOV")
ROOM = "grp-1@rooms.gov.localhost"


async def filled(place: Place) -> Place:
    """Records of a day, in rooms too, a late one of a day before, numbers that are missing."""
    rooms = [record(n, in_room=True) for n in range(13, 18)]
    late = record(18, t=BEFORE)
    records = [record(n) for n in range(1, 11)]
    await place.fill(batch(EPOCH, *records, hole(11, 12), *rooms, late, record(19)))
    return place


def export(
    place: Place, *words: str, out: str = "export", days: tuple[str, str] = (DAY, DAY)
) -> Result:
    """Run `xmppgov archive export`."""
    spans = ("--from", days[0], "--to", days[1])
    named = ("--out", str(place.folder / out), "--config", str(place.config()))
    return CliRunner().invoke(app, ["export", *spans, *named, *words])


def exported(place: Place, *words: str, days: tuple[str, str] = (DAY, DAY)) -> bytes:
    """Run it and return what it wrote, which is put away."""
    done = export(place, *words, days=days)
    if done.exception and not isinstance(done.exception, SystemExit):
        raise done.exception
    file = place.folder / "export"
    data = file.read_bytes()
    file.unlink()
    return data


def verdicts(place: Place, data: bytes) -> tuple[set[str], dict[str, Any]]:
    """What both verifiers say of an export: the same codes, and the one file's facts."""
    file = place.folder / "verified"
    file.write_bytes(data)
    rules = (place.section.tiles_dir.parent / "policy").read_bytes()
    audit = xmppgov_verify.Audit(xmppgov_verify.Policy(rules))
    words = ("--policy", "x", "--tiles", str(place.section.tiles_dir), "--export", str(file))
    audit.run(xmppgov_verify.arguments(words))
    check = ExportCheck(Policy.parse(rules).open)
    ours = set(check.run(data.splitlines(keepends=True)).report.counts)
    theirs = {finding["code"] for finding in audit.findings}
    assert ours == theirs
    return ours, audit.facts[-1]


async def erase(place: Place, indexes: str, n: int) -> None:
    """Write the entry of an erasure; the rows are the test's affair."""
    fields = {"indexes": indexes, "n": n, "held": 0, "slip": "0" * 64, "visa": "DAF 1"}
    whole = {"v": 1, "kind": "erase", "t": START, "class": "messages", "month": "2025-11"}
    entry = Erase.model_validate({**whole, **fields, "roles": "archivist dpo"})
    async with place.running() as archive:
        await archive.write(entry)


async def secrets(place: Place) -> list[bytes]:
    """Every record's secret."""
    async with place.inspected() as archive:
        rows = await archive.store.rows(0, 10**9)
        return [archive.rest.open(r.idx, r.t, r.class_, r.sealed, r.key).secret for r in rows]


def hidden_in(data: bytes, secret: bytes) -> bool:
    """Tell whether none of a secret's spellings is in `data`."""
    spellings = (secret, secret.hex().encode(), base64.b64encode(secret))
    return not any(spelling in data for spelling in spellings)


def private(file: Path) -> bool:
    """Tell whether only its owner reads a file."""
    return file.stat().st_mode & 0o077 == 0
