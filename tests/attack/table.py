"""The page about attacks, written from the same data that the tests run by."""

from __future__ import annotations

from collections.abc import Iterator

from tests.attack.catalogue import PROBES, Verdict, expected
from tests.attack.probe import Bare, Probe
from tests.attack.weaker import WEAKENINGS

DRIVERS = ("bubblewrap", "container", "gvisor", "landlock")
GROUPS = {
    "secrets": "What a box was not given",
    "network": "Reaching somebody",
    "processes": "Other processes",
    "kernel": "More from the kernel",
    "files": "Files of the host",
    "later": "Executed later",
    "evidence": "Forging evidence",
    "resources": "More than its share",
}
_HEAD = """# Attacks on a box

Written by `scripts/bench attacks --write` from the data of the attack suite (`tests/attack`); a test fails when it is
out of date. {count} probes run with every sandbox that the machine has, as root and as a normal user. Each is a small
program that runs inside a box and tries one thing. The verdict is looked up on the host's side where that can be: a
secret that the probe was never told is in its output, a socket of the host got its message, a file or process of the
host is not as it was.

A probe that is stopped says nothing unless it is known to work. So each has a control: it gets through without a box
(`--sandbox process`, the column *no box*; for some only as root), or through a bubblewrap from which one protection was
taken, or it does by the same means what is allowed.

What a box could plant for git on the host to execute has a suite of its own, `tests/workspace/test_planted.py`; boxes
that take all they can get (processes, memory, disk, files, output) are in `tests/attack/test_bombs.py`.
"""
_CELLS = {
    Bare.OPEN: "open",
    Bare.AS_ROOT: "open as root",
    Bare.DEPENDS: "depends",
    Bare.STOPPED: "stopped",
    Bare.NEVER: "not tried",
}


def page() -> str:
    """The whole page."""
    return "\n".join([_HEAD.format(count=len(PROBES)), *_open(), *_groups(), *_weakened()])


def _open() -> Iterator[str]:
    yield "## What is open by design\n"
    yield "| Sandbox | Probe | Why |"
    yield "|---|---|---|"
    for driver in DRIVERS:
        for probe in PROBES:
            found = expected(probe, driver, root=False)
            if found.verdict is not Verdict.STOPPED:
                yield f"| {driver} | {_cell(probe.name)} | {_cell(found.why)} |"
    yield ""


def _groups() -> Iterator[str]:
    for group, title in GROUPS.items():
        yield f"## {title}\n"
        yield f"| Probe | What it tries | {' | '.join(DRIVERS)} | no box | Stopped in bubblewrap by |"
        yield f"|---|---|{'---|' * len(DRIVERS)}---|---|"
        for probe in PROBES:
            if probe.group == group:
                yield _row(probe)
        yield ""


def _row(probe: Probe) -> str:
    verdicts = [expected(probe, driver, root=False).verdict for driver in DRIVERS]
    cells = [verdict.value if verdict is Verdict.STOPPED else f"**{verdict.value}**" for verdict in verdicts]
    what = probe.name.partition(": ")[2]
    words = [_cell(what), _cell(probe.tries), *cells, _CELLS[probe.bare], _cell(probe.by)]
    return f"| {' | '.join(words)} |"


def _weakened() -> Iterator[str]:
    yield "## One protection less\n"
    yield "Bubblewrap without one of its protections, and the probes that get through then:\n"
    yield "| Bubblewrap | Probes |"
    yield "|---|---|"
    for name, weakening in WEAKENINGS.items():
        probes = "; ".join(_cell(probe.name) for probe in PROBES if probe.weak == name)
        yield f"| {weakening.words} | {probes} |"
    yield ""


def _cell(text: str) -> str:
    return text.replace("|", "\\|").replace("\n", " ")
