"""Officers' keys and shares from the command line: made once, and enough for two officers."""

from __future__ import annotations

import os
import threading
from itertools import combinations
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from tests.unit.archive.test_request import request as example
from tests.unit.components.archive.conftest import Place
from xmppgov.archive.codes import open_code, read_code
from xmppgov.archive.leaf import ROLES
from xmppgov.archive.officer import KeyBroken, make_key, open_key, open_share, read_generations
from xmppgov.archive.sealing import PrivateKey
from xmppgov.archive.shares import combine
from xmppgov.errors import ConfigurationError, NotAllowed
from xmppgov.tlog.note import SigningKey
from xmppgov_archive.commands import app
from xmppgov_archive.officers import keys

PHRASE = "une phrase assez longue"


@pytest.fixture(autouse=True)
def cheap(monkeypatch: pytest.MonkeyPatch) -> None:
    """A passphrase costs little here."""
    monkeypatch.setattr(keys, "make_key", lambda role, phrase, r: make_key(role, phrase, r, 10))
    monkeypatch.setenv("LANG", "en_US.UTF-8")
    monkeypatch.delenv("LC_ALL", raising=False)


def run(*words: str, stdin: str | None = None) -> Result:
    return CliRunner().invoke(app, [*words], input=stdin)


@pytest.fixture
def phrase(tmp_path: Path) -> Path:
    file = tmp_path / "phrase"
    file.touch(mode=0o600)
    file.write_text(PHRASE + "\n")
    return file


def make_keys(folder: Path, phrase: Path) -> dict[str, Path]:
    made = {role: folder / f"{role}.key" for role in ROLES}
    for role, path in made.items():
        words = ("officers", "key", "--role", role, "--out", str(path))
        done = run(*words, "--passphrase-file", str(phrase))
        assert done.exit_code == 0, done.output
        assert done.stdout.strip() == keys.read_key(path).public
        assert path.stat().st_mode & 0o077 == 0
        assert PHRASE not in done.output + path.read_text()
    return made


def officers(made: dict[str, Path]) -> list[str]:
    named = {role: str(path) for role, path in made.items()}
    named["dpo"] = keys.read_key(made["dpo"]).public
    return [word for role, value in named.items() for word in ("--officer", f"{role}={value}")]


@pytest.fixture
def made(place: Place, tmp_path: Path, phrase: Path) -> dict[str, Path]:
    place.section.resolving_key_file.unlink()
    return make_keys(tmp_path, phrase)


def opened(shares: dict[str, Path], made: dict[str, Path]) -> dict[str, bytes]:
    """What each two officers get from their files."""
    found = {}
    for pair in combinations(ROLES, 2):
        parts = [
            open_share(keys.read_share(shares[role]), open_key(keys.read_key(made[role]), PHRASE))
            for role in pair
        ]
        found[" ".join(pair)] = PrivateKey(combine(parts)).public.raw
    return found


def test_a_key_is_made_shared_and_renewed(place: Place, made: dict[str, Path]) -> None:
    config = ("--config", str(place.config()))
    done = run("officers", "init", *officers(made), *config)
    assert done.exit_code == 0, done.output
    folder = place.section.resolving_key_file.parent
    shares = {role: folder / f"{role}.share" for role in ROLES}
    assert done.stdout.split() == [str(shares[role]) for role in ROLES]
    (generation,) = read_generations(place.section.resolving_key_file.read_text())
    assert {public.hex() for public in opened(shares, made).values()} == {generation.public}
    assert keys.read_share(shares["dpo"]).archive == place.section.verifier_file.read_text().strip()
    assert all(path.stat().st_mode & 0o077 == 0 for path in shares.values())
    again = run("officers", "init", *officers(made), *config)
    assert isinstance(again.exception, ConfigurationError)
    renewed = run("officers", "rotate", *officers(made), *config)
    assert renewed.exit_code == 0, renewed.output
    newest, first = read_generations(place.section.resolving_key_file.read_text())
    assert first == generation
    second = {role: folder / f"{role}-2.share" for role in ROLES}
    assert {public.hex() for public in opened(second, made).values()} == {newest.public}


@pytest.mark.parametrize(
    "change",
    [
        lambda words: words[:4],
        lambda words: [*words, *words[:2]],
        lambda words: [w.replace("archivist", "boss") for w in words],
        lambda words: [w.replace("archivist=", "archivist=/nowhere") for w in words],
        lambda words: [w.replace("archivist.key", "security.key") for w in words],
    ],
)
def test_officers_are_three_people(place: Place, made: dict[str, Path], change: object) -> None:
    words = change(officers(made))  # type: ignore[operator]
    done = run("officers", "init", *words, "--config", str(place.config()))
    assert isinstance(done.exception, ConfigurationError | KeyBroken), done.output
    assert not place.section.resolving_key_file.exists()


def test_a_key_is_never_overwritten_and_a_passphrase_is_long(tmp_path: Path, phrase: Path) -> None:
    out = tmp_path / "x.key"
    words = ("officers", "key", "--role", "dpo", "--out", str(out))
    short = run(*words, stdin="short\nshort\n")
    assert isinstance(short.exception, ConfigurationError)
    assert run(*words, stdin=f"{PHRASE}\n{PHRASE}\n").exit_code == 0
    first = out.read_text()
    assert isinstance(run(*words, "--passphrase-file", str(phrase)).exception, ConfigurationError)
    assert out.read_text() == first
    wrong = run("officers", "key", "--role", "boss", "--out", str(tmp_path / "y"))
    assert isinstance(wrong.exception, ConfigurationError)
    phrase.chmod(0o644)
    other = ("officers", "key", "--role", "dpo", "--out", str(tmp_path / "z"))
    assert isinstance(run(*other, "--passphrase-file", str(phrase)).exception, ConfigurationError)


def test_a_passphrase_costs_what_a_guess_has_to_cost(
    tmp_path: Path, phrase: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The command's own: 2**17 rounds of scrypt, 128 MB, and nothing less opens the key."""
    monkeypatch.setattr(keys, "make_key", make_key)
    out = tmp_path / "x.key"
    words = ("officers", "key", "--role", "dpo", "--out", str(out))
    assert run(*words, "--passphrase-file", str(phrase)).exit_code == 0
    made = keys.read_key(out)
    assert made.cost == 17
    assert open_key(made, PHRASE).public.raw.hex() == made.public
    with pytest.raises(KeyBroken):
        open_key(made.model_copy(update={"cost": 10}), PHRASE)


def test_a_passphrase_from_a_descriptor(tmp_path: Path) -> None:
    reading, writing = os.pipe()
    threading.Thread(target=lambda: (os.write(writing, PHRASE.encode()), os.close(writing))).start()
    out = tmp_path / "x.key"
    words = ("officers", "key", "--role", "dpo", "--out", str(out))
    assert run(*words, "--passphrase-fd", str(reading)).exit_code == 0
    assert open_key(keys.read_key(out), PHRASE)
    closed = run(*words[:-1], str(tmp_path / "y"), "--passphrase-fd", "999")
    assert isinstance(closed.exception, ConfigurationError)


def test_whoever_asks_is_named(phrase: Path) -> None:
    for words in (
        ("requests",),
        ("requests", "--as", "a@gov.localhost"),
        ("requests", "--as", "a@gov.localhost", "--password-file", str(phrase), "--server", "h:x"),
        ("answer", "3f9a12cd", "--account", "/nowhere"),
    ):
        assert isinstance(run(*words).exception, ConfigurationError), words


def test_approve_shows_the_request_and_prints_a_code(
    place: Place, made: dict[str, Path], phrase: Path, tmp_path: Path
) -> None:
    assert run("officers", "init", *officers(made), "--config", str(place.config())).exit_code == 0
    folder = place.section.resolving_key_file.parent
    (generation,) = read_generations(place.section.resolving_key_file.read_text())
    ephemeral = PrivateKey(bytes(range(32)))
    asked = example(resolving=generation.public, key=ephemeral.public.raw.hex())
    text = asked.sign(SigningKey.parse(place.section.signing_key_file.read_text()))
    file = tmp_path / "request.txt"
    file.write_text(text + "\n")
    mine = ("--share", str(folder / "dpo.share"), "--key", str(made["dpo"]))
    secret = ("--passphrase-file", str(phrase))
    for given, stdin in ((str(file), None), (text, None), ("-", text)):
        done = run("approve", given, *mine, *secret, stdin=stdin)
        assert done.exit_code == 0, done.output
        code = read_code(done.stdout)
        assert code.role == "dpo"
        assert open_code(code, asked.hash, ephemeral)[0].x == 2
        for word in ("alice@gov.example", "2026/17 bis", "2026-10-31", "Judicial", asked.id):
            assert word in done.stderr
        assert "run out" in done.stderr  # it was made a year ago
        assert PHRASE not in done.output
    typed = run("approve", str(file), *mine, stdin=PHRASE + "\n")
    assert read_code(typed.stdout).role == "dpo"
    wrong = run("approve", str(file), *mine, stdin="another phrase\n")
    assert isinstance(wrong.exception, KeyBroken)
    other = ("--share", str(folder / "dpo.share"), "--key", str(made["security"]))
    assert isinstance(run("approve", str(file), *other, *secret).exception, ConfigurationError)


def test_approve_refuses_what_the_archive_has_not_signed(
    place: Place, made: dict[str, Path], phrase: Path
) -> None:
    assert run("officers", "init", *officers(made), "--config", str(place.config())).exit_code == 0
    folder = place.section.resolving_key_file.parent
    (generation,) = read_generations(place.section.resolving_key_file.read_text())
    mine = ("--share", str(folder / "dpo.share"), "--key", str(made["dpo"]))
    secret = ("--passphrase-file", str(phrase))
    real = SigningKey.parse(place.section.signing_key_file.read_text())
    forged = example(resolving=generation.public).sign(SigningKey(real.verifier.name, b"x" * 32))
    assert "signed" in str(run("approve", forged, *mine, *secret).exception)
    own = example(resolving=generation.public, role="dpo").sign(real)
    assert isinstance(run("approve", own, *mine, *secret).exception, NotAllowed)
    other = example(resolving="ee" * 32).sign(real)
    assert isinstance(run("approve", other, *mine, *secret).exception, ConfigurationError)
    both = (*mine, "--share", str(folder / "security.share"))
    fine = example(resolving=generation.public).sign(real)
    assert isinstance(run("approve", fine, *both, *secret).exception, ConfigurationError)
    assert run("approve", fine, *mine, *secret).exit_code == 0
