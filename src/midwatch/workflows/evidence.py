"""Evidence: the harness runs the checks on the exact final tree, in a fresh sandbox that no model has touched."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from midwatch.agent.requests import Requests
from midwatch.domain.evidence import Checkpoint, CheckRun, Evidence
from midwatch.domain.observer import Observer
from midwatch.domain.task import Task
from midwatch.engine.blobs import Blobs
from midwatch.sandbox.base import Box
from midwatch.workflows.site import Site

# bash where the box has one, because people write checks as they type them
_SHELL = ("/bin/sh", "-c", 'if command -v bash >/dev/null; then exec bash -c "$0"; else exec sh -c "$0"; fi')


async def check(site: Site, box_id: str, folder: Path, final: Checkpoint, parts: CheckParts) -> Evidence:
    """Check out `final` into `folder`, run each check there, keep each output whole. A check finds the files of the
    tree as they are offered, and what the setup of the environment left; ignored ones (a build) may be left by the
    check before, none by the attempt. Raises SandboxLost and StoreError."""
    parts.observer.phase("checking out the final tree in a fresh sandbox")
    tree = await site.workspace(folder, box_id, final, work_only=True)
    runs: list[CheckRun] = []
    checks = site.task.checks
    for number, command in enumerate(checks, 1):
        if runs and ((await tree.save()).tree != final.tree or not tree.exact):
            await site.restore(tree, final, work_only=True)  # what the check before changed is not what is offered
        elif runs:
            await tree.renew_git()
        parts.observer.phase(f"check {number} of {len(checks)}: {command}")
        async with site.box(tree, box_id, parts.requests.note) as box:
            runs.append(await _run(site.task, box, command, parts))
    return Evidence(final.tree, tuple(runs))


@dataclass(frozen=True, slots=True)
class CheckParts:
    """What `check` works with."""

    blobs: Blobs
    observer: Observer
    requests: Requests
    """Takes what the checks asked of the network."""


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
