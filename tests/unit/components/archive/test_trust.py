"""The policy and the keys beside the tiles: made at the first start, read or refused afterwards."""

from __future__ import annotations

from typing import Any

import pytest
from pydantic import ValidationError

from tests.unit.components.archive.conftest import Place
from xmppgov.errors import ConfigurationError
from xmppgov.tlog.cosignature import Cosigner, MldsaCosignerKey, parse_key
from xmppgov.tlog.note import SigningKey, VerifierKey
from xmppgov.tlog.policy import Group, Policy
from xmppgov_archive.config import ArchiveSection, PublicLogSection, WitnessSection
from xmppgov_archive.log.keys import load_cosigner, load_signing_key
from xmppgov_archive.log.trust import read_policy, settle_policy


def witness(n: int, **changes: Any) -> WitnessSection:
    key = Cosigner.ed25519(f"w{n}.example", bytes([n]) * 32).verifier
    fields = {"name": f"w{n}", "vkey": str(key), "url": f"https://w{n}.example/"}
    return WitnessSection(**{**fields, **changes})


def section(place: Place, *witnesses: WitnessSection, **log: Any) -> ArchiveSection:
    values = place.section.model_dump() | {"witnesses": witnesses, "log": PublicLogSection(**log)}
    return ArchiveSection(**values)


def settled(place: Place, wanted: ArchiveSection) -> Policy:
    key = load_signing_key(
        wanted.signing_key_file, wanted.verifier_file, wanted.origin, lambda n: b"k" * n
    )
    own = load_cosigner(
        wanted.cosigning_key_file, wanted.cosigner_file, wanted.origin, lambda n: b"o" * n
    )
    return settle_policy(wanted, key.verifier, own.verifier)


@pytest.mark.parametrize(("count", "most"), [(1, 1), (2, 2), (3, 2), (4, 3), (5, 3)])
def test_more_than_half_of_the_witnesses_and_the_logs_own_key(
    place: Place, count: int, most: int
) -> None:
    wanted = section(
        place, *map(witness, range(1, count + 1)), url="https://archive.gov.example/log/"
    )
    policy = settled(place, wanted)
    names = tuple(f"w{n}" for n in range(1, count + 1))
    assert policy.groups[0] == Group("witnesses", most, names)
    assert policy.groups[1] == Group("archive-and-witnesses", 2, ("archive", "witnesses"))
    assert policy.quorum == "archive-and-witnesses"
    assert policy.logs[0].url == "https://archive.gov.example/log/"
    assert [w.url for w in policy.witnesses] == [None, *(f"https://{n}.example/" for n in names)]
    assert read_policy(wanted.policy_file) == policy


def test_without_witnesses_the_logs_own_key_is_the_quorum(place: Place) -> None:
    policy = settled(place, section(place))
    assert policy.quorum == "archive"
    assert isinstance(policy.witnesses[0].key, MldsaCosignerKey)
    assert str(policy.witnesses[0].key) == place.section.cosigner_file.read_text().strip()
    assert str(policy.logs[0].key) == place.section.verifier_file.read_text().strip()


def test_the_public_keys_lie_beside_the_tiles_and_the_private_ones_are_secret(place: Place) -> None:
    settled(place, section(place))
    assert VerifierKey.parse(place.section.verifier_file.read_text())
    assert isinstance(parse_key(place.section.cosigner_file.read_text()), MldsaCosignerKey)
    for file in (place.section.signing_key_file, place.section.cosigning_key_file):
        assert file.stat().st_mode & 0o777 == 0o600
        assert file.is_relative_to(place.section.keys_dir)


def test_another_configuration_writes_another_policy(place: Place) -> None:
    settled(place, section(place, witness(1), witness(2)))
    moved = witness(2, url="http://elsewhere.example:1/x")
    policy = settled(place, section(place, witness(1), moved))
    assert policy.witnesses[2].url == "http://elsewhere.example:1/x"


def test_an_operators_file_is_read_and_never_written(place: Place) -> None:
    own = settled(place, section(place, witness(1), witness(2)))
    file = place.folder / "auditors.policy"
    file.write_bytes(b"# agreed in May\n" + own.encode())
    before = file.read_bytes()
    assert settled(place, section(place, policy_file=file)) == own
    assert file.read_bytes() == before


def test_a_file_that_is_none_or_of_another_log_is_refused(place: Place) -> None:
    file = place.folder / "auditors.policy"
    with pytest.raises(ConfigurationError):
        settled(place, section(place, policy_file=file))
    stranger = SigningKey(place.section.origin, bytes(32)).verifier
    for text in ("", "quorum x\n", f"log {stranger}\nquorum none\n"):
        file.write_text(text)
        with pytest.raises(ConfigurationError, match="auditors"):
            settled(place, section(place, policy_file=file))


@pytest.mark.parametrize(
    "changes",
    [
        {"name": "a b"},
        {"name": ""},
        {"vkey": "nokey"},
        {"vkey": str(SigningKey("x", bytes(32)).verifier)},
        {"url": "ftp://w1.example/"},
        {"url": ""},
    ],
)
def test_wrong_witnesses_are_refused(changes: dict[str, str]) -> None:
    with pytest.raises(ValidationError):
        witness(1, **changes)


@pytest.mark.parametrize("changes", [{"name": "none"}, {"name": "archive"}, {"name": "w2"}])
def test_names_that_a_policy_cannot_have_are_refused(place: Place, changes: dict[str, str]) -> None:
    with pytest.raises(ConfigurationError):
        settled(place, section(place, witness(1, **changes), witness(2)))
    with pytest.raises(ConfigurationError):
        settled(place, section(place, witness(1), witness(1, name="again")))


def test_two_sources_of_one_policy_are_refused(place: Place) -> None:
    with pytest.raises(ValidationError):
        section(place, witness(1), policy_file=place.folder / "x")


def test_the_two_keys_are_not_taken_for_each_other(place: Place) -> None:
    wanted = section(place)
    settled(place, wanted)
    signing, cosigning = wanted.signing_key_file, wanted.cosigning_key_file
    one, other = signing.read_text(), cosigning.read_text()
    signing.write_text(other)
    with pytest.raises(ConfigurationError):
        settled(place, wanted)
    signing.write_text(one)
    cosigning.write_text(one)
    with pytest.raises(ConfigurationError):
        settled(place, wanted)
