"""What must hold after any number of kills: each check names what it found."""

from __future__ import annotations

import subprocess
import sys
from collections import Counter
from collections.abc import Iterable
from pathlib import Path

from slixmpp.exceptions import IqError, IqTimeout
from slixmpp.xmlstream.xmlstream import NotConnectedError

from tests.archive import records, references
from tests.chaos.residents import Resident
from tests.chaos.traffic import Writer
from tests.chaos.world import World
from tests.rooms import until
from tests.strict import assert_strict

AUDITOR = Path(__file__).parents[2] / "auditor" / "xmppgov_verify.py"
FLOWING = 60.0  # seconds in which the spool empties


def _records(world: World) -> list[tuple[str, int, str | None]]:
    """Return (emitter and epoch, sequence, keyed origin-id) of every record."""
    return [(r["em"], r["es"], r.get("oid")) for r in records(world.demo.archive)]


async def every_delivered_message_has_its_record(world: World) -> None:
    """Each message that reached a person is in the archive, once."""
    delivered = _delivered(world, world.everybody)
    assert len(delivered) > len(_sent(world.everybody)) / 2, "no load, no proof"

    async def recorded() -> bool:
        return not _unrecorded(world, delivered)

    await until(recorded, FLOWING)
    oids = Counter(oid for _, _, oid in _records(world) if oid)
    sent = [references(world.demo.archive, "oid", m) for m in _sent(world.everybody)]
    doubled = [m for m in sent if sum(oids[oid] for oid in m) > 1]
    assert not doubled, f"{len(doubled)} messages have two records"


async def what_no_record_could_be_written_for_is_refused_or_a_hole(world: World) -> None:
    """Where delivery waits for the record, none is delivered without; elsewhere holes are declared.

    A message that came back to its author has reached nobody.
    """
    for someone in world.everybody:
        reached = {m for other in world.everybody for m in other.arrived if m in someone.refused}
        assert not reached, f"{len(reached)} messages were refused and delivered"
    in_room, direct = _delivered(world, world.residents), _delivered(world, world.writers)
    assert min(len(in_room), len(direct)) > 100, "no load, no proof"

    async def all_have_flowed() -> bool:
        lacking = len(_unrecorded(world, direct))
        return not _unrecorded(world, in_room) and lacking <= world.observer.verified().missing

    await until(all_have_flowed, FLOWING)
    assert _unrecorded(world, direct), "nothing went on without a record, nothing is proved"


def _sent(people: Iterable[Writer | Resident]) -> set[str]:
    return {message for someone in people for message in someone.sent}


def _delivered(world: World, authors: Iterable[Writer | Resident]) -> set[str]:
    """Return those messages of `authors` that have reached somebody."""
    arrived = {message for someone in world.everybody for message in someone.arrived}
    return arrived & _sent(authors)


def _unrecorded(world: World, messages: Iterable[str]) -> list[str]:
    known = {oid for _, _, oid in _records(world)}
    return [m for m in messages if not references(world.demo.archive, "oid", m) & known]


def no_number_twice_and_none_missing(world: World) -> None:
    """Each emitter's counters run from 1 without a hole and without a repetition."""
    by_emitter: dict[str, list[int]] = {}
    for emitter, seq, _ in _records(world):
        by_emitter.setdefault(emitter, []).append(seq)
    for emitter, numbers in by_emitter.items():
        assert sorted(numbers) == list(range(1, len(numbers) + 1)), emitter


def what_was_acknowledged_is_logged(world: World) -> None:
    """Each record that was acknowledged to the emitter is there, once, as it was sent."""
    emitter = world.emitter
    assert not emitter.refused, emitter.refused
    assert emitter.acknowledged == len(emitter.made) > 0, "nothing was emitted, nothing is proved"
    every = records(world.demo.archive)
    # Others may have begun in the same second: the emitter is known by its first record.
    em = next(r["em"] for r in every if r["id"] == emitter.made[0].id)
    kept = [r for r in every if r["em"] == em]
    assert [r["es"] for r in kept] == list(range(1, emitter.acknowledged + 1))
    assert [r["id"] for r in kept] == [record.id for record in emitter.made]


def no_published_checkpoint_was_taken_back(world: World) -> None:
    """Every checkpoint that anybody was ever shown is of the tree that the log has now."""
    world.observer.check()
    for place, notes in world.observer.seen.items():
        assert len(notes) > 3, f"{place}: few were seen, little is proved"


def the_public_files_alone_verify(world: World, folder: Path) -> None:
    """Whoever has the public files, and what they kept of before, finds nothing wrong or missing.

    That is asked of our verifier, and of the auditor's, which shares no code with it.
    """
    report = world.observer.verified()
    assert not report.total, report.findings
    archive = world.demo.ready["archive"]
    kept = world.observer.keep(folder / "kept")
    done = subprocess.run(
        [sys.executable, AUDITOR, "--policy", archive["policy_file"], "--tiles",
         archive["tiles_dir"], "--checkpoint", *kept],
        capture_output=True, text=True, timeout=120,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout + done.stderr


def every_alert_reached_everybody_once(world: World) -> None:
    """Nobody missed an alert, and nobody read one twice."""
    for someone in world.residents:
        heard = {words: someone.times_heard(words) for words in world.sent.values()}
        wrong = {words: times for words, times in heard.items() if times != 1}
        assert not wrong, (
            f"{someone.jid}: {wrong} of {len(heard)}; unreadable: {someone.unreadable}"
        )


def the_log_verifies(world: World) -> None:
    """`archive verify` finds nothing wrong."""
    done = world.demo.cli("archive", "verify", *world.demo.config("archive"), check=False)
    assert done.returncode == 0, done.stdout + done.stderr


async def the_room_is_open_to_strict_clients(world: World) -> None:
    """Every address in the lists has keys, as a member sees it; asked until one is online."""
    room = f"{world.group}@{world.demo.ready['services']['muc']}"

    async def all_in() -> bool:
        try:
            named = await assert_strict(world.residents[0].account, room)
        except (IqError, IqTimeout, NotConnectedError):
            return False
        return {someone.jid for someone in world.residents} <= set(named)

    await until(all_in, FLOWING)


async def check(world: World, folder: Path) -> None:
    """Check every promise; `folder` takes what the observer has kept."""
    await every_delivered_message_has_its_record(world)
    no_number_twice_and_none_missing(world)
    every_alert_reached_everybody_once(world)
    assert not world.observer.verified().missing, "kills leave no holes"
    await check_log(world, folder)


async def check_log(world: World, folder: Path) -> None:
    """Check what has to be true of the log whatever happened, and that the room is open."""
    what_was_acknowledged_is_logged(world)
    no_published_checkpoint_was_taken_back(world)
    the_public_files_alone_verify(world, folder)
    await the_room_is_open_to_strict_clients(world)
    the_log_verifies(world)
