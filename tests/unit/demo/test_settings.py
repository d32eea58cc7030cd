"""The demo's configurations: each loads, keys are made once, and they name each other."""

from __future__ import annotations

from pathlib import Path

from xmppgov.config import load
from xmppgov.demo.prosody import Ports
from xmppgov.demo.settings import write_settings
from xmppgov.demo.witnesses import WITNESSES, witness_urls
from xmppgov_archive.config import Config as ArchiveConfig
from xmppgov_witness.config import Config as WitnessConfig
from xmppgov_witness.keys import load_cosigners

DOMAIN = "gov.localhost"


def test_archive_and_witnesses_know_each_other(tmp_path: Path) -> None:
    ports = Ports.from_base(17000)
    files = write_settings(tmp_path, DOMAIN, ports)
    archive = load(ArchiveConfig, files["archive"]).archive
    assert [w.name for w in archive.witnesses] == list(WITNESSES.values())
    assert [w.url for w in archive.witnesses] == witness_urls(ports)
    for process, known in zip(WITNESSES, archive.witnesses, strict=True):
        config = load(WitnessConfig, files[process])
        assert list(config.log_keys()) == [archive.origin]
        [cosigner] = load_cosigners(config.witness, bytes)
        assert str(cosigner.verifier) == known.vkey
        assert config.http.port in (17007, 17008, 17009)


def test_a_second_start_on_other_ports_changes_no_key(tmp_path: Path) -> None:
    write_settings(tmp_path, DOMAIN, Ports.from_base(17000))
    keys = {p: p.read_bytes() for p in (tmp_path / "secrets").iterdir()}
    files = write_settings(tmp_path, DOMAIN, Ports.from_base(18000))
    assert {p: p.read_bytes() for p in (tmp_path / "secrets").iterdir()} == keys
    assert all(p.stat().st_mode & 0o077 == 0 for p in keys)
    assert load(ArchiveConfig, files["archive"]).archive.witnesses[0].url.endswith(":18007/")
