"""The sandboxes there are, by name."""

from __future__ import annotations

from typing import TYPE_CHECKING

from midwatch.domain.errors import InputError

if TYPE_CHECKING:
    from midwatch.sandbox.base import Sandbox

OPTIONAL = ("container", "gvisor", "landlock")
"""Isolate too, in other ways; chosen by name only."""
NAMES = ("bubblewrap", *OPTIONAL, "process")


def make(name: str) -> Sandbox:
    """A driver. Raises InputError for a name that is none."""
    if name == "bubblewrap":
        from midwatch.sandbox.bubblewrap import Bubblewrap

        return Bubblewrap()
    if name == "container":
        from midwatch.sandbox.container import Container

        return Container()
    if name == "gvisor":
        from midwatch.sandbox.gvisor import Gvisor

        return Gvisor()
    if name == "landlock":
        from midwatch.sandbox.landlock import Landlock

        return Landlock()
    if name == "process":
        from midwatch.sandbox.process import Process

        return Process()
    raise InputError(f"there is no sandbox {name!r}", f"choose one of {', '.join(NAMES)}")


def slotted(most: int) -> dict[str, Sandbox]:
    """All drivers by name, for a process that works on many tasks: no more than `most` of all their boxes have
    processes at a time. Raises InputError for less than one. For `Home.sandboxes`."""
    from midwatch.sandbox.slots import Slots
    from midwatch.sandbox.slotted import SlottedSandbox

    slots = Slots(most)
    return {name: SlottedSandbox(make(name), slots) for name in NAMES}
