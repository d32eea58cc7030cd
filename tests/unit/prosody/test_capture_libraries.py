"""The capture's libraries by themselves, in Prosody's Lua: a full disk, identifiers."""

from __future__ import annotations

import re
import subprocess
from hashlib import md5
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
        keep = 60, now = os.time, log = function () end,
    }
    assert(journal:open())
    return journal
end
local function append(journal, item)
    local seq = journal.seq + 1
    return journal:append(item or "counted seq='" .. seq .. "'") and seq
end
local function settle(journal, waiting)
    journal:confirm(waiting)
    assert(journal:sync())
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


BROKEN = """
    local function breaks(journal)
        journal.file = io.open("/dev/full", "a")
        journal.file:setvbuf("no")
        assert(append(journal) == nil and not journal.healthy)
    end
"""


@pytest.mark.parametrize("boot", ["boot", "another-boot"])
def test_what_passed_while_the_disk_was_full_is_a_hole_after_a_kill(
    tmp_path: Path, boot: str
) -> None:
    """Of this boot as many numbers as messages; of an earlier one the reserved numbers as well."""
    script = (
        BROKEN
        + """
    local journal = open()
    append(journal)
    settle(journal)
    breaks(journal)
    for _ = 1, 3 do journal:miss() end
    local second = module:require "journal".new {
        folder = arg[2], boot = arg[3], reserve = 100, segment_size = 1000000,
        keep = 60, now = os.time, log = function () end,
    }
    function second:_write_synced() return nil, "No space left on device" end
    assert(not second:open())
    second:miss()
    assert(not second:recover())
    second:miss()
    second._write_synced = nil
    local third = second
    if arg[4] == "killed" then
        third = module:require "journal".new(second)
        third.missed, third.fd = 0, nil
        assert(third:open())
    else
        assert(second:recover())
    end
    assert(append(third))
    settle(third)
    print(entries(third))
    """
    )
    rest = " 7-100boot 101-101accepted" if boot != "boot" else " 7-7accepted"
    for end in ("killed", "goes on"):
        folder = tmp_path / end
        folder.mkdir()
        assert lua(folder, script, boot, end) == f"1-1accepted 2-6lost{rest}\n"


def test_only_what_is_synced_and_handed_on_can_be_sent(tmp_path: Path) -> None:
    script = """
    local journal = open()
    append(journal)
    print("[" .. entries(journal) .. "]")
    journal:confirm()
    print("[" .. entries(journal) .. "]")
    journal:sync()
    append(journal)
    journal:sync()
    print("[" .. entries(journal) .. "]")
    """
    assert lua(tmp_path, script) == "[]\n[]\n[1-1accepted]\n"


def test_a_message_that_waits_is_not_confirmed(tmp_path: Path) -> None:
    """Whatever came behind it has been handed on; a crash now leaves both in doubt."""
    script = """
    local journal = open()
    for _ = 1, 3 do append(journal) end
    settle(journal, 2)
    print(entries(journal))
    print(entries(open()))
    """
    assert lua(tmp_path, script).splitlines() == [
        "1-1accepted",
        "1-1accepted 2-2unconfirmed 3-3unconfirmed",
    ]


def test_a_new_segment_knows_who_waited_in_the_last_one(tmp_path: Path) -> None:
    script = """
    local journal = open()
    append(journal) append(journal)
    settle(journal, 2)
    journal:rotate(1)
    append(journal)
    journal:sync()
    print(#journal.list, entries(journal))
    print(#open().list, entries(open()))
    settle(journal)
    """
    assert lua(tmp_path, script).split() == [
        *("2", "1-1accepted"),
        *("2", "1-1accepted", "2-2unconfirmed", "3-3unconfirmed"),
    ]


def test_what_is_acknowledged_does_not_stay(tmp_path: Path) -> None:
    """For `keep` seconds at most, for an archive that loses its end; and not behind the end."""
    script = """
    local now, journal = 1000, open()
    journal.left = now
    function journal.now() return now; end
    local function kept()
        local found = {}
        for name in io.popen("cat " .. arg[2] .. "/*.spool"):read("a"):gmatch("counted seq='(%d+)'") do
            found[#found + 1] = name
        end
        return "[" .. table.concat(found, " ") .. "]"
    end
    local function say(count)
        for _ = 1, count do append(journal) end
        settle(journal)
    end
    say(2)
    print(journal:release(0), kept(), journal:release(1), kept())
    now = 1010
    print(journal:release(2), kept())
    say(2)
    now = 1060
    print(journal:release(3), kept(), journal:release(4), kept(), journal:release(4))
    say(2)
    now = 500
    print(journal:release(6), kept())
    journal:close(6)
    print(kept(), open().seq)
    """
    assert lua(tmp_path, script).splitlines() == [
        "nil\t[1 2]\t60\t[1 2]",
        "50\t[1 2]",
        "nil\t[1 2 3 4]\tnil\t[]\tnil",
        "60\t[5 6]",
        "[]\t6",
    ]


FAILING = """
local uv = require "luv"
local fdatasync = uv.fs_fdatasync
local function break_disk(broken)
    uv.fs_fdatasync = broken and function () return nil, "EIO" end or fdatasync
end
"""


def test_what_could_not_be_synced_is_written_again(tmp_path: Path) -> None:
    """A message that was refused for it has a record all the same: it says that nobody knows."""
    script = (
        FAILING
        + """
    local journal = open()
    append(journal) append(journal)
    settle(journal, 2)
    append(journal)
    break_disk(true)
    assert(not journal:sync() and not journal.healthy)
    journal.doubtful = true
    assert(append(journal) == nil and not journal:recover())
    break_disk(false)
    assert(journal:recover() and append(journal) == 4)
    settle(journal)
    print(entries(journal))
    print(entries(open()))
    """
    )
    known = "1-1accepted 2-2unconfirmed 3-3unconfirmed 4-4accepted"
    assert lua(tmp_path, script).splitlines() == [known, known]


def test_what_passed_while_the_disk_failed_is_a_hole(tmp_path: Path) -> None:
    script = (
        FAILING
        + """
    local journal = open()
    append(journal)
    break_disk(true)
    assert(not journal:sync())
    journal.missed = 2
    break_disk(false)
    assert(journal:recover() and append(journal) == 4)
    settle(journal)
    print(entries(journal))
    """
    )
    assert lua(tmp_path, script) == "1-1accepted 2-3lost 4-4accepted\n"


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


@pytest.mark.parametrize("control", ["\\t", "\\n", "\\r", "\\000", "\\027", "\\127", "'", "<", ">"])
def test_no_value_ends_itself_or_its_line(tmp_path: Path, control: str) -> None:
    """Whoever wrote it: nothing of such a line is sent, and the spool goes on without it."""
    script = f"""
    local journal = open()
    append(journal)
    append(journal, "record seq='2' id='x{control}y' t='1'")
    append(journal)
    settle(journal)
    print(entries(journal), journal.healthy)
    """
    assert lua(tmp_path, script).split() == ["1-1accepted", "2-2lost", "3-3accepted", "true"]


OLDER = (
    "xmppgov-spool\t1\t1795405858\t1",
    "n\t10000\tboot",
    "r\t1\t01a20687-49c9-758f-9abe-99dbfae6d23d\t1795405859273\tchat\tc2s\ta&b@x\tc@x\t\t\t165\tnone\t\tsid-1",
    "r\t2\t01a20687-49c9-758f-9abe-99dbfae6d23e\t1795405859274\tgroupchat\tc2s\ta@x\t\tr@y\t3\t9\totr\to-2\t",
    "a\t2\tsid-2",
    "c\t2",
)


def test_an_older_spool_is_read_on(tmp_path: Path) -> None:
    """And what comes behind it lies in a segment of its own."""
    folder = tmp_path / "spool"
    folder.mkdir()
    lines = (
        f"{line}\t{md5(line.encode(), usedforsecurity=False).hexdigest()[:8]}\n" for line in OLDER
    )
    (folder / f"{1:020d}.spool").write_text("".join(lines))
    script = """
    local journal = open()
    append(journal)
    settle(journal)
    local readers = module:require "reader"
    local reader = readers.new(journal)
    while reader:peek(10) do
        print(table.concat({ readers.item_of(reader:peek()) }))
        reader:take()
    end
    """
    assert lua(tmp_path, script).splitlines() == [
        "record seq='1' id='01a20687-49c9-758f-9abe-99dbfae6d23d' t='1795405859273' kind='chat'"
        " path='c2s' from='a&amp;b@x' to='c@x' size='165' enc='none' sid='sid-1' state='accepted'/><",
        "record seq='2' id='01a20687-49c9-758f-9abe-99dbfae6d23e' t='1795405859274'"
        " kind='groupchat' path='c2s' from='a@x' room='r@y' n='3' size='9' enc='otr' oid='o-2'"
        " sid='sid-2' state='accepted'/><",
        "counted seq='3'/><",
    ]
    assert len(list(folder.glob("*.spool"))) == 2


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


@settings(max_examples=15)
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
