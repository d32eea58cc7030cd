"""`xmppgov archive prove --message`: was a message logged on a day?"""

from __future__ import annotations

import asyncio
import json
from pathlib import Path

import typer
from rich.console import Console

from xmppgov.archive.exports.member import MemberProof
from xmppgov.config import load
from xmppgov.storage.files import write_new_file
from xmppgov_archive.config import Config
from xmppgov_archive.members.component import verdict
from xmppgov_archive.members.service import proving


def prove_message(config: Path, id: str, day: str, out: Path | None, as_json: bool) -> None:
    """Write the proof, or print it where no file is named."""
    section = load(Config, config).archive

    async def found() -> MemberProof:
        async with proving(section) as proofs:
            return await proofs.prove(day, id)

    proof = asyncio.run(found())
    if out is not None:
        write_new_file(out, proof.encode())
    document = {"day": proof.day, "id": proof.id, "logged": proof.present}
    if as_json:
        document["proof"] = json.loads(proof.encode())
        typer.echo(json.dumps(document, ensure_ascii=False, indent=2))
    elif out is None:
        typer.echo(proof.encode().decode(), nl=False)
    Console(stderr=True).print(str(verdict(proof)), markup=False, highlight=False)
