"""Making a task from a request."""

from __future__ import annotations

from pathlib import Path

import pytest

from midwatch.domain.errors import InputError
from midwatch.domain.task import Task
from midwatch.workflows.start import Request, Surroundings, make_task
from midwatch.workspace.repository import Repository
from tests.support.place import make_repository


async def _task(tmp_path: Path, files: dict[str, str], **wishes: object) -> Task:
    folder = make_repository(tmp_path / "repo", files)
    request = Request(**{"prompt": "Do it", "repository": str(folder), **wishes})  # type: ignore[arg-type]
    repository = await Repository.open(tmp_path / "state", str(folder))
    environ = {"PATH": "/usr/bin:/bin", "HOME": str(tmp_path)}
    return await make_task(request, repository, Surroundings("repair", "bubblewrap", ("/opt/extra",), environ))


RECIPE = ".midwatch/environment.toml"


async def test_checks_that_are_asked_for_win_over_the_recipe_and_over_detection(tmp_path: Path) -> None:
    files = {RECIPE: 'checks = ["make all"]\n[variables]\nMODE = "x"\n', "Cargo.toml": "[package]\n"}
    asked = await _task(tmp_path / "a", files, checks=("true",))
    assert (asked.checks, asked.checks_from) == (("true",), "option")
    assert ("MODE", "x") in asked.environment
    recipe = await _task(tmp_path / "b", files)
    assert (recipe.checks, recipe.checks_from) == (("make all",), RECIPE)
    del files[RECIPE]
    found = await _task(tmp_path / "c", files)
    assert found.checks == ("cargo test",)
    assert found.checks_from.startswith("detected: ")
    nothing = await _task(tmp_path / "d", {"notes.txt": "x"})
    assert (nothing.checks, nothing.checks_from) == ((), "none")


async def test_a_task_is_exact(tmp_path: Path) -> None:
    task = await _task(tmp_path, {"notes.txt": "x"}, prompt="Fix the äöü & more!")
    assert len(task.base.commit) == 40
    assert task.base.branch == "main"
    assert task.branch == f"midwatch/fix-the-more-{task.id}"
    assert "/opt/extra" in task.mounts


@pytest.mark.parametrize(
    ("wishes", "word"),
    [
        ({"prompt": " \n"}, "prompt is empty"),
        ({"attempts": 0}, "--attempts 0"),
        ({"attempts": 99}, "--attempts 99"),
        ({"checks": ("true", " ")}, "--check is empty"),
        ({"base": "nowhere"}, "nowhere"),
    ],
)
async def test_what_cannot_be_done_is_said(tmp_path: Path, wishes: dict[str, object], word: str) -> None:
    with pytest.raises(InputError, match=word) as error:
        await _task(tmp_path, {"notes.txt": "x"}, **wishes)
    assert error.value.mend


async def test_a_broken_recipe_is_said(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"environment\.toml"):
        await _task(tmp_path, {RECIPE: "checks = 3\n"})
