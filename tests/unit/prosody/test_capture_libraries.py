"""The capture's libraries by themselves, in Prosody's Lua: a full disk, identifiers."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.conftest import require_program

MODULES = Path(__file__).parents[3] / "prosody" / "modules"
PRELUDE = """
package.path = "/usr/lib/prosody/?.lua;" .. package.path
package.cpath = "/usr/lib/prosody/?.so;" .. package.cpath
module = {}
function module:require(name)
    return dofile(arg[1] .. "/mod_xmppgov_capture/" .. name .. ".lib.lua")
end
local function unhex(text)
    return (text:gsub("%x%x", function (d) return string.char(tonumber(d, 16)) end))
end
local function open(reserve)
    local journal = module:require "journal".new {
        folder = arg[2], boot = "boot", reserve = reserve or 100, segment_size = 1000000,
        idle_size = 1000000, now = os.time, log = function () end,
    }
    assert(journal:open())
    return journal
end
local function append(journal)
    local seq = journal:next_seq()
    return seq and journal:append(seq, "r\\t" .. seq .. ("\\t"):rep(12))
end
local function settle(journal)
    journal:tick()
    while not journal:poll() do end
end
local function entries(journal)
    local reader, found = module:require "reader".new(journal), {}
    while reader:peek(10) do
        local entry = reader:peek()
        found[#found + 1] = entry.seq .. "-" .. entry.last .. (entry.reason or entry.state)
        reader:take()
    end
    return table.concat(found, " ")
end
"""


@pytest.fixture(scope="module", autouse=True)
def _programs(request: pytest.FixtureRequest) -> None:
    for name in ("lua5.4", "prosody"):
        require_program(request.config, name)


def lua(tmp_path: Path, script: str, *arguments: str) -> str:
    """Return what a script with the libraries at hand prints."""
    file = tmp_path / "script.lua"
    file.write_text(PRELUDE + script, "utf-8")
    command = ["lua5.4", str(file), str(MODULES), str(tmp_path / "spool"), *arguments]
    done = subprocess.run(command, capture_output=True, timeout=30, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout.decode()


def test_a_full_disk_takes_no_number(tmp_path: Path) -> None:
    """And what is written afterwards goes on without a gap."""
    script = """
    local journal = open()
    assert(append(journal) == 1)
    local file = journal.file
    journal.file = io.open("/dev/full", "a")
    journal.file:setvbuf("no")
    assert(append(journal) == nil and not journal.healthy)
    assert(append(journal) == nil and journal.problem:find("space"))
    assert(not journal:recover())
    journal.file = file
    assert(journal:recover() and append(journal) == 2)
    settle(journal)
    print(entries(journal))
    """
    assert lua(tmp_path, script) == "1-1accepted 2-2accepted\n"


def test_only_what_is_synced_and_handed_on_can_be_sent(tmp_path: Path) -> None:
    script = """
    local journal = open()
    append(journal)
    print("[" .. entries(journal) .. "]")
    journal:tick()
    print("[" .. entries(journal) .. "]")
    while not journal:poll() do end
    append(journal)
    print("[" .. entries(journal) .. "]")
    """
    assert lua(tmp_path, script) == "[]\n[]\n[1-1accepted]\n"


def test_numbers_beyond_the_reserved_ones_wait_for_the_disk(tmp_path: Path) -> None:
    script = """
    local journal = open(3)
    for _ = 1, 10 do
        append(journal)
        assert(journal.seq <= journal.reserved)
    end
    settle(journal)
    print(entries(journal))
    """
    assert lua(tmp_path, script).split() == [f"{n}-{n}accepted" for n in range(1, 11)]


@pytest.mark.parametrize("control", ["\\t", "\\n", "\\r", "\\000", "\\027", "\\127"])
def test_no_field_ends_itself_or_its_line(tmp_path: Path, control: str) -> None:
    """Whichever field it is in; the spool goes on without the record."""
    script = f"""
    local journal = open()
    for field = 1, 12 do
        local fields = {{}}
        for i = 1, 12 do fields[i] = i == field and "x{control}y" or "x" end
        assert(journal:append(journal:next_seq(), "r\\t1\\t" .. table.concat(fields, "\\t")) == nil)
    end
    assert(append(journal) == 1)
    journal:amend(1, "x{control}2\\tforged")
    settle(journal)
    print(entries(journal), journal.healthy)
    """
    assert lua(tmp_path, script).split() == ["1-1accepted", "true"]
    spool = b"".join(file.read_bytes() for file in (tmp_path / "spool").iterdir())
    assert b"\na\t" not in spool


def test_a_lost_record_is_a_hole_after_every_start(tmp_path: Path) -> None:
    script = """
    local journal = open()
    for _ = 1, 3 do append(journal) end
    settle(journal)
    assert(journal:lose(2) and journal:lose(3))
    print(entries(journal))
    print(entries(open()))
    local file = assert(io.open(arg[2] .. "/lost", "w"))
    file:write("torn")
    file:close()
    print(entries(open()))
    """
    holes = "1-1accepted 2-2lost 3-3lost"
    whole = "1-1accepted 2-2accepted 3-3accepted"
    assert lua(tmp_path, script).splitlines() == [holes, holes, whole]


@settings(max_examples=15, deadline=None)
@given(texts=st.lists(st.text(min_size=1, max_size=80), min_size=20, max_size=20))
def test_a_strange_identifier_is_a_digest(
    tmp_path_factory: pytest.TempPathFactory, texts: list[str]
) -> None:
    script = """
    local classify = module:require "classify"
    for i = 3, #arg do print(classify.identifier(unhex(arg[i]))) end
    """
    hexadecimal = [text.encode("utf-8", "replace").hex() for text in texts]
    printed = lua(tmp_path_factory.mktemp("lua"), script, *hexadecimal).splitlines()
    for text, identifier in zip(texts, printed, strict=True):
        if re.fullmatch(r"[A-Za-z0-9\-_.:]{1,64}", text):
            assert identifier == text
        else:
            assert re.fullmatch(r"sha256:[0-9a-f]{64}", identifier)


def test_uuids_are_of_version_7_and_differ(tmp_path: Path) -> None:
    script = """
    local generate = module:require "uuid7".generate
    for i = 1, 2000 do print(generate(1763864012345 + i // 100)) end
    """
    found = lua(tmp_path, script).split()
    assert len(set(found)) == 2000
    assert all(
        re.fullmatch(r"[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}", u)
        for u in found
    )
    assert int(found[0].replace("-", "")[:12], 16) == 1763864012345
