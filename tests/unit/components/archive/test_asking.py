"""`verify` asks witnesses, and looks at checkpoints that were kept elsewhere."""

from __future__ import annotations

import asyncio

from aiohttp import web

from tests.unit.components.archive.conftest import SERVER
from tests.unit.components.archive.cosigning import (
    Fleet,
    One,
    command,
    only,
    restore_yesterday,
    some,
)
from xmppgov.tlog.note import Note


async def test_verify_asks_the_witnesses(three: Fleet) -> None:
    async with three.place.running() as archive:
        await archive.commit(SERVER, some(1, 9))
        await three.cosigned(10, "w1", "w2", "w3")
    report = await asyncio.to_thread(command, three.place, "verify", "--ask")
    assert (report["ok"], report["witnessed"]) == (True, {"w1": 10, "w2": 10, "w3": 10})
    await three.witnesses["w3"].stop()
    report = await asyncio.to_thread(command, three.place, "verify", "--ask")
    assert (report["ok"], report["witnessed"]) == (True, {"w1": 10, "w2": 10})
    silent = await asyncio.to_thread(
        command, three.place, "verify", "--witness", "http://127.0.0.1:1/"
    )
    assert silent["counts"] == {"witness-silent": 1}
    await three.witnesses["w2"].stop()
    report = await asyncio.to_thread(command, three.place, "verify", "--ask")
    assert (report["counts"], report["witnessed"]) == ({"witness-silent": 1}, {"w1": 10})
    assert "w2, w3" in report["findings"][0]["text"]


async def test_verify_finds_a_rollback_where_a_witness_answers(three: Fleet) -> None:
    await restore_yesterday(three, 29)
    for words in (["--ask"], ["--witness", three.witnesses["w2"].url]):
        report = await asyncio.to_thread(command, three.place, "verify", *words)
        assert set(report["counts"]) == {"history"}
        assert all(size == 30 for size in report["witnessed"].values())
    stranger = One("w2", three.place.folder, three.witnesses["w2"]._log)
    await stranger.start()  # the same memory at an address that the policy does not know
    report = await asyncio.to_thread(command, three.place, "verify", "--witness", stranger.url)
    assert (report["counts"], report["witnessed"]) == ({"history": 1}, {stranger.url: 30})
    await stranger.stop()


async def test_a_witness_that_serves_what_it_has_not_cosigned_is_found(three: Fleet) -> None:
    async with three.place.running() as archive:
        await archive.commit(SERVER, some(1, 9))
        await three.cosigned(10, "w1", "w2", "w3")
    note = Note.parse((three.place.section.tiles_dir / "cosigned").read_bytes())
    others = tuple(s for s in note.signatures if not s.name.startswith("w2"))

    async def answer(_request: web.Request) -> web.Response:
        return web.Response(body=Note(note.text, others).encode())

    await three.witnesses["w2"].stop()
    await three.witnesses["w2"].start(only(answer))
    report = await asyncio.to_thread(command, three.place, "verify", "--ask")
    assert report["counts"] == {"witness-invalid": 1}


async def test_what_was_kept_may_be_cosigned_or_not(three: Fleet) -> None:
    async with three.place.running() as archive:
        await archive.commit(SERVER, some(1, 9))
        await three.cosigned(10, "w1", "w2", "w3")
    kept = three.place.folder / "kept"
    note = Note.parse((three.place.section.tiles_dir / "cosigned").read_bytes())
    for signatures, enough in ((note.signatures, True), (note.signatures[:1], False)):
        kept.write_bytes(Note(note.text, signatures).encode())
        report = await asyncio.to_thread(command, three.place, "verify", "--since", str(kept))
        assert (report["ok"], report["kept_cosigned"]) == (True, enough)
    wrong = three.witnesses["w1"].key.sign("o\n1\n" + note.text.split("\n")[2] + "\n", 5)
    kept.write_bytes(Note(note.text, (*note.signatures[:1], wrong)).encode())
    report = await asyncio.to_thread(command, three.place, "verify", "--since", str(kept))
    assert report["counts"] == {"history": 1}
