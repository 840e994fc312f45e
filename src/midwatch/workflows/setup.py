"""Running a setup in a box, and making layers of what it leaves."""

from __future__ import annotations

import asyncio
import contextlib
import os
import re
import secrets
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import BinaryIO

from midwatch.domain.errors import OperationError
from midwatch.domain.observer import Observer
from midwatch.engine.store.records import now
from midwatch.sandbox.base import Box, BoxSpec, Sandbox
from midwatch.sandbox.network import Decision, Network
from midwatch.sandbox.results import ExecResult
from midwatch.sandbox.spec import MIB, BoxLimits, Overlay
from midwatch.workflows.plan import Plan
from midwatch.workspace.checkout import Workspace
from midwatch.workspace.copies import copy_layers, hand_over
from midwatch.workspace.extras import Wanted
from midwatch.workspace.layers.cache import Layers, Record
from midwatch.workspace.layers.harvest import Harvest, Own, harvest, stamps
from midwatch.workspace.layers.key import Tracked
from midwatch.workspace.recipe import FILE
from midwatch.workspace.repository import Repository

# bash where the box has one, because people write setups as they type them
SHELL = ("/bin/sh", "-c", 'if command -v bash >/dev/null; then exec bash -c "$0"; else exec sh -c "$0"; fi')

TAIL = 12
"""Lines of a failed command's output that are shown at once."""
_OUTPUT = 64 * MIB
_FAILED = re.compile(
    r"(?:(setup|maintenance) command (\d+) of \d+|the (setup|maintenance) command) failed: `.*` ended with ([^;`]+)",
    re.DOTALL,
)
"""What `_failed` says."""


@dataclass(frozen=True, slots=True)
class Builder:
    """What a build works with."""

    repository: Repository
    sandbox: Sandbox
    observer: Observer
    limits: BoxLimits
    seconds: float
    """The longest that one command may run."""
    overlay: bool
    """Whether the driver takes layers; without, everything is copied."""
    network: Callable[[Callable[[Decision], None]], Network | None]
    root: Path | None
    """The unpacked root file system; None for the host's own."""
    log: Path
    """Where the log will be when a command fails."""


class CommandFailed(OperationError):
    """A command of a setup or maintenance did not exit with 0. `detail` is the end of its output."""


class SetupLog:
    """The log of a build: what was run, what it said, how it ended, what was asked of the network."""

    def __init__(self, path: Path, observer: Observer) -> None:
        self._file: BinaryIO = path.open("ab", buffering=0)
        self._observer = observer
        self.tail = b""

    def write(self, chunk: bytes) -> None:
        """Output of a command."""
        self._file.write(chunk)
        self.tail = (self.tail + chunk)[-8192:]
        self._observer.output(chunk)

    def line(self, text: str) -> None:
        """A line of our own."""
        line = f"{text}\n".encode("utf-8", "replace")
        self._file.write(line)
        self._observer.output(line)

    def decided(self, decision: Decision) -> None:
        """What the proxy decided."""
        verdict = "allowed" if decision.allowed else "refused"
        where = f"{decision.method} {decision.host}:{decision.port}{decision.path}"
        self.line(f"# network: {where} {verdict}: {decision.reason}")

    def close(self) -> None:
        """No more is written."""
        self._file.close()


async def run_commands(box: Box, commands: Sequence[str], seconds: float, log: SetupLog, what: str) -> None:
    """Run each in turn, each in a shell of its own. Raises OperationError for the first that fails, with the end of
    its output, and SandboxLost."""
    for number, command in enumerate(commands, 1):
        log.line(f"$ {command}")
        log.tail = b""
        result = await box.exec((*SHELL, command), timeout=seconds, output_bytes=_OUTPUT, sink=log.write)
        if not log.tail.endswith(b"\n") and log.tail:
            log.line("")
        log.line(f"# {result.ended}, {result.duration_ms / 1000:.1f} s")
        if result.exit_code != 0:
            raise _failed(what, number, len(commands), command, result, log)


def _failed(what: str, number: int, count: int, command: str, result: ExecResult, log: SetupLog) -> CommandFailed:
    lines = log.tail.decode("utf-8", "replace").strip("\n").splitlines()[-TAIL:]
    which = f"{what} command {number} of {count}" if count > 1 else f"the {what} command"
    return CommandFailed(
        f"{which} failed: `{command}` ended with {result.ended}",
        f"mend it in {FILE}, commit, and try with `midwatch env build`; a task keeps the recipe "
        "that it was made with, so make it anew unless only the network failed",
        detail="\n".join(lines),
    )


@dataclass(frozen=True, slots=True)
class Failing:
    """The command that has failed."""

    what: str
    """`setup` or `maintenance`."""
    number: int
    """Of the command, counted from 1."""
    ended: str
    """In words, as `ExecResult.ended`."""


def failing(message: str) -> Failing | None:
    """Which command an error of a setup is about, or a note on maintenance; None for any other sentence. They are kept
    as sentences."""
    found = _FAILED.match(message)
    return None if found is None else Failing(found[1] or found[3], int(found[2] or 1), found[4])


async def build(folder: Path, plan: Plan, builder: Builder, commands: Sequence[str], below: Layers | None) -> Record:
    """Run the commands in a box on a checkout of the plan's commit (over the layers `below`), and leave the layers
    `workspace`, `home` and `root` in `folder`, with `log`. Raises OperationError for a command that fails; the log
    then says all."""
    started = time.monotonic()
    what = "maintenance" if below is not None else "setup"
    log = SetupLog(folder / "log", builder.observer)
    box_id = f"setup.{plan.key[:12]}.{secrets.token_hex(4)}"
    # beside the folder, which is moved at the end: what is left there may be deleted in the background
    ground = folder.with_name(f"{folder.name}.box")
    asked = plan.recipe.repository
    wanted, owner = Wanted(asked.submodules, asked.lfs, asked.private_submodules), builder.sandbox.owner(box_id)
    tree = Workspace(builder.repository, ground, owner, overlay=builder.overlay, wanted=wanted)
    try:
        await tree.restore(plan.base, layers=() if below is None else below.part("workspace"))
        spec = await asyncio.to_thread(_spec, tree, box_id, plan, builder, below)
        spec = replace(spec, network=builder.network(log.decided))
        own = await own_files(plan.held, tree, spec)
        builder.observer.phase(f"running the {what} of the environment")
        async with builder.sandbox.open(spec) as box:
            try:
                await run_commands(box, commands, builder.seconds, log, what)
            except CommandFailed as error:
                error.mend = f"the whole log is {builder.log}; {error.mend}"
                raise
        found = await asyncio.to_thread(gather, folder, spec, own, above=below is not None)
        left_out = [sentence for each in found for sentence in each.sentences()]
        for sentence in left_out:
            log.line(f"# not kept: {sentence}")
    finally:
        log.close()
        await tree.remove()
    return Record(
        key=plan.key,
        repository=builder.repository.location,
        commit=plan.base.commit,
        created=now(),
        seconds=round(time.monotonic() - started, 3),
        size=sum(each.size for each in found),
        files=sum(each.files for each in found),
        commands=tuple(commands),
        left_out=tuple(left_out),
        whole=below is not None and not builder.overlay,
    )


def _spec(tree: Workspace, box_id: str, plan: Plan, builder: Builder, below: Layers | None) -> BoxSpec:
    assert tree.objects is not None
    owner, private = builder.sandbox.owner(box_id), tree.folder / "private"
    home = () if below is None else below.part("home")
    if home and not builder.overlay:
        copy_home(home, private, owner)
    root = None
    if builder.root is not None:
        lower = (builder.root, *(() if below is None else below.part("root")))
        root = writable(lower, private / "root", owner)
    return BoxSpec(
        id=box_id,
        workspace=tree.spec(),
        private=private,
        home=home if builder.overlay else (),
        root=root,
        superuser=root is not None,
        read_only=(tree.objects, *plan.tools.read_only),
        masked=plan.tools.masked,
        environment=dict((*plan.tools.variables, *plan.recipe.variables)),
        path=plan.tools.path,
        limits=builder.limits,
    )


def writable(lower: tuple[Path, ...], folder: Path, owner: tuple[int, int] | None) -> Overlay:
    """The layers with a new upper folder in `folder`, for a box of that owner. Raises OSError."""
    overlay = Overlay(lower, folder / "upper", folder / "work")
    for part in (overlay.upper, overlay.work):
        part.mkdir(parents=True)
        part.chmod(0o755)
        if owner is not None:
            os.chown(part, *owner)
    return overlay


def copy_home(layers: tuple[Path, ...], private: Path, owner: tuple[int, int] | None) -> None:
    """The home of a box that takes no layers. Blocks for as long as copying takes. Raises OperationError."""
    private.mkdir(parents=True, exist_ok=True)
    copy_layers(layers, private / "home")
    if owner is not None:
        hand_over(private / "home", owner)


async def own_files(held: Tracked, tree: Workspace, spec: BoxSpec) -> Own:
    """What of a restored workspace is the repository's (`held`), not the setup's that is about to run in it."""
    before = {} if isinstance(spec.workspace, Overlay) else await asyncio.to_thread(stamps, tree.tree)
    return Own(held.files, held.folders, held.gitlinks, before)


def gather(folder: Path, spec: BoxSpec, own: Own, *, above: bool) -> list[Harvest]:
    """Make layers in `folder` of what a box has left; it is closed, and its workspace is gone then. `above`: it had
    layers of a setup below it. Blocks. Raises OSError."""
    plain = isinstance(spec.workspace, Path)
    top = spec.workspace if isinstance(spec.workspace, Path) else spec.workspace.upper
    above = above and not plain
    found = [harvest(top, folder / "workspace", own, above=above)]
    if (spec.private / "home").is_dir():
        found.append(harvest(spec.private / "home", folder / "home", above=above))
    if spec.root is not None:
        found.append(harvest(spec.root.upper, folder / "root", above=True))
    for name in ("workspace", "home", "root"):
        with contextlib.suppress(OSError):
            (folder / name).rmdir()  # where nothing was left
    return found
