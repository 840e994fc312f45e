"""Making a task from a request."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from midwatch.domain.codec import from_json, to_json
from midwatch.domain.errors import InputError
from midwatch.domain.task import Task
from midwatch.workflows.plan import Means
from midwatch.workflows.start import Request, Surroundings, make_task
from midwatch.workspace.config import EnvironmentSettings
from midwatch.workspace.repository import Repository
from tests.support.place import make_repository


async def _task(
    tmp_path: Path,
    files: dict[str, str],
    settings: EnvironmentSettings | None = None,
    more: Mapping[str, str] | None = None,
    **wishes: Any,
) -> Task:
    folder = make_repository(tmp_path / "repo", files)
    request = Request(**{"prompt": "Do it", "repository": str(folder), **wishes})
    repository = await Repository.open(tmp_path / "state", str(folder))
    environ = {"PATH": "/usr/bin:/bin", "HOME": str(tmp_path)}
    means = Means(tmp_path / "state", environ | dict(more or {}), settings or EnvironmentSettings())
    return await make_task(request, repository, Surroundings("repair", "bubblewrap", ("/opt/extra",), means))


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
async def test_what_cannot_be_done_is_said(tmp_path: Path, wishes: dict[str, Any], word: str) -> None:
    with pytest.raises(InputError, match=word) as error:
        await _task(tmp_path, {"notes.txt": "x"}, **wishes)
    assert error.value.mend


async def test_a_broken_recipe_is_said(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"environment\.toml"):
        await _task(tmp_path, {RECIPE: "checks = 3\n"})


NETWORKED = """
setup = ["pip install -r dev.txt"]
network.setup = ["preset:python", "registry.example.com"]
network.agent = ["docs.example.org read-only"]
limits = { memory_mib = 1024, check_seconds = 30, command_seconds = 100000 }
[secrets.TOKEN]
host = "registry.example.com"
header = "Authorization"
format = "Bearer {}"
"""
SECRET = {"MIDWATCH_SECRET_TOKEN": "hush-hush"}


async def test_a_recipe_that_names_hosts_is_refused_until_the_person_trusts_it(tmp_path: Path) -> None:
    files = {RECIPE: NETWORKED, "dev.txt": "x"}
    with pytest.raises(InputError, match="you have not said that you trust it"):
        await _task(tmp_path / "a", files, more=SECRET)
    by_option = await _task(tmp_path / "b", files, more=SECRET, trust_recipe=True)
    trusted = EnvironmentSettings(trusted=(str(tmp_path),))
    by_settings = await _task(tmp_path / "c", files, trusted, SECRET)
    for task in (by_option, by_settings):
        assert task.terms.hosts == ("docs.example.org read-only",)
        assert [secret.name for secret in task.terms.secrets] == ["TOKEN"]


async def test_a_secret_that_is_missing_is_said_before_anything_is_made(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"the secret TOKEN.* is missing"):
        await _task(tmp_path, {RECIPE: NETWORKED, "dev.txt": "x"}, trust_recipe=True)


async def test_the_value_of_a_secret_is_no_part_of_the_task(tmp_path: Path) -> None:
    task = await _task(tmp_path, {RECIPE: NETWORKED, "dev.txt": "x"}, more=SECRET, trust_recipe=True)
    assert "hush-hush" not in json.dumps(to_json(task))


async def test_a_task_keeps_what_its_environment_is_made_of(tmp_path: Path) -> None:
    task = await _task(tmp_path, {RECIPE: NETWORKED, "dev.txt": "x"}, more=SECRET, trust_recipe=True)
    assert len(task.terms.layers) == 64
    assert f"environment: setup of 1 command, kept as {task.terms.layers[:12]}" in task.notes
    assert "network: the agent and the checks reach docs.example.org read-only" in task.notes
    assert (task.terms.base, task.terms.memory_mib) == ("host", 1024)
    assert (task.limits.check_seconds, task.limits.command_seconds) == (30, 600)
    assert from_json(Task, to_json(task)) == task
    plain = await _task(tmp_path / "plain", {RECIPE: "checks = ['true']"})
    assert plain.terms.layers == ""


async def test_a_base_that_the_settings_do_not_name_is_said(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="wants the base 'debian', which your settings do not name"):
        await _task(tmp_path, {RECIPE: 'base = "debian"'})
