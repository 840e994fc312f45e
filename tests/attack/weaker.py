"""Bubblewrap with one of its protections taken away: what shows that a probe works, and what it is that stops it.

A program that stands in for bwrap changes the arguments, and starts the real one by the same name.
"""

from __future__ import annotations

import json
import shutil
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from midwatch.sandbox.bubblewrap import Bubblewrap
from midwatch.sandbox.locate import Candidate, candidates


@dataclass(frozen=True, slots=True)
class Weakening:
    """What is changed of bwrap's arguments."""

    words: str
    """For the table."""
    drop: Mapping[str, int] = field(default_factory=dict)
    """Options that are left out, with the number of their operands."""
    add: tuple[str, ...] = ()
    """Put behind the others; `{folder}` is the scene's, and `{name}` its name."""
    as_root: bool = False
    """Whether a worker that is root starts it as root. Only there."""


_FILTER = {"--seccomp": 1}
_PROCESSES = {"--unshare-pid": 0, "--as-pid-1": 0}

WEAKENINGS = {
    "the network": Weakening("without `--unshare-net`", {"--unshare-net": 0}),
    "processes": Weakening("without `--unshare-pid`", _PROCESSES),
    "ipc": Weakening("without `--unshare-ipc`", {"--unshare-ipc": 0}),
    "the host's name": Weakening("without `--unshare-uts`", {"--unshare-uts": 0, "--hostname": 1}),
    "the filter": Weakening("without `--seccomp`", _FILTER),
    "user namespaces": Weakening("without `--disable-userns` and `--seccomp`", {"--disable-userns": 0, **_FILTER}),
    "capabilities": Weakening(
        "with `--cap-add ALL`, without `--seccomp`",
        {"--cap-drop": 1, "--disable-userns": 0, "--uid": 1, "--gid": 1, **_FILTER},
        ("--cap-add", "ALL", "--uid", "0", "--gid", "0"),
    ),
    "the host's /tmp": Weakening("with `--bind /tmp /tmp`", add=("--bind", "/tmp", "/tmp")),
    "the host's /dev": Weakening("with `--dev-bind /dev /dev`", add=("--dev-bind", "/dev", "/dev")),
    "a folder of the host": Weakening("with `--bind` of the folder", add=("--bind", "{folder}", "/tmp/{name}")),
    "real root": Weakening("started by root as root, without `--remount-ro`", {"--remount-ro": 1}, as_root=True),
}

_STAND_IN = """#!/usr/bin/python3 -IS
import json, os, sys
change = json.loads({change!r})
def weakened(words):
    kept, words = [], list(words)
    while words:
        word = words.pop(0)
        if word in change["drop"]:
            del words[: change["drop"][word]]
        else:
            kept.append(word)
    return kept
given = sys.argv[1:]
command = []
if "--" in given:
    at = given.index("--")
    given, command = given[:at], given[at:]
if "--args" in given:
    at = given.index("--args")
    handle = int(given[at + 1])
    with os.fdopen(handle, "rb") as file:
        packed = [os.fsdecode(word) for word in file.read().split(b"\\0")[:-1]]
    given = given[:at] + packed + given[at + 2:]
if "--version" not in given:
    at = given.index("--remount-ro") if "--remount-ro" in given and "--bind" in change["add"] else len(given)
    given = weakened(given[:at]) + change["add"] + weakened(given[at:])
real = {real!r} or os.path.join(os.path.dirname(os.path.dirname(os.path.abspath(__file__))), "real", "bwrap")
os.execve(real, [real, *given, *command], {{}})
"""


def weaker(what: str, folder: Path, scene_folder: Path) -> Bubblewrap:
    """A bubblewrap without one protection; its program is made below `folder`."""
    weakening = WEAKENINGS[what]
    found = candidates()[0]
    package = folder / "weaker" / "package"
    (package / "_bin").mkdir(parents=True)
    libraries, real = None, str(found.path)
    if found.libraries is not None:
        (package / "real").mkdir()
        shutil.copy(found.path, package / "real" / "bwrap")
        libraries = Path(shutil.copytree(found.libraries, folder / "weaker" / found.libraries.name))
        real = ""
    change = {
        "drop": dict(weakening.drop),
        "add": [word.format(folder=scene_folder, name=scene_folder.name) for word in weakening.add],
    }
    program = package / "_bin" / "bwrap"
    program.write_text(_STAND_IN.format(change=json.dumps(change), real=real))
    program.chmod(0o755)
    return Bubblewrap([Candidate(program, f"a test: {weakening.words}", libraries)])
