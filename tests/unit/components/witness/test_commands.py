"""The witness's configuration, keys and commands."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from tests.unit.components.witness.conftest import witness
from tests.unit.components.witness.histories import FORK, LOG, MAIN, ORIGIN
from xmppgov.config import load
from xmppgov.errors import ConfigurationError
from xmppgov.tlog.cosignature import Cosigner, Ed25519CosignerKey, MldsaCosignerKey, parse_key
from xmppgov_witness.commands import app
from xmppgov_witness.config import Config
from xmppgov_witness.errors import Inconsistent
from xmppgov_witness.keys import load_cosigners
from xmppgov_witness.store import WitnessStore

TOML = """
[witness]
name = "temoin.example/w1"
database = "data/witness.db"
key_file = "keys/witness.key"
mldsa_key_file = "keys/witness-mldsa.key"

[http]
port = 8089

[[logs]]
origin = "{origin}"
vkey = "{vkey}"
"""


@pytest.fixture
def config(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("LANG", "en_US.UTF-8")
    monkeypatch.delenv("LC_ALL", raising=False)
    path = tmp_path / "witness.toml"
    path.write_text(TOML.format(origin=ORIGIN, vkey=LOG.verifier))
    return path


def run(config: Path, *words: str) -> Result:
    return CliRunner().invoke(app, [*words, "--config", str(config)])


def test_key_makes_the_keys_once_and_prints_their_public_sides(config: Path) -> None:
    vkeys = run(config, "key").stdout.split()
    assert [type(parse_key(v)) for v in vkeys] == [Ed25519CosignerKey, MldsaCosignerKey]
    assert json.loads(run(config, "key", "--json").stdout)["vkeys"] == vkeys
    for name in ("witness.key", "witness-mldsa.key"):
        file = config.parent / "keys" / name
        assert file.stat().st_mode & 0o777 == 0o600
        assert str(Cosigner.parse(file.read_text()).verifier) in vkeys


def test_status_shows_what_was_cosigned_and_the_forks(config: Path) -> None:
    async def cosign() -> None:
        store = await WitnessStore.open(load(Config, config).witness.database)
        one = witness(store)
        await one.add_checkpoint(MAIN.request(0, 9))
        with pytest.raises(Inconsistent):
            await one.add_checkpoint(FORK.request(9, 9))
        await store.close()

    asyncio.run(cosign())
    [log] = json.loads(run(config, "status", "--json").stdout)["logs"]
    assert (log["origin"], log["size"], log["forks"]) == (ORIGIN, 9, 1)
    assert log["root"] == MAIN.checkpoint(9).root.hex()
    shown = run(config, "status").stdout
    assert ORIGIN in shown
    assert "2026-11-23" in shown


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("port = 8089", 'port = 8089\nhost = "0.0.0.0"'),
        ("port = 8089", 'port = 8089\nhost = "witness.example"'),
        ('name = "temoin.example/w1"', 'name = "a b"'),
        (str(LOG.verifier), "nokey"),
        (str(LOG.verifier), str(Ed25519CosignerKey("w", bytes(32)))),
        ("[witness]", "[witness]\nunknown = 1"),
    ],
)
def test_wrong_configurations_are_refused(config: Path, old: str, new: str) -> None:
    config.write_text(config.read_text().replace(old, new))
    with pytest.raises(ConfigurationError):
        load(Config, config)


def test_it_listens_elsewhere_only_where_that_is_meant(config: Path) -> None:
    text = config.read_text()
    config.write_text(text.replace("port =", 'host = "0.0.0.0"\nbeyond_loopback = true\nport ='))
    assert load(Config, config).http.host == "0.0.0.0"
    config.write_text(text.replace("port =", 'host = "::1"\nport ='))
    assert load(Config, config).http.host == "::1"


def test_keys_of_others_are_refused(config: Path) -> None:
    section = load(Config, config).witness
    load_cosigners(section, lambda n: b"1" * n)
    for other in (
        Cosigner.ed25519("other.example", bytes(32)).encode(),
        Cosigner.mldsa("temoin.example/w1", bytes(32)).encode(),
        LOG.encode(),
        "nothing",
    ):
        section.key_file.write_text(other)
        with pytest.raises(ConfigurationError):
            load_cosigners(section, bytes)
    section.key_file.write_text(Cosigner.ed25519("temoin.example/w1", bytes(32)).encode())
    load_cosigners(section, bytes)
    section.key_file.chmod(0o644)
    with pytest.raises(ConfigurationError):
        load_cosigners(section, bytes)


def test_a_log_may_have_two_keys(config: Path) -> None:
    text = config.read_text()
    new = str(Cosigner.mldsa(ORIGIN, bytes(32)).verifier)
    config.write_text(text + f'[[logs]]\norigin = "{ORIGIN}"\nvkey = "{new}"\n')
    assert len(load(Config, config).log_keys()[ORIGIN]) == 2
    config.write_text(text + f'[[logs]]\norigin = "{ORIGIN}"\nvkey = "{LOG.verifier}"\n')
    with pytest.raises(ConfigurationError):
        load(Config, config)


def test_without_a_configuration_it_says_what_to_write() -> None:
    result = CliRunner().invoke(app, [])
    assert isinstance(result.exception, ConfigurationError)
    assert "--config" in str(result.exception)
