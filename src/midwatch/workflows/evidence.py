"""Evidence: the harness runs the checks on the exact final tree, in a fresh sandbox that no model has touched."""

from __future__ import annotations

from pathlib import Path

from midwatch.domain.evidence import Checkpoint, CheckRun, Evidence
from midwatch.domain.observer import Observer
from midwatch.domain.task import Task
from midwatch.engine.blobs import Blobs
from midwatch.sandbox.base import Box, BoxSpec, Sandbox
from midwatch.workspace.checkout import Workspace
from midwatch.workspace.repository import Repository

# bash where the box has one, because people write checks as they type them
_SHELL = ("/bin/sh", "-c", 'if command -v bash >/dev/null; then exec bash -c "$0"; else exec sh -c "$0"; fi')


def box_spec(task: Task, box_id: str, tree: Workspace, support: Path | None) -> BoxSpec:
    """What every box of this task is given. `restore` must have been called."""
    assert tree.objects is not None
    return BoxSpec(
        id=box_id,
        workspace=tree.spec(),
        private=tree.folder / "private",
        support=support,
        read_only=(tree.objects, *map(Path, task.mounts)),
        masked=tuple(map(Path, task.masked)),
        environment=dict(task.environment),
        path=task.path,
    )


async def check(task: Task, box_id: str, folder: Path, final: Checkpoint, parts: CheckParts) -> Evidence:
    """Check out `final` into `folder`, run each check there, keep each output whole. A check finds the files
    of the tree as they are offered; ignored ones (a build) may be left by the check before. Raises SandboxLost and
    StoreError."""
    tree = Workspace(parts.repository, folder, parts.sandbox.owner(box_id))
    parts.observer.phase("checking out the final tree in a fresh sandbox")
    await tree.restore(task.base, final)
    runs: list[CheckRun] = []
    for number, command in enumerate(task.checks, 1):
        if runs and (await tree.save()).tree != final.tree:
            await tree.restore(task.base, final)  # what the check before changed is not what is offered
        parts.observer.phase(f"check {number} of {len(task.checks)}: {command}")
        async with parts.sandbox.open(box_spec(task, box_id, tree, None)) as box:
            runs.append(await _run(task, box, command, parts))
    return Evidence(final.tree, tuple(runs))


class CheckParts:
    """What `check` works with."""

    def __init__(self, repository: Repository, sandbox: Sandbox, blobs: Blobs, observer: Observer) -> None:
        self.repository = repository
        self.sandbox = sandbox
        self.blobs = blobs
        self.observer = observer


async def _run(task: Task, box: Box, command: str, parts: CheckParts) -> CheckRun:
    writer = parts.blobs.writer()

    def sink(chunk: bytes) -> None:
        writer.write(chunk)
        parts.observer.output(chunk)

    try:
        result = await box.exec(
            (*_SHELL, command), timeout=task.limits.check_seconds, output_bytes=task.limits.output_bytes, sink=sink
        )
    except BaseException:
        writer.discard()
        raise
    blob = writer.finish()
    return CheckRun(command, result.exit_code, result.ended, result.duration_ms, blob.digest, blob.bytes, blob.lines)
