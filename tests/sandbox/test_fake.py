from __future__ import annotations

from pathlib import Path

import pytest

from midwatch.domain.errors import SandboxLost
from midwatch.sandbox.base import BoxSpec
from midwatch.sandbox.fake import Answer, FakeSandbox
from tests.sandbox.boxes import opened


async def test_commands_do_what_the_script_says_and_are_noted(tmp_path: Path) -> None:
    def effect(spec: BoxSpec) -> None:
        (Path(str(spec.workspace)) / "made").write_text("made")

    sandbox = FakeSandbox([Answer(b"hello", effect=effect), Answer(exit_code=None, ended="time limit of 1 s")])
    async with opened(sandbox, tmp_path, environment={"A": "1"}) as bench:
        result, said = await bench.run("make", "it", cwd="sub")
        assert (result.ended, said, result.bytes) == ("exit 0", "hello", 5)
        assert await bench.box.read(b"made") == b"made"
        assert (await bench.run("next"))[0].ended == "time limit of 1 s"
    assert [(ran.argv, ran.cwd, dict(ran.environment)) for ran in sandbox.ran] == [
        (("make", "it"), "sub", {"A": "1"}),
        (("next",), "", {"A": "1"}),
    ]


async def test_it_says_so_when_its_script_runs_out(tmp_path: Path) -> None:
    async with opened(FakeSandbox(), tmp_path) as bench:
        with pytest.raises(AssertionError, match="no answer for command 1"):
            await bench.run("anything")


async def test_it_can_be_lost_and_keeps_the_output_limit(tmp_path: Path) -> None:
    async with opened(FakeSandbox([Answer(b"x" * 10), Answer(lost=True)]), tmp_path) as bench:
        result, said = await bench.run("flood", output_bytes=4)
        assert (result.ended, said) == ("output limit of 4 bytes", "xxxx")
        with pytest.raises(SandboxLost):
            await bench.run("next")
