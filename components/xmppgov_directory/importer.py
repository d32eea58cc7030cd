"""The import: read and check, compare, refuse what looks like an accident, write all or nothing.

Written to the database directly, in one transaction, also beside the running component
(docs/decisions/0020-import-writes-the-database.md).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import date
from pathlib import Path

from xmppgov.errors import CheckFailed
from xmppgov.i18n import Texts
from xmppgov_directory.diff import Diff, compare
from xmppgov_directory.mapping import Mapping
from xmppgov_directory.store import Store
from xmppgov_directory.tables import Tell, read_register

texts = Texts("xmppgov_directory")


@dataclass(frozen=True, slots=True)
class Files:
    """The three files of one import."""

    people: Path
    bodies: Path
    posts: Path


async def import_files(
    store: Store,
    files: Files,
    *,
    mapping: Mapping,
    today: date,
    max_removals: float,
    dry_run: bool = False,
    tell: Tell = lambda *_: None,
    step: Callable[[str], None] = lambda _: None,
) -> Diff:
    """Import `files` and return what changed, or would with `dry_run`.

    `max_removals` is the share (0–1) of the people with a post today who may lose their last one.

    Raises:
        BrokenFiles: a row is wrong; nothing is written.
        CheckFailed: too many people would disappear; nothing is written.
        Conflict: another import came in between; nothing is written.
    """
    register = read_register(files.people, files.bodies, files.posts, mapping, tell)
    step("compare")
    data = await store.data()
    diff = compare(await store.register(), register, today)
    if diff.vanished_share > max_removals and not dry_run:
        raise _too_many(diff, max_removals)
    if not dry_run:
        step("write")
        await store.apply(diff, today, data=data)
    return diff


def _too_many(diff: Diff, most: float) -> CheckFailed:
    return CheckFailed(
        texts(
            "{n} people ({share} %) would disappear, more than {most} %; nothing was imported. "
            "If this is right, import with --allow-removals.",
            n=len(diff.vanished),
            share=round(diff.vanished_share * 100, 1),
            most=round(most * 100, 1),
        )
    )
