from __future__ import annotations

from pathlib import Path

import pytest

from midwatch.sandbox.process import Process
from tests.sandbox.boxes import opened


async def test_it_says_that_it_does_not_isolate() -> None:
    assert (await Process().probe()).words == ("no isolation: commands run as you, with your files and network",)
    assert Process().owner("box") is None


async def test_commands_run_in_the_real_folder(tmp_path: Path) -> None:
    async with opened(Process(), tmp_path) as bench:
        assert bench.box.workdir == str(bench.spec.workspace)
        assert (await bench.run("pwd"))[1] == f"{bench.spec.workspace}\n"


async def test_home_is_not_the_callers(tmp_path: Path) -> None:
    async with opened(Process(), tmp_path) as bench:
        _, said = await bench.run("sh", "-c", 'echo "$HOME"; echo "$TMPDIR"')
        assert said.splitlines() == [str(bench.spec.private / "home"), str(bench.spec.private / "tmp")]


async def test_a_folder_of_somebody_elses_on_path_is_passed_over(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    closed = tmp_path / "closed"
    (closed / "bin").mkdir(parents=True)
    monkeypatch.setenv("PATH", f"{closed}/bin:/usr/bin:/bin:{tmp_path}/absent")
    closed.chmod(0o000)
    try:
        async with opened(Process(), tmp_path) as bench:
            result, said = await bench.run("sh", "-c", 'echo "$PATH"')
    finally:
        closed.chmod(0o755)
    assert result.exit_code == 0
    assert said.strip().endswith("/usr/bin:/bin")
