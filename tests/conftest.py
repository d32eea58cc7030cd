"""Fixtures for every test: real data where it lies, a real Prosody on free ports."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings

from xmppgov.demo.prosody import Ports, Prosody
from xmppgov.logs import pin_library_loggers


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption(
        "--require-servers",
        action="store_true",
        default=bool(os.environ.get("CI")),
        help="fail, rather than skip, where a server or client program is missing",
    )


# No test fails on a clock: a machine may be slow for reasons of its own.
settings.register_profile(
    "any machine", deadline=None, suppress_health_check=[HealthCheck.too_slow]
)
settings.load_profile("any machine")


def pytest_configure(config: pytest.Config) -> None:
    pin_library_loggers()


def require_program(config: pytest.Config, name: str) -> str:
    """Return the path of a program; skip at home and fail in CI where it is missing."""
    path = shutil.which(name, path=os.environ.get("PATH", "") + ":/usr/bin:/usr/sbin")
    if path is None:
        message = f"{name} is not installed; `make test` installs it"
        pytest.fail(message) if config.getoption("--require-servers") else pytest.skip(message)
    return path


@pytest.fixture(scope="session")
def shared_data() -> Path:
    """The folder of real public data (XMPPGOV_SHARED_DATA, else ../shared/data)."""
    root = Path(__file__).parents[1]
    folder = Path(os.environ.get("XMPPGOV_SHARED_DATA", root.parent / "shared" / "data"))
    if not folder.is_dir():
        pytest.skip(f"no public data at {folder}; set XMPPGOV_SHARED_DATA")
    return folder


@pytest.fixture(scope="module")
def prosody(
    tmp_path_factory: pytest.TempPathFactory, request: pytest.FixtureRequest
) -> Iterator[Prosody]:
    """A Prosody with all of our modules, for one test module.

    A test module names another set of our modules with `PROSODY_MODULES = "capture keys"`, and
    its accounts with `ACCOUNTS = ["alice@gov.localhost", …]` (password `secret`), and more of the
    server's configuration with `PROSODY_EXTRA = "…Lua…"`.
    """
    require_program(request.config, "prosody")
    server = Prosody(tmp_path_factory.mktemp("prosody"), Ports.free())
    server.modules = getattr(request.module, "PROSODY_MODULES", server.modules)
    server.prepare()
    if extra := getattr(request.module, "PROSODY_EXTRA", ""):
        (server.state / "extra.lua").write_text(extra, "utf-8")
        server.environment = {"XMPPGOV_EXTRA": str(server.state / "extra.lua")}
    for jid in getattr(request.module, "ACCOUNTS", []):
        server.add_account(jid, "secret")
    server.start()
    yield server
    server.stop()
