"""Which folders of the host a box may read so that checks run, and what comes first on PATH.

The person's checks, environment and machine decide this. What the repository's files name is taken only when it is a
Python installation, and never when it holds anything private.
"""

from __future__ import annotations

import re
import shlex
import shutil
import sys
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from os.path import normpath
from pathlib import Path

from midwatch.workspace.languages import other_languages
from midwatch.workspace.shared import Shared, exists, glob, is_file, is_system, resolve, shim

_PYTHON = re.compile(r"python(?:\d(?:\.\d+)?)?")


@dataclass(frozen=True, slots=True)
class Toolchain:
    """What a box is given of the host."""

    read_only: tuple[Path, ...] = ()
    masked: tuple[Path, ...] = ()
    """Files inside `read_only` that may hold credentials and must appear empty."""
    path: tuple[str, ...] = ()
    variables: tuple[tuple[str, str], ...] = ()
    notes: tuple[str, ...] = ()
    """For the person, one line each: `python: /x/.venv (read-only)`."""


@dataclass(frozen=True, slots=True)
class Own:
    """The interpreter that runs Midwatch, and the folders that no box may ever see."""

    prefix: Path = field(default_factory=lambda: Path(sys.prefix))
    base_prefix: Path = field(default_factory=lambda: Path(sys.base_prefix))
    private: tuple[Path, ...] = ()
    """The state and configuration folders."""


def discover(
    repository_folder: Path | None,
    checks: Sequence[str],
    environ: Mapping[str, str],
    own: Own | None = None,
    *,
    from_person: bool = True,
) -> Toolchain:
    """Choose the Python and, when a check names their tools, Node, Go and Rust. `environ` is the person's environment.
    An absolute path in a check counts only when the checks come `from_person`, not from the repository. Reads a few
    small files; raises nothing for what it cannot find or must not share: a note says so."""
    own = own or Own()
    shared = Shared(environ, own.private)
    named = _named(checks, shared) if from_person else []
    chosen = [folder for folder in named if _share(folder, checks, shared)]
    if not chosen and not _environment(repository_folder, checks, environ, own, shared):
        _fallback(repository_folder, checks, environ, own, shared)
    other_languages(checks, environ, shared)
    for word in _words(checks):
        if re.match(r"(?:\./)?\.?venv/bin/", word):
            shared.note(f"{word}: the workspace has no virtual environment; write `python` instead")
    return Toolchain(
        tuple(shared.read_only),
        tuple(shared.masked()),
        tuple(shared.path),
        tuple(shared.variables),
        tuple(shared.notes),
    )


def _environment(
    repository: Path | None, checks: Sequence[str], environ: Mapping[str, str], own: Own, shared: Shared
) -> bool:
    """A virtual environment of the person's. True when one was taken."""
    return any(_share(folder, checks, shared) for folder in _environments(repository, environ, own))


def _named(checks: Sequence[str], shared: Shared) -> list[Path]:
    """The environments of interpreters and programs that a check names by absolute path."""
    found: dict[Path, None] = {}
    for word in _words(checks):
        path = Path(word)
        if not path.is_absolute() or path.parent.name != "bin":
            continue
        python = _PYTHON.fullmatch(path.name)
        if not exists(path):
            if python:
                shared.note(f"{word}: a check names it, but it does not exist")
        elif not is_system(path) and _is_python(path.parent.parent):
            found[path.parent.parent] = None
    return list(found)


def _words(checks: Sequence[str]) -> Iterator[str]:
    for check in checks:
        try:
            yield from shlex.split(check)
        except ValueError:
            yield from check.split()


def _environments(repository: Path | None, environ: Mapping[str, str], own: Own) -> Iterator[Path]:
    """Virtual environments in the order of preference: the repository's, the active one, the one that PATH leads to."""
    if repository is not None:
        for name in (".venv", "venv"):
            if exists(repository / name / "bin/python") and is_file(repository / name / "pyvenv.cfg"):
                yield repository / name
    active = [environ[name] for name in ("VIRTUAL_ENV", "CONDA_PREFIX") if environ.get(name)]
    first = _first_python(environ)
    if first is not None and is_file(first.parent.parent / "pyvenv.cfg"):
        active.append(str(first.parent.parent))
    for folder in map(Path, active):
        if folder.is_absolute() and exists(folder / "bin/python") and not _same(folder, own.prefix):
            yield folder


def _first_python(environ: Mapping[str, str]) -> Path | None:
    for name in ("python", "python3"):
        found = shutil.which(name, path=environ.get("PATH", ""))
        if found and Path(found).is_absolute() and not shim(Path(found)):
            return Path(found)
    return None


def _share(folder: Path, checks: Sequence[str], shared: Shared) -> bool:
    """Share an environment and the interpreter below it. False when it must not be shared."""
    if not all(is_system(path) or shared.add(path) for path in dict.fromkeys((folder, resolve(folder)))):
        return False
    for base in _bases(folder):
        if not is_system(base) and not shared.add(base):
            shared.note(f"python: {folder} may not run, its interpreter in {base} cannot be shared")
    shared.first(folder / "bin")
    if is_file(folder / "pyvenv.cfg") and not any(name == "VIRTUAL_ENV" for name, _ in shared.variables):
        shared.variables.append(("VIRTUAL_ENV", str(folder)))
    lacking = "" if _has_pytest(folder) or not _wants_pytest(checks) else "; it has no pytest"
    shared.note(f"python: {folder} (read-only){lacking}")
    return True


def _bases(folder: Path) -> list[Path]:
    """The prefixes of the interpreters that an environment stands on, each path as it is written and as it resolves:
    a link on the way must lead to something in the box too."""
    found: dict[Path, None] = {}
    python = folder / "bin/python"
    for _ in range(10):
        try:
            python = Path(normpath(python.parent / python.readlink()))
        except OSError:
            break
        if python.parent != folder / "bin":
            found[python.parent.parent] = None
    home = _home(folder)
    if home is not None:
        found[home.parent] = None
    found.update(dict.fromkeys([resolve(prefix) for prefix in found]))
    return [prefix for prefix in found if _is_python(prefix)]


def _is_python(prefix: Path) -> bool:
    """Whether an interpreter with its library is installed there, or it is a virtual environment. What a repository's
    own files could name must be no more than that."""
    return is_file(prefix / "pyvenv.cfg") or bool(glob(prefix, "lib*/py*3*/os.py"))


def _home(folder: Path) -> Path | None:
    """`home` of pyvenv.cfg: the folder of the base interpreter."""
    try:
        lines = (folder / "pyvenv.cfg").read_text("utf-8", "surrogateescape").splitlines()
    except OSError:
        return None
    for line in lines:
        key, equals, value = line.partition("=")
        if equals and key.strip().lower() == "home" and value.strip().startswith("/"):
            return Path(value.strip())
    return None


def _fallback(
    repository: Path | None, checks: Sequence[str], environ: Mapping[str, str], own: Own, shared: Shared
) -> None:
    """No virtual environment: the person's own interpreter, then Midwatch's environment for its pytest, then its
    Python."""
    for prefix in _interpreters(repository, environ):
        if not _has_pytest(prefix) and _wants_pytest(checks):
            continue
        if is_system(prefix):
            shared.note("python: the system's")
            return
        if _share(prefix, checks, shared):
            return
    if _has_pytest(own.prefix) and not is_system(own.prefix) and _share(own.prefix, (), shared):
        shared.note("python: no environment of yours was found, so this is Midwatch's own; it may lack your packages")
    elif not is_system(own.base_prefix) and _share(own.base_prefix, (), shared):
        shared.note("python: no environment of yours was found; make one in .venv with your packages and pytest")


def _interpreters(repository: Path | None, environ: Mapping[str, str]) -> Iterator[Path]:
    """The prefixes of the interpreters that `python` means to the person; a pyenv shim stands for a version."""
    first = _first_python(environ)
    if first is not None:
        yield resolve(first).parent.parent
    root = Path(environ.get("PYENV_ROOT") or Path(environ.get("HOME", "/nonexistent"), ".pyenv"))
    names = [environ.get("PYENV_VERSION", "").partition(":")[0]]
    for file in ([repository / ".python-version"] if repository else []) + [root / "version"]:
        try:
            names += file.read_text("utf-8", "replace").split()[:1]
        except OSError:
            continue
    for name in names:
        # A version is one name; a repository could write `../..` here.
        if re.fullmatch(r"[\w.-]+", name) and name.strip(".") and exists(root / "versions" / name / "bin/python"):
            yield root / "versions" / name


def _has_pytest(prefix: Path) -> bool:
    folders = ("site-packages", "dist-packages")
    if any(glob(prefix, f"lib/python3*/{name}/pytest/__init__.py") for name in folders):
        return True
    return prefix == Path("/usr") and _has_pytest(Path("/usr/local"))


def _wants_pytest(checks: Sequence[str]) -> bool:
    return any(re.search(r"\b(?:pytest|py\.test)\b", check) for check in checks)


def _same(one: Path, other: Path) -> bool:
    return resolve(one) == resolve(other)
