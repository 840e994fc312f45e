"""Boxes for tests: opened below a temporary folder, with a Python inside, and ways to look for what they left."""

from __future__ import annotations

import asyncio
import contextlib
import os
import secrets
import sys
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, replace
from pathlib import Path

from midwatch.sandbox.base import Box, BoxSpec, ExecResult, Sandbox

BOX = f"box-{secrets.token_hex(3)}"
"""Its own in each process of tests: boxes of one name have one owner, and some drivers count an owner's processes."""


@dataclass(frozen=True)
class Bench:
    """An open box and the host's side of it."""

    box: Box
    spec: BoxSpec
    owner: tuple[int, int] | None

    @property
    def workspace(self) -> Path:
        """The host's side of a workspace that is a plain folder."""
        assert isinstance(self.spec.workspace, Path)
        return self.spec.workspace

    async def run(
        self,
        *argv: str,
        timeout: float = 60,
        output_bytes: int = 1 << 24,
        cwd: str = "",
        stdin: bytes = b"",
    ) -> tuple[ExecResult, str]:
        """Run a command; its result and output."""
        pieces: list[bytes] = []
        options = {"cwd": cwd, "stdin": stdin}
        result = await self.box.exec(
            argv,
            timeout=timeout,
            output_bytes=output_bytes,
            sink=pieces.append,
            **options,  # type: ignore[arg-type]
        )
        return result, b"".join(pieces).decode("utf-8", "surrogateescape")

    async def python(self, code: str, *argv: str) -> str:
        """Run Python code that must succeed; its output."""
        result, said = await self.run("python3", "-I", "-c", code, *argv)
        assert result.ended == "exit 0", said
        return said


def spec_below(folder: Path, sandbox: Sandbox, box_id: str = BOX) -> BoxSpec:
    """A spec with an empty workspace of the right owner, and this Python readable."""
    workspace = folder / box_id / "workspace"
    workspace.mkdir(parents=True)
    owner = sandbox.owner(box_id)
    if owner is not None:
        os.chown(workspace, *owner)
    prefix = Path(sys.base_prefix)
    toolchain: tuple[Path, ...] = () if prefix == Path("/usr") else (prefix,)
    return BoxSpec(
        id=box_id,
        workspace=workspace,
        private=folder / box_id / "private",
        read_only=toolchain,
        path=tuple(str(path / "bin") for path in toolchain),
    )


@contextlib.asynccontextmanager
async def opened(sandbox: Sandbox, folder: Path, box_id: str = BOX, **changes: object) -> AsyncIterator[Bench]:
    """A box below `folder`; `changes` are fields of its spec, or of its limits."""
    spec = spec_below(folder, sandbox, box_id)
    limits = {name: changes.pop(name) for name in tuple(changes) if hasattr(spec.limits, name)}
    spec = replace(spec, limits=replace(spec.limits, **limits), **changes)  # type: ignore[arg-type]
    async with sandbox.open(spec) as box:
        yield Bench(box, spec, sandbox.owner(box_id))


def token() -> str:
    """A number of seconds to sleep by which a process can be found again."""
    return f"9{secrets.randbelow(10**8):08}"


def alive(needle: str) -> list[int]:
    """Pids of living processes that have `needle` among their arguments, as a word or in one."""
    found = []
    for name in os.listdir("/proc"):
        if name.isdecimal() and int(name) != os.getpid():
            with contextlib.suppress(OSError):
                if needle.encode() in Path("/proc", name, "cmdline").read_bytes():
                    found.append(int(name))
    return found


async def until(condition: Callable[[], object], what: str) -> None:
    """Wait for something that must come; fails after half a minute."""
    for _ in range(1500):
        if condition():
            return
        await asyncio.sleep(0.02)
    raise AssertionError(f"did not happen: {what}")
