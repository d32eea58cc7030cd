"""docs/protocol/log.md: its policy is the one of the vectors, once the elided keys are put in."""

from __future__ import annotations

import json
import re
from pathlib import Path

from xmppgov.tlog.cosignature import parse_key
from xmppgov.tlog.policy import Policy

FOLDER = Path(__file__).parents[2] / "docs" / "protocol"
PAGE = (FOLDER / "log.md").read_text("utf-8")
VECTORS = json.loads((FOLDER / "log-vectors.json").read_text("utf-8"))
PREFIX = {1: "AQ", 4: "BA", 6: "Bg"}


def test_its_policy_is_that_of_the_vectors() -> None:
    example = re.search(r"```\n(log .*?)```", PAGE, re.DOTALL)
    assert example is not None
    text = example[1]
    for vector in VECTORS["keys"]:
        key = parse_key(vector["vkey"])
        text = text.replace(f"{key.name}+…+{PREFIX[key.TYPE]}…", vector["vkey"])
    assert Policy.parse(text.encode()) == Policy.parse(VECTORS["policy"].encode())
