"""A recipe for a repository that has none: what its files say about how its dependencies are installed."""

from __future__ import annotations

import json
import re
import tomllib
from collections.abc import Collection, Sequence
from dataclasses import dataclass, field
from typing import Any

from midwatch.workspace.detect import Read, detect

_REQUIREMENTS = re.compile(
    r"(?:(?:dev|test|tests|testing|ci)[-_])?requirements(?:[-_](?:dev|test|tests|testing|ci))?\.txt"
    r"|requirements/(?:base|main|dev|test|tests|testing|ci)\.txt"
)
_FOR_TESTS = ("test", "tests", "testing", "dev", "develop")
_VENV = "python3 -m venv .venv"


@dataclass(slots=True)
class Suggestion:
    """What was found, and what the recipe would say."""

    found: list[str] = field(default_factory=list)
    """In words, one for each ecosystem: `Python with uv: uv.lock`."""
    setup: list[str] = field(default_factory=list)
    presets: list[str] = field(default_factory=list)
    variables: dict[str, str] = field(default_factory=dict)
    checks: tuple[str, ...] = ()
    checks_from: str = ""
    submodules: bool = False
    lfs: bool = False

    def text(self) -> str:
        """The recipe, commented."""
        return "\n".join([*_head(self), *_tables(self)]) + "\n"


class _Files:
    def __init__(self, paths: Collection[str], read: Read) -> None:
        self.paths = frozenset(paths)
        self._read = read

    def text(self, path: str) -> str:
        """The content; empty when there is none."""
        data = self._read(path) if path in self.paths else None
        return (data or b"").decode("utf-8", "replace")

    def toml(self, path: str) -> dict[str, Any]:
        """The parsed file; empty when it is missing or broken."""
        try:
            return tomllib.loads(self.text(path))
        except (ValueError, RecursionError):
            return {}


def wanted(paths: Collection[str]) -> list[str]:
    """The files at the top that `suggest` reads, beside those for the checks."""
    names = {"pyproject.toml", "setup.py", "setup.cfg", "package.json", ".gitattributes", "Makefile"}
    return [path for path in paths if path in names or _REQUIREMENTS.fullmatch(path)]


def suggest(paths: Collection[str], read: Read) -> Suggestion:
    """From a tree's file list and its files. The same tree always gives the same answer."""
    files, made = _Files(paths, read), Suggestion()
    checks = detect(paths, read)
    made.checks, made.checks_from = checks.checks, checks.what
    for rule in (_python, _node, _rust, _go, _ruby, _java):
        rule(files, made)
    if any("pytest" in check for check in made.checks) and any(line.startswith(_VENV) for line in made.setup):
        _with_pytest(files, made)
    made.submodules = ".gitmodules" in files.paths
    made.lfs = "filter=lfs" in files.text(".gitattributes")
    return made


def _python(files: _Files, made: Suggestion) -> None:
    for lock, name, command in (
        ("uv.lock", "uv", "~/.uv/bin/uv sync --frozen"),
        ("poetry.lock", "Poetry", "POETRY_VIRTUALENVS_IN_PROJECT=true ~/.poetry/bin/poetry install --no-interaction"),
        ("pdm.lock", "PDM", "~/.pdm/bin/pdm install --frozen-lockfile"),
        ("Pipfile.lock", "Pipenv", "PIPENV_VENV_IN_PROJECT=1 ~/.pipenv/bin/pipenv sync --dev"),
    ):
        if lock in files.paths:
            tool = name.lower()
            made.setup += [f"python3 -m venv ~/.{tool}", f"~/.{tool}/bin/pip install {tool}", command]
            return _found(made, f"Python with {name}: {lock}", "python")
    listed = sorted(filter(_REQUIREMENTS.fullmatch, files.paths))
    package = files.toml("pyproject.toml")
    installable = bool({"project", "build-system"} & package.keys()) or "setup.py" in files.paths
    if not listed and not installable:
        return None
    made.setup.append(_VENV)
    if listed:
        made.setup.append(".venv/bin/pip install " + " ".join(f"-r {name}" for name in listed))
    if installable:
        made.setup.append(f".venv/bin/pip install -e {_with_extras(package)}")
    names = [*listed, *(name for name in ("pyproject.toml", "setup.py") if installable and name in files.paths)]
    _found(made, f"Python with pip: {', '.join(names)}", "python")
    return None


def _with_extras(package: dict[str, Any]) -> str:
    project = package.get("project")
    extras = project.get("optional-dependencies") if isinstance(project, dict) else None
    named = [name for name in _FOR_TESTS if isinstance(extras, dict) and name in extras]
    return f"'.[{','.join(named)}]'" if named else "."


def _with_pytest(files: _Files, made: Suggestion) -> None:
    told = [files.text(name) for name in files.paths if _REQUIREMENTS.fullmatch(name)]
    told += [files.text(name) for name in ("setup.py", "setup.cfg")]
    project = files.toml("pyproject.toml").get("project")
    told.append(json.dumps(project, default=str) if isinstance(project, dict) else "")
    if not any("pytest" in text for text in told):
        made.setup.append(".venv/bin/pip install pytest")


def _node(files: _Files, made: Suggestion) -> None:
    if "package.json" not in files.paths:
        return None
    for lock, tool, command in (
        ("pnpm-lock.yaml", "pnpm", "~/.local/bin/pnpm install --frozen-lockfile"),
        ("yarn.lock", "yarn", "~/.local/bin/yarn install --frozen-lockfile"),
    ):
        if lock in files.paths:
            made.setup += [f"npm install --global --prefix ~/.local {tool}", command]
            return _found(made, f"Node with {tool}: {lock}", "node")
    locked = next((name for name in ("package-lock.json", "npm-shrinkwrap.json") if name in files.paths), "")
    made.setup.append("npm ci" if locked else "npm install")
    return _found(made, f"Node with npm: {locked or 'package.json'}", "node")


def _rust(files: _Files, made: Suggestion) -> None:
    if "Cargo.toml" in files.paths:
        made.setup.append("cargo fetch --locked" if "Cargo.lock" in files.paths else "cargo fetch")
        made.checks = tuple("cargo test --offline" if check == "cargo test" else check for check in made.checks)
        _found(made, "Rust with Cargo: Cargo.toml", "rust")


def _go(files: _Files, made: Suggestion) -> None:
    if "go.mod" in files.paths:
        made.setup.append("go mod download")
        # your own module cache may be in the box too, but read-only
        made.variables |= {"GOMODCACHE": "/home/agent/go/pkg/mod", "GOPROXY": "https://proxy.golang.org"}
        _found(made, "Go: go.mod", "go")


def _ruby(files: _Files, made: Suggestion) -> None:
    if "Gemfile" in files.paths:
        made.setup.append("bundle install")
        made.variables["BUNDLE_PATH"] = "vendor/bundle"
        _found(made, f"Ruby with Bundler: {'Gemfile.lock' if 'Gemfile.lock' in files.paths else 'Gemfile'}", "ruby")


def _java(files: _Files, made: Suggestion) -> None:
    for name in ("build.gradle", "build.gradle.kts"):
        if name in files.paths:
            program = "./gradlew" if "gradlew" in files.paths else "gradle"
            made.setup.append(f"{program} --no-daemon testClasses")
            return _found(made, f"Java with Gradle: {name}", "java")
    if "pom.xml" in files.paths:
        made.setup.append(f"{'./mvnw' if 'mvnw' in files.paths else 'mvn'} -q -B dependency:go-offline")
        _found(made, "Java with Maven: pom.xml", "java")
    return None


def _found(made: Suggestion, words: str, preset: str) -> None:
    made.found.append(words)
    made.presets.append(f"preset:{preset}")


def _head(made: Suggestion) -> list[str]:
    lines = [
        "# How Midwatch prepares and checks this repository. Read from the commit that a task starts from.",
        *(f"# Found: {words}" for words in made.found),
        "",
        "# Run once, in a sandbox that reaches only the hosts below; what it leaves in ignored files and in the home",
        "# folder is kept for every attempt, until one of these lines or a lock file changes.",
        _listing("setup", made.setup, "npm ci"),
        "",
        "# Run when what is kept is used for another commit.",
        _listing("maintenance", [], "npm run build"),
        "",
        f"# Must all exit with 0{f' ({made.checks_from})' if made.checks else ''}.",
        _listing("checks", made.checks, "make test"),
    ]
    return lines


def _tables(made: Suggestion) -> list[str]:
    lines = ["", "# Environment variables, for all of these. Not for secrets.", "[variables]"]
    lines += [f"{name} = {_quoted(value)}" for name, value in made.variables.items()] or ['# NAME = "value"']
    lines += ["", "# Needs your trust: --trust-recipe, or `trusted` in the settings file.", "[network]"]
    lines += [_listing("setup", made.presets, "preset:python"), _listing("agent", [], "docs.example.org read-only")]
    lines += [
        "",
        "# A secret by name, added to requests to one host outside the sandbox. The value is in your settings.",
        "# [secrets]",
        '# NPM_TOKEN = { host = "registry.example.com", header = "Authorization", format = "Bearer {}" }',
    ]
    if made.submodules or made.lfs:
        lines += ["", "[repository]"]
        lines += ["submodules = true"] * made.submodules + ["lfs = true"] * made.lfs
    return lines


def _listing(key: str, values: Sequence[str], example: str) -> str:
    if not values:
        return f"# {key} = [{_quoted(example)}]"
    if len(values) == 1:
        return f"{key} = [{_quoted(values[0])}]"
    return "\n".join([f"{key} = [", *(f"  {_quoted(value)}," for value in values), "]"])


def _quoted(text: str) -> str:
    """A string of TOML, whose escapes JSON shares."""
    return json.dumps(text, ensure_ascii=False)
