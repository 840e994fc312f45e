"""The sandboxes there are, by name."""

from __future__ import annotations

from typing import TYPE_CHECKING

from midwatch.domain.errors import InputError

if TYPE_CHECKING:
    from midwatch.sandbox.base import Sandbox
    from midwatch.sandbox.slots import Slots

OPTIONAL = ("container", "gvisor", "landlock")
"""Isolate too, in other ways; chosen by name only."""
NAMES = ("bubblewrap", *OPTIONAL, "process")


def shared(name: str, made: dict[str, Sandbox]) -> Sandbox:
    """The one among those that were made; else a new one, for many tasks (see `Tried`). Raises as `make`."""
    if name not in made:
        from midwatch.sandbox.tried import Tried

        made[name] = Tried(make(name))
    return made[name]


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


def slotted(slots: Slots) -> dict[str, Sandbox]:
    """All drivers by name, for a process that works on many tasks: no more of all their boxes have processes at a time
    than there are slots. For `Home.sandboxes`."""
    from midwatch.sandbox.slotted import SlottedSandbox

    return {name: SlottedSandbox(make(name), slots) for name in NAMES}
