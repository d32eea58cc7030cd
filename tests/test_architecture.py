"""The design's rules, checked on the source: who imports whom, what is pure, lengths, French.

A feature is a folder, a role is a file name. The tables below are the rules; the rest walks syntax
trees. A line of a failure names the file, the line and what is wrong.
"""

from __future__ import annotations

import ast
import string
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import pytest
from babel.messages.pofile import read_po

ROOT = Path(__file__).parents[1]
SHELVES = ("xmppgov", "components", "bots")
MEASURED = (*SHELVES, "tests", "bench")
LONGEST_FUNCTION, LONGEST_FILE = 50, 400  # lines

PURE = {"model", "policy", "merkle", "checkpoint", "tiles", "verify", "errors"}
IMPURE_MODULES = {
    "aiosqlite", "asyncio", "random", "secrets", "slixmpp", "socket", "sqlite3", "time", "uuid",
}  # fmt: skip
IMPURE_CALLS = {"now", "today", "utcnow", "urandom"}

FORBIDDEN_ROLES = {
    "model": {"stanza", "component", "service", "store", "client", "config", "commands"},
    "policy": {"stanza", "component", "service", "store", "client", "config", "commands"},
    "stanza": {"component", "service", "store", "client", "config", "commands"},
    "store": {"stanza", "component", "service", "client", "commands"},
    "service": {"stanza", "component", "commands"},
    "component": {"store", "commands"},
}
SLIXMPP_FOLDERS, SLIXMPP_ROLES = {"xmpp", "bot", "omemo"}, {"stanza", "client", "component"}
SQLITE_FOLDERS, SQLITE_ROLES = {"storage"}, {"store"}
VAGUE_NAMES = {"utils", "helpers", "common", "base", "misc", "tools"}


@dataclass(frozen=True)
class Source:
    """One Python file and its syntax tree."""

    path: Path
    tree: ast.Module

    @property
    def role(self) -> str:
        return self.path.stem

    @property
    def folder(self) -> str:
        return self.path.parent.name

    @property
    def package(self) -> str:
        """The dotted name of the package that the file is in."""
        parts = self.path.relative_to(ROOT).parts[:-1]
        return ".".join(parts[1:] if parts[0] in ("components", "bots") else parts)

    @property
    def top(self) -> str:
        return self.package.split(".")[0]

    def at(self, node: ast.AST, problem: str) -> str:
        line = getattr(node, "lineno", 1)
        return f"{self.path.relative_to(ROOT)}:{line}: {problem}"


@cache
def sources(*shelves: str) -> tuple[Source, ...]:
    paths = (p for shelf in shelves for p in sorted((ROOT / shelf).rglob("*.py")))
    kept = (p for p in paths if "node_modules" not in p.parts)
    return tuple(Source(p, ast.parse(p.read_text("utf-8"), str(p))) for p in kept)


def imports(source: Source) -> Iterator[tuple[ast.stmt, str]]:
    """Yield each import with the dotted name that it brings in."""
    for node in ast.walk(source.tree):
        if isinstance(node, ast.Import):
            yield from ((node, alias.name) for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            start = source.package.split(".")[: len(source.package.split(".")) - node.level + 1]
            base = ".".join([*start, node.module or ""]) if node.level else node.module or ""
            yield from ((node, f"{base}.{alias.name}".strip(".")) for alias in node.names)


def _functions(tree: ast.AST) -> Iterator[ast.FunctionDef | ast.AsyncFunctionDef]:
    return (n for n in ast.walk(tree) if isinstance(n, ast.FunctionDef | ast.AsyncFunctionDef))


def _none(problems: Iterable[str]) -> None:
    found = sorted(set(problems))
    if found:
        pytest.fail("\n" + "\n".join(found), pytrace=False)


def _ours(name: str) -> bool:
    return name.split(".")[0].startswith("xmppgov")


def _role_of(name: str) -> set[str]:
    """Return the parts of an imported name that may be a role, feature folders included."""
    return set(name.split(".")[1:])


def test_components_and_bots_import_only_the_library() -> None:
    _none(
        source.at(node, f"imports {name}: siblings talk XMPP, they do not import each other")
        for source in sources(*SHELVES)
        for node, name in imports(source)
        if _ours(name) and name.split(".")[0] not in ("xmppgov", source.top)
    )


def test_each_role_imports_only_what_is_below_it() -> None:
    _none(
        source.at(node, f"a {source.role} imports {name}")
        for source in sources(*SHELVES)
        for node, name in imports(source)
        if _ours(name) and _role_of(name) & FORBIDDEN_ROLES.get(source.role, set())
    )


def test_pure_modules_know_no_network_database_clock_or_chance() -> None:
    pure = [s for s in sources(*SHELVES) if s.role in PURE]
    _none(
        source.at(node, f"{source.role}.py is pure and imports {name}")
        for source in pure
        for node, name in imports(source)
        if name.split(".")[0] in IMPURE_MODULES
    )
    _none(
        source.at(node, f"{source.role}.py is pure and calls .{node.func.attr}()")
        for source in pure
        for node in ast.walk(source.tree)
        if isinstance(node, ast.Call)
        and isinstance(node.func, ast.Attribute)
        and node.func.attr in IMPURE_CALLS
    )


@pytest.mark.parametrize(
    ("libraries", "folders", "roles"),
    [
        ({"slixmpp", "slixmpp_omemo"}, SLIXMPP_FOLDERS, SLIXMPP_ROLES),
        ({"aiosqlite"}, SQLITE_FOLDERS, SQLITE_ROLES),
    ],
    ids=["slixmpp", "aiosqlite"],
)
def test_a_library_stays_in_its_place(
    libraries: set[str], folders: set[str], roles: set[str]
) -> None:
    _none(
        source.at(node, f"imports {name}, which belongs in {sorted(folders)} or {sorted(roles)}")
        for source in sources(*SHELVES)
        for node, name in imports(source)
        if name.split(".")[0] in libraries
        and source.folder not in folders
        and source.role not in roles
    )


def test_the_library_imports_neither_component_nor_bot() -> None:
    _none(
        source.at(node, f"the library imports {name}")
        for source in sources("xmppgov")
        for node, name in imports(source)
        if name.startswith("xmppgov_")
    )


def test_no_function_is_long() -> None:
    _none(
        source.at(node, f"{node.name} has {length} lines, at most {LONGEST_FUNCTION}")
        for source in sources(*MEASURED)
        for node in _functions(source.tree)
        if (length := (node.end_lineno or 0) - node.lineno + 1) > LONGEST_FUNCTION
    )


def test_no_file_is_long() -> None:
    lengths = {s: len(s.path.read_text("utf-8").splitlines()) for s in sources(*MEASURED)}
    _none(
        source.at(source.tree, f"{length} lines, at most {LONGEST_FILE}")
        for source, length in lengths.items()
        if length > LONGEST_FILE
    )


def test_no_file_has_a_vague_name() -> None:
    _none(
        source.at(source.tree, f"{source.role} says nothing; name the noun that is inside")
        for source in sources(*SHELVES)
        if source.role in VAGUE_NAMES or source.folder in VAGUE_NAMES
    )


def test_every_module_says_what_it_is() -> None:
    _none(
        source.at(source.tree, "the module has no opening sentence")
        for source in sources(*SHELVES)
        if source.tree.body and not ast.get_docstring(source.tree)
    )


def _catalogue_package(source: Source, value: ast.Call) -> str:
    """Return the package whose catalogue `Texts(…)` names."""
    argument = value.args[0]
    return str(argument.value) if isinstance(argument, ast.Constant) else source.package


def _makers(source: Source) -> dict[str, str]:
    """Map each name that makes texts in this file to the package of its catalogue."""
    found = {
        target.id: _catalogue_package(source, node.value)
        for node in ast.walk(source.tree)
        if isinstance(node, ast.Assign)
        and isinstance(node.value, ast.Call)
        and getattr(node.value.func, "id", "") == "Texts"
        for target in node.targets
        if isinstance(target, ast.Name)
    }
    imported = {
        name.rsplit(".", 1)[1]: source.top
        for _, name in imports(source)
        if _ours(name) and name.rsplit(".", 1)[-1] == "texts"
    }
    return {**imported, **found}


def messages(source: Source) -> Iterator[tuple[ast.Call, str, str]]:
    """Yield each literal sentence for people: where it is, its catalogue's package, English."""
    makers = _makers(source)
    for node in ast.walk(source.tree):
        if not isinstance(node, ast.Call) or not node.args:
            continue
        name = getattr(node.func, "id", getattr(node.func, "attr", ""))
        constants = [a.value for a in node.args if isinstance(a, ast.Constant)]
        if name in makers and constants and isinstance(constants[0], str):
            yield node, makers[name], constants[0]
        elif name == "Text" and len(constants) == 2:
            yield node, str(constants[0]), str(constants[1])


@cache
def french(package: str) -> dict[str, str]:
    """Return the French sentences of a package by English sentence; empty where it has no file."""
    shelves = (ROOT, ROOT / "components", ROOT / "bots")
    files = [s / Path(*package.split(".")) / "locale" / "fr.po" for s in shelves]
    path = next((f for f in files if f.exists()), None)
    if path is None:
        return {}
    with path.open("rb") as file:
        return {m.id: m.string for m in read_po(file, locale="fr") if m.id and m.string}


def test_every_sentence_has_its_french() -> None:
    _none(
        source.at(node, f"no French in {package}/locale/fr.po for: {message}")
        for source in sources(*SHELVES)
        for node, package, message in messages(source)
        if message not in french(package)
    )


def _fields(pattern: str) -> set[str]:
    return {field for _, field, _, _ in string.Formatter().parse(pattern) if field}


def test_french_and_english_name_the_same_things() -> None:
    packages = {s.package for s in sources(*SHELVES)}
    _none(
        f"{package}/locale/fr.po: {sorted(_fields(english) ^ _fields(translated))} in: {english}"
        for package in sorted(packages)
        for english, translated in french(package).items()
        if _fields(english) != _fields(translated)
    )
