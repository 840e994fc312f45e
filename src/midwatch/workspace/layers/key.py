"""The key of layers: everything that decides what a setup leaves, and nothing else, so that commits share them."""

from __future__ import annotations

import hashlib
import json
import os
import platform
import posixpath
import re
import shlex
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Any

from midwatch.workspace.git import Git
from midwatch.workspace.recipe import Recipe

LOCK_FILES = frozenset(
    """
    pyproject.toml setup.py setup.cfg uv.lock poetry.lock pdm.lock pylock.toml Pipfile Pipfile.lock tox.ini
    .python-version environment.yml environment.yaml conda-lock.yml package.json package-lock.json npm-
    shrinkwrap.json yarn.lock pnpm-lock.yaml pnpm-workspace.yaml bun.lock bun.lockb .npmrc .yarnrc .yarnrc.yml
    .nvmrc .node-version Cargo.toml Cargo.lock rust-toolchain rust-toolchain.toml go.mod go.sum go.work
    go.work.sum Gemfile Gemfile.lock .ruby-version composer.json composer.lock mix.exs mix.lock pom.xml
    build.gradle build.gradle.kts settings.gradle settings.gradle.kts gradle.lockfile gradle.properties
    libs.versions.toml gradle-wrapper.properties deno.json deno.lock flake.nix flake.lock .tool-versions
    Package.swift Package.resolved
    """.split()  # noqa: SIM905 - a hundred quotes would hide the names
)
"""What pins or names dependencies, and how they are built: names of files."""
_REQUIREMENTS = re.compile(
    r"(?:^|/)(?:requirements|constraints)[^/]*\.(?:txt|in)$|(?:^|/)requirements/[^/]+\.(?:txt|in)$"
)
_MAKEFILES = ("GNUmakefile", "makefile", "Makefile")
_ELSEWHERE = {"node_modules", "vendor", "third_party", "site-packages", "testdata", "fixtures"}
_POINTED_TO = ("-e", "--editable", "cd", "-C", "--prefix", "--directory")
"""Before a folder that is not copied."""
_SEPARATORS = re.compile(r"[;&|()<>]+")


@dataclass(frozen=True, slots=True)
class Tracked:
    """What a commit holds."""

    files: Mapping[bytes, str]
    """Blob by path; links too."""
    folders: Mapping[bytes, str]
    """Tree by path; the top is the empty path."""
    gitlinks: frozenset[bytes]
    """The places of submodules."""


async def tracked(git: Git, commit: str, tree: str) -> Tracked:
    """All that the commit holds, by one listing."""
    files: dict[bytes, str] = {}
    folders = {b"": tree}
    gitlinks = set()
    for entry in (await git.run("ls-tree", "-r", "-t", "-z", commit)).split(b"\0")[:-1]:
        about, _, path = entry.partition(b"\t")
        _mode, kind, name = about.split(b" ")
        if kind == b"commit":
            gitlinks.add(path)
        else:
            (folders if kind == b"tree" else files)[path] = name.decode()
    return Tracked(files, folders, frozenset(gitlinks))


def inputs(recipe: Recipe, held: Tracked, commit: str, around: Mapping[str, Any]) -> dict[str, Any]:
    """What the key is made of, as JSON. `around` is what does not come from the commit: the repository, the base, the
    toolchain. Two repositories never share layers: what a setup runs may be a file of the repository."""
    decided = {**lock_files(held, recipe.lock_files), **named_by(recipe.setup, held)}
    return {
        "format": 1,
        "architecture": platform.machine(),
        "setup": list(recipe.setup),
        "variables": sorted(map(list, recipe.variables)),
        "hosts": list(recipe.network.setup),
        "secrets": [[secret.name, secret.host, secret.header, secret.format] for secret in recipe.secrets],
        "files": {os.fsdecode(path): name for path, name in sorted(decided.items())},
        "commit": commit if recipe.cache_by_commit else "",
        **around,
    }


def digest(values: Mapping[str, Any]) -> str:
    """The key: SHA-256 over canonical JSON, in hex."""
    text = json.dumps(values, sort_keys=True, separators=(",", ":"), ensure_ascii=True)
    return hashlib.sha256(text.encode("ascii")).hexdigest()


def lock_files(held: Tracked, patterns: Sequence[str]) -> dict[bytes, str]:
    """The files that pin dependencies, wherever they lie, and those that fit one of the patterns (`*` also stands for
    what holds slashes)."""
    found = {}
    for raw, name in held.files.items():
        path = os.fsdecode(raw)
        folder, _, last = path.rpartition("/")
        known = last in LOCK_FILES or _REQUIREMENTS.search(path)
        if (known and not _ELSEWHERE.intersection(folder.split("/"))) or any(fnmatchcase(path, p) for p in patterns):
            found[raw] = name
    return found


def named_by(commands: Sequence[str], held: Tracked) -> dict[bytes, str]:
    """The tracked files and folders that a command names: what it runs or installs. A folder counts with all in it, so
    `pip install .` is done again for each change, but not the folder of an editable installation, which is only
    pointed to. `make` reads its own file."""
    found: dict[bytes, str] = {}
    for command in commands:
        before = ""
        for word in _words(command):
            path = os.fsencode(posixpath.normpath(re.sub(r"\[[\w,. -]+\]$", "", word).removeprefix("file:") or "."))
            place = b"" if path == b"." else path
            if place in held.files:
                found[place] = held.files[place]
            elif place in held.folders and before not in _POINTED_TO and (place or word.startswith(".")):
                found[place + b"/"] = held.folders[place]
            if posixpath.basename(word) == "make":
                found |= {name: held.files[name] for name in map(os.fsencode, _MAKEFILES) if name in held.files}
            before = word
    return found


def _words(command: str) -> list[str]:
    try:
        return shlex.split(_SEPARATORS.sub(" ", command), comments=True)
    except ValueError:
        return _SEPARATORS.sub(" ", command).split()


def toolchain_identity(mounts: Sequence[str], path: Sequence[str]) -> list[str]:
    """What a setup finds of the host: the folders on PATH, and each toolchain with the version of its Python."""
    found = [f"path:{folder}" for folder in path]
    for mount in mounts:
        versions = sorted(place.name for place in _glob(Path(mount), "lib/python3*"))
        found.append(":".join((f"mount:{os.path.realpath(mount)}", *versions, _pinned(Path(mount)))))
    return found


def _glob(folder: Path, pattern: str) -> list[Path]:
    try:
        return list(folder.glob(pattern))
    except OSError:
        return []


def _pinned(mount: Path) -> str:
    """The exact version that a virtual environment was made with."""
    try:
        lines = (mount / "pyvenv.cfg").read_text("utf-8", "replace").splitlines()
    except OSError:
        return ""
    return next((line.partition("=")[2].strip() for line in lines if line.startswith("version")), "")
