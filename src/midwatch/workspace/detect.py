"""Which command checks a repository, found in its files: Python first, then the other languages' own conventions."""

from __future__ import annotations

import configparser
import json
import posixpath
import re
import shlex
import tomllib
from collections.abc import Callable, Collection, Iterator
from dataclasses import dataclass
from typing import Any

Read = Callable[[str], bytes | None]
"""The content of a file of the base tree by its path; None when it is not there or too large."""

_SKIPPED = {"node_modules", "vendor", "third_party", "site-packages", "examples", "docs", "fixtures"}
_SAMPLE = 40
"""How many test files are looked into."""
_FOLDERS = 8
"""How many folders of tests get a check of their own."""

_USES_PYTEST = re.compile(rb"^\s*(?:import pytest\b|from pytest\b)|^\s*@pytest\.", re.MULTILINE)
_PLAIN_TEST = re.compile(rb"^(?:async )?def test(?:_\w*)?\(", re.MULTILINE)
_PLAIN_CLASS = re.compile(rb"^class Test\w*(?:\(\s*\)|\(object\))?:", re.MULTILINE)
_UNITTEST = re.compile(rb"\bTestCase\b|\bload_tests\b")
_MAKE_TEST = re.compile(rb"^(?:[\w.%/ -]* )?test\s*:(?!=)", re.MULTILINE)


@dataclass(frozen=True, slots=True)
class Detected:
    """The checks, and why: `pytest: [tool.pytest.ini_options] in pyproject.toml`. Both empty when nothing is known."""

    checks: tuple[str, ...] = ()
    what: str = ""


def detect(paths: Collection[bytes | str], read: Read) -> Detected:
    """The checks of a tree, from its file list and its files. Looks at names first and reads few files; the same tree
    always gives the same answer. What cannot be read or parsed is passed over."""
    tree = _Tree(paths, read)
    for rule in (_pytest, _unittest, _npm, _make, _cargo, _go, _jvm, _others):
        found = rule(tree)
        if found is not None:
            return found
    return Detected()


class _Tree:
    """The files, with what several rules ask for."""

    def __init__(self, paths: Collection[bytes | str], read: Read) -> None:
        names = (path.decode("utf-8", "surrogateescape") if isinstance(path, bytes) else path for path in paths)
        self.files = frozenset(names)
        self._read = read
        self.tests = sorted(filter(_is_test, self.files), key=lambda path: (path.count("/"), path))
        self.sources = [(path, self.bytes(path)) for path in self.tests[:_SAMPLE]]

    def bytes(self, path: str) -> bytes:
        """The content; empty when there is none."""
        return (self._read(path) if path in self.files else None) or b""

    def toml(self, path: str) -> dict[str, Any]:
        """The parsed file; empty when it is missing or broken."""
        try:
            return tomllib.loads(self.bytes(path).decode("utf-8"))
        except (ValueError, RecursionError):
            return {}

    def json(self, path: str) -> dict[str, Any]:
        """The parsed file; empty when it is missing, broken or no object."""
        try:
            value = json.loads(self.bytes(path) or b"{}")
        except (ValueError, RecursionError):
            return {}
        return value if isinstance(value, dict) else {}

    def sections(self, path: str) -> list[str]:
        """The sections of an INI file."""
        parser = configparser.RawConfigParser(strict=False)
        try:
            parser.read_string(self.bytes(path).decode("utf-8", "replace"))
        except configparser.Error:
            return []
        return parser.sections()


def _is_test(path: str) -> bool:
    folder, _, name = path.rpartition("/")
    if not name.endswith(".py") or any(part in _SKIPPED or part.startswith(".") for part in folder.split("/") if part):
        return False
    return name.startswith("test_") or name.endswith("_test.py") or name in ("test.py", "tests.py")


def _pytest(tree: _Tree) -> Detected | None:
    why = _pytest_setting(tree) or _pytest_sign(tree)
    if not why:
        return None
    return Detected((_with_source(tree, "python -m pytest -q"),), f"pytest: {why}")


def _pytest_setting(tree: _Tree) -> str:
    for name, why in _settings(tree):
        # Settings without a test are common in released archives; pytest calls finding none a failure.
        if tree.tests or b"python_files" in tree.bytes(name) or b"doctest" in tree.bytes(name):
            return why
    return ""


def _settings(tree: _Tree) -> Iterator[tuple[str, str]]:
    tool = tree.toml("pyproject.toml").get("tool")
    section = tool.get("pytest") if isinstance(tool, dict) else None
    if isinstance(section, dict):
        name = "tool.pytest.ini_options" if "ini_options" in section else "tool.pytest"
        yield "pyproject.toml", f"[{name}] in pyproject.toml"
    for name in ("pytest.ini", ".pytest.ini", "pytest.toml", ".pytest.toml"):
        if name in tree.files:
            yield name, name
    for name, section_name in (("setup.cfg", "tool:pytest"), ("tox.ini", "pytest")):
        if section_name in tree.sections(name):
            yield name, f"[{section_name}] in {name}"


def _pytest_sign(tree: _Tree) -> str:
    for path in ("conftest.py", "tests/conftest.py", "test/conftest.py"):
        if path in tree.files and tree.tests:
            return path
    for path, source in tree.sources:
        if _USES_PYTEST.search(source):
            return f"{path} uses pytest"
    # Test functions outside a TestCase: unittest would find none of them and call that a success.
    for path, source in tree.sources:
        if posixpath.basename(path) in ("test.py", "tests.py"):
            continue  # pytest does not look there
        if _PLAIN_TEST.search(source) or (_PLAIN_CLASS.search(source) and not _UNITTEST.search(source)):
            return f"{path} has plain test functions"
    return ""


def _with_source(tree: _Tree, command: str) -> str:
    """With the `src` folder importable, for a project that is not installed in the environment."""
    packaged = any(path.startswith("src/") and path.endswith(".py") for path in tree.files)
    if not packaged or "src/__init__.py" in tree.files:
        return command
    return f"PYTHONPATH=src {command}"


def _unittest(tree: _Tree) -> Detected | None:
    cases = [path for path, source in tree.sources if _UNITTEST.search(source)]
    if not cases:
        return None
    if b"django" in tree.bytes("manage.py"):
        return Detected(("python manage.py test",), "Django: manage.py")
    found: dict[tuple[str, str], list[str]] = {}
    for case in cases:
        found.setdefault(_discovery(tree, posixpath.dirname(case)), []).append(case)
    commands = [_with_source(tree, _discover(start, top, names)) for (start, top), names in found.items()]
    return Detected(tuple(commands[:_FOLDERS]), f"unittest: TestCase in {cases[0]}")


def _discovery(tree: _Tree, folder: str) -> tuple[str, str]:
    """Where discovery starts, and the folder above the outermost package, which relative imports need. A folder that
    is no package is a start of its own: discovery does not go down into one."""
    start = folder
    while f"{start}/__init__.py" in tree.files and f"{posixpath.dirname(start)}/__init__.py" in tree.files:
        start = posixpath.dirname(start)
    if start and f"{start}/__init__.py" in tree.files:
        return start, posixpath.dirname(start) or "."
    return start, ""


def _discover(start: str, top: str, cases: list[str]) -> str:
    words = ["python", "-m", "unittest", "discover"]
    if start:
        words += ["-s", start]
    if top:
        words += ["-t", top]
    names = [posixpath.basename(path) for path in cases]
    if not any(name.startswith("test") for name in names):
        words += ["-p", "*_test.py"]
    return shlex.join(words)


def _npm(tree: _Tree) -> Detected | None:
    scripts = tree.json("package.json").get("scripts")
    script = scripts.get("test") if isinstance(scripts, dict) else None
    if not isinstance(script, str) or not script.strip() or "no test specified" in script:
        return None
    return Detected(("npm test --silent",), f"npm: scripts.test in package.json ({script[:60]})")


def _make(tree: _Tree) -> Detected | None:
    for name in ("GNUmakefile", "makefile", "Makefile"):
        if name in tree.files:
            if _MAKE_TEST.search(tree.bytes(name)):
                return Detected(("make test",), f"make: target test in {name}")
            return None  # make reads the first of them only
    return None


def _cargo(tree: _Tree) -> Detected | None:
    return Detected(("cargo test",), "cargo: Cargo.toml") if "Cargo.toml" in tree.files else None


def _go(tree: _Tree) -> Detected | None:
    return Detected(("go test ./...",), "go: go.mod") if "go.mod" in tree.files else None


def _jvm(tree: _Tree) -> Detected | None:
    for name in ("build.gradle", "build.gradle.kts"):
        if name in tree.files:
            program = "./gradlew" if "gradlew" in tree.files else "gradle"
            return Detected((f"{program} test --offline",), f"Gradle: {name}")
    if "pom.xml" in tree.files:
        program = "./mvnw" if "mvnw" in tree.files else "mvn"
        return Detected((f"{program} -q -o test",), "Maven: pom.xml")
    return None


def _others(tree: _Tree) -> Detected | None:
    scripts = tree.json("composer.json").get("scripts")
    if isinstance(scripts, dict) and "test" in scripts:
        return Detected(("composer test",), "Composer: scripts.test in composer.json")
    if "mix.exs" in tree.files:
        return Detected(("mix test",), "Mix: mix.exs")
    if any(name in tree.files for name in ("Rakefile", "rakefile", "Rakefile.rb")) and any(
        path.startswith(("test/", "spec/")) and path.endswith(".rb") for path in tree.files
    ):
        task = "spec" if not any(path.startswith("test/") for path in tree.files) else "test"
        return Detected((f"rake {task}",), f"Rake: Rakefile and {task}/")
    return None
