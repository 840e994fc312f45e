"""Running one probe against one sandbox: the scene around it, the box, the second box, and the verdict."""

from __future__ import annotations

import contextlib
import os
import shutil
import signal
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

from midwatch.sandbox.base import Sandbox
from tests.attack.probe import CONTROL, END, Probe, Trial, argv
from tests.attack.scene import Scene
from tests.sandbox.boxes import alive, opened, spec_below

PROCESSES = 64
FILE_BYTES = 16 << 20


def worker_environment(scene: Scene) -> dict[str, str]:
    """What a worker might carry in its environment."""
    return {
        "PLANTED": scene.secret,
        "SSH_AUTH_SOCK": scene.paths["folder"],
        "DBUS_SESSION_BUS_ADDRESS": f"unix:path={scene.paths['folder']}",
    }


async def attack(probe: Probe, sandbox: Sandbox, scene: Scene, folder: Path) -> tuple[str, Trial]:
    """Run it; the evidence that it got through (empty when it was stopped), and all that was seen. Fails when the
    probe itself did not work."""
    shared = Path.home() / f".midwatch-{scene.mark}-given"
    changes = _furnished(shared, scene)
    given = {**scene.given(), **_neighbour(folder, sandbox, scene), "processes": PROCESSES, "file_bytes": FILE_BYTES}
    given |= {"tools": str(shared / "tools"), "support": str(shared / "support")}
    given |= {"masked": str(shared / "tools" / "pip.conf"), "setuid": str(shared / "tools" / "id")}
    if os.geteuid() != 0:
        given["setuid"] = ""
    try:
        async with opened(sandbox, folder, scene.box_id, **changes) as bench:
            result, said = await bench.run(*argv(probe.code, given), timeout=probe.seconds, cwd="")
            if probe.host is not None:
                said += "HOST\n" + await probe.host(bench, scene)
            if sandbox.name != "process":
                _, answer = await bench.run("echo", "the box answers", timeout=20)
                assert answer == "the box answers\n"
            trial = Trial(bench, scene, result, said)
            if probe.after:
                trial = replace(trial, later=await _next_box(probe, sandbox, folder, given))
            evidence = probe.judge(trial)
        if sandbox.name != "process":
            assert alive(scene.mark) == [], "something of the box outlived it"
    finally:
        _tidy(folder, scene)
        shutil.rmtree(shared)
    assert END in said, f"the probe broke: {result.ended}\n{said}"
    assert not probe.inside or CONTROL in said or sandbox.name != "bubblewrap", f"its own control failed:\n{said}"
    return evidence, trial


async def _next_box(probe: Probe, sandbox: Sandbox, folder: Path, given: dict[str, object]) -> str:
    async with opened(sandbox, folder, "next") as bench:
        _, said = await bench.run(*argv(probe.after, given))
    assert END in said, f"the probe's second half broke:\n{said}"
    return said


def _furnished(folder: Path, scene: Scene) -> dict[str, object]:
    """Fields of the box's spec: tools to read, one of them masked, and limits. They lie in the home: some drivers
    cannot show a folder below their own /tmp."""
    folder.mkdir()
    for name in ("tools", "support"):
        (folder / name).mkdir()
        (folder / name).chmod(0o755)
        (folder / name / "plain").write_text("plain")
    tools = folder / "tools"
    (tools / "pip.conf").write_text(f"[global]\nindex-url = https://user:{scene.secret}@localhost/")
    if os.geteuid() == 0:
        shutil.copy("/usr/bin/id", tools / "id")
        (tools / "id").chmod(0o4755)
    return {
        "masked": (tools / "pip.conf",),
        "support": folder / "support",
        "read_only": (*toolchain(), tools),
        "processes": PROCESSES,
        "file_bytes": FILE_BYTES,
    }


def toolchain() -> tuple[Path, ...]:
    """The folder of the Python that runs us, when it is not the system's."""
    prefix = Path(sys.base_prefix)
    return () if prefix == Path("/usr") else (prefix,)


def _neighbour(folder: Path, sandbox: Sandbox, scene: Scene) -> dict[str, object]:
    spec = spec_below(folder, sandbox, "other")
    for place in (folder / "other" / "workspace", spec.private / "tmp", spec.private / "home"):
        place.mkdir(parents=True, exist_ok=True)
        (place / "key").write_text(scene.secret)
    return {"other": str(folder / "other")}


def _tidy(folder: Path, scene: Scene) -> None:
    """What a probe left that has no box around it, by its mark; and folders that nobody may enter."""
    for pid in alive(scene.mark):
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)
    for place in ("/tmp", "/var/tmp", "/dev/shm"):
        Path(place, f".left-{scene.mark}").unlink(missing_ok=True)
    subprocess.run(["chmod", "-R", "u+rwX", str(folder)], check=False, capture_output=True)
