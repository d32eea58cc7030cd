"""A fresh Prosody for one measurement, with the modules and storage that it compares."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from xmppgov.demo.prosody import Ports, Prosody


@contextmanager
def server(modules: str, users: list[str], extra: str = "") -> Iterator[Prosody]:
    """Run a Prosody with our `modules`, accounts `users` and `extra` configuration."""
    with tempfile.TemporaryDirectory(prefix="xmppgov-bench-") as folder:
        state = Path(folder)
        environment = {}
        if extra:
            (state / "extra.cfg.lua").write_text(extra)
            environment["XMPPGOV_EXTRA"] = str(state / "extra.cfg.lua")
        prosody = Prosody(state, Ports.free(), modules=modules, environment=environment)
        prosody.prepare()
        for user in users:
            prosody.add_account(f"{user}@{prosody.domain}", "secret")
        prosody.start()
        try:
            yield prosody
        finally:
            prosody.stop()
