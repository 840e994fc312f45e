"""All probes, and what is expected of each with each driver."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum

from tests.attack.probe import Bare, Probe
from tests.attack.probes import evidence, files, kernel, later, network, processes, resources, secrets

PROBES: tuple[Probe, ...] = (
    *secrets.PROBES,
    *network.PROBES,
    *processes.PROBES,
    *kernel.PROBES,
    *files.PROBES,
    *later.PROBES,
    *evidence.PROBES,
    *resources.PROBES,
)


class Verdict(Enum):
    """What a probe comes to."""

    STOPPED = "stopped"
    OPEN = "open"
    EITHER = "depends"
    """On the machine: a kernel option, a module, a route."""
    NOT_TRIED = "not tried"


@dataclass(frozen=True, slots=True)
class Expected:
    """A verdict, and what stops the probe or why it is open."""

    verdict: Verdict
    why: str = ""


def _open(why: str) -> Expected:
    return Expected(Verdict.OPEN, why)


_ITS_OWN = "in gVisor's own kernel, which is a program that is confined itself; nothing of the host's kernel is reached"

_COUNTED = "they are counted from time to time: there may be more for a moment, then the command is ended"

_NOTED = "gVisor notes it and does not act on it; on the host all of the box has the priority that it was started with"

OTHERWISE: dict[str, dict[str, Expected]] = {
    "gvisor": {
        "secrets: disks": _open(f"/dev/fuse is there {_ITS_OWN}"),
        "secrets: paths of the host": Expected(Verdict.STOPPED, "gVisor's own mounts are shown"),
        "network: tunnels": _open(f"/dev/net/tun is there {_ITS_OWN}"),
        "resources: processes": Expected(Verdict.EITHER, _COUNTED),
        "resources: threads": Expected(Verdict.EITHER, _COUNTED),
        "resources: priority": _open(_NOTED),
        "resources: last to be killed": _open(_NOTED),
    },
    "landlock": {
        "secrets: paths of the host": Expected(
            Verdict.EITHER, "no mounts of its own: the host's are shown, nothing that is in them"
        ),
        "secrets: arguments of processes": _open(
            "no process namespace, and /proc is one folder to Landlock: command lines of the host's processes can be"
            " read, their environments cannot"
        ),
        "secrets: the host's name": _open("no host name namespace"),
        "network: interfaces": Expected(
            Verdict.EITHER, "/proc/net is the host's, which may have a loopback only; no socket can be made"
        ),
        "network: connections of the host": _open("/proc/net is the host's; no socket can be made"),
        "processes: capabilities": _open(
            "the bounding set stays, since only privileged users may empty it; no_new_privs makes it worth nothing"
        ),
    },
}
"""By driver and probe: where a driver differs from bubblewrap."""


def expected(probe: Probe, driver: str, *, root: bool) -> Expected:
    """Of a probe with a driver, for a worker that is root or a normal user."""
    if driver == "process":
        return _bare(probe, root=root)
    differs = OTHERWISE.get(driver, {}).get(probe.name)
    return differs or Expected(Verdict.OPEN if probe.open else Verdict.STOPPED, probe.by)


def _bare(probe: Probe, *, root: bool) -> Expected:
    if probe.bare is Bare.AS_ROOT:
        return Expected(Verdict.OPEN) if root else Expected(Verdict.EITHER)
    table = {
        Bare.OPEN: Verdict.OPEN,
        Bare.DEPENDS: Verdict.EITHER,
        Bare.STOPPED: Verdict.STOPPED,
        Bare.NEVER: Verdict.NOT_TRIED,
    }
    return Expected(table[probe.bare])
