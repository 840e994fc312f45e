"""Private copies of the tree, and commands that run in them."""

from __future__ import annotations

import contextlib
import os
import re
import shutil
import signal
import subprocess
import time
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

BIG = 150 << 20
SKIP = {"__pycache__", ".pytest_cache", ".mypy_cache", ".ruff_cache", ".tox", ".nox", ".hypothesis"}
LINKED = {"node_modules"}
HOOKS = os.path.join(os.path.dirname(os.path.abspath(__file__)), "hooks")


def copy(source: str, target: str) -> None:
    """Copy a tree without caches. Virtual environments and node_modules become links to the originals."""

    def ignore(folder: str, names: list[str]) -> list[str]:
        left_out = [name for name in names if name in SKIP or name.endswith((".pyc", ".sock"))]
        for name in names:
            path = os.path.join(folder, name)
            if name in LINKED or os.path.exists(os.path.join(path, "pyvenv.cfg")):
                left_out.append(name)
                inside = os.path.join(target, os.path.relpath(folder, source))
                os.makedirs(inside, exist_ok=True)
                os.symlink(path, os.path.join(inside, name))
            elif (name == ".git" and _size(path) > BIG) or (
                not os.path.islink(path) and not os.path.isdir(path) and not os.path.isfile(path)
            ):
                left_out.append(name)
        return left_out

    with contextlib.suppress(shutil.Error):  # what cannot be read cannot be needed by a check of the same user
        shutil.copytree(source, target, symlinks=True, ignore=ignore, dirs_exist_ok=True)


def _size(path: str) -> int:
    total = 0
    for folder, _, files in os.walk(path):
        for name in files:
            with contextlib.suppress(OSError):
                total += os.lstat(os.path.join(folder, name)).st_size
        if total > BIG:
            break
    return total


def write(target: str, path: str, content: bytes) -> None:
    """Put an edited file into a copy, through no link and with no stale bytecode beside it."""
    full = os.path.join(target, path)
    if os.path.islink(full):
        full = os.path.realpath(full)
    with open(full, "wb") as file:
        file.write(content)


def moved(command: str, source: str, target: str) -> str:
    """The command with the tree's own path replaced by the copy's."""
    return re.sub(re.escape(source) + r"(?=[/\s'\":;]|$)", lambda _: target, command)


def hooked(command: str) -> str:
    """The command with our folder put in front wherever it sets PYTHONPATH itself."""
    return re.sub(r"(?<![\w$])PYTHONPATH=([\"']?)", lambda m: "PYTHONPATH=" + m.group(1) + HOOKS + ":", command)


def hook_scripts(root: str) -> None:
    """Do the same in the scripts at the top of a copy that a check may call."""
    for name in os.listdir(root):
        path = os.path.join(root, name)
        if not name.endswith((".sh", ".mk", "akefile")) or os.path.islink(path) or not os.path.isfile(path):
            continue
        with open(path, "r+b") as file:
            text = file.read().decode("utf-8", "surrogateescape")
            changed = hooked(text)
            if changed != text:
                file.seek(0)
                file.write(changed.encode("utf-8", "surrogateescape"))


def plain_environment(source: str, root: str, extra_path: Sequence[str] = ()) -> dict[str, str]:
    """The environment of a run in the copy `root` that is none of ours."""
    env = dict(os.environ, PYTHONDONTWRITEBYTECODE="1")
    _lead(env, [], source, root, extra_path)
    return env


def hooked_environment(address: str, source: str, root: str, extra_path: Sequence[str] = ()) -> dict[str, str]:
    """The environment in which every Python calls in at `address`."""
    env = dict(os.environ, MIDWATCH_REPAIR_SOCKET=address, MIDWATCH_REPAIR_ROOT=root, PYTHONHASHSEED="0")
    env.pop("PYTHONDONTWRITEBYTECODE", None)
    _lead(env, [HOOKS], source, root, extra_path)
    plugins = [*filter(None, [env.get("PYTEST_PLUGINS")]), "_midwatch_pytest"]
    env["PYTEST_PLUGINS"] = ",".join(plugins)
    return env


def _lead(env: dict[str, str], first: Sequence[str], source: str, root: str, last: Sequence[str]) -> None:
    """Set PYTHONPATH: what it held, seen from the copy, between `first` and `last`; and TMPDIR to a folder beside the
    copy, so that what thousands of test runs leave behind goes when we go."""
    env["TMPDIR"] = os.path.join(os.path.dirname(root), "tmp")
    os.makedirs(env["TMPDIR"], exist_ok=True)
    held = [moved(entry, source, root) for entry in env.get("PYTHONPATH", "").split(os.pathsep) if entry]
    if first or held or last:
        env["PYTHONPATH"] = os.pathsep.join([*first, *held, *last])


class Run:
    """One command in a session of its own. Output goes to `output` (a path) or nowhere."""

    def __init__(self, command: str, cwd: str, environment: Mapping[str, str], output: str | None = None) -> None:
        shell = shutil.which("bash") or "/bin/sh"
        self._file = open(output, "wb") if output else None  # noqa: SIM115
        self.started = time.monotonic()
        self.process = subprocess.Popen(
            [shell, "-c", command],
            cwd=cwd,
            env=dict(environment),
            stdin=subprocess.DEVNULL,
            stdout=self._file or subprocess.DEVNULL,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )

    def ended(self) -> bool:
        """Whether the shell has ended."""
        return self.process.poll() is not None

    def kill(self) -> None:
        """End it and its process group. May be called twice."""
        with contextlib.suppress(OSError):
            os.killpg(self.process.pid, signal.SIGKILL)
        self.process.wait()
        if self._file:
            self._file.close()


def kill_group(pid: int) -> None:
    """End a child of a fork server, and its group if it already leads one."""
    for end in (os.killpg, os.kill):
        with contextlib.suppress(OSError):
            end(pid, signal.SIGKILL)


def read_sources(root: str, paths: Sequence[str]) -> dict[str, bytes]:
    """The bytes of files of the tree; those that cannot be read are left out."""
    found = {}
    for path in paths:
        try:
            with open(os.path.join(root, path), "rb") as file:
                found[path] = file.read()
        except OSError:
            pass
    return found


def python_files(root: str, limit: int = 2000) -> tuple[str, ...]:
    """All Python files of the tree, for when nothing is known about what runs."""
    found: list[str] = []
    for folder, folders, files in os.walk(root):
        folders[:] = [d for d in folders if d not in SKIP and not d.startswith(".") and d not in LINKED]
        found.extend(os.path.relpath(os.path.join(folder, n), root) for n in files if n.endswith(".py"))
        if len(found) > limit:
            break
    return tuple(sorted(found)[:limit])
