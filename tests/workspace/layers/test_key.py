"""What decides whether kept layers fit a commit."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from midwatch.workspace.layers.key import LOCK_FILES, Tracked, digest, inputs, lock_files, named_by, tracked
from midwatch.workspace.recipe import Hosts, Recipe
from midwatch.workspace.repository import Repository
from tests.support.repositories import UserRepository

RECIPE = Recipe(setup=("pip install -r dev.txt",))
AROUND = {"repository": "r", "base": "host:x", "toolchain": []}


def held(*paths: str, change: str = "") -> Tracked:
    files = {path.encode(): f"blob-{path}{'!' if path == change else ''}" for path in paths}
    folders = {b"": "top"}
    for path in paths:
        for above in Path(path).parents:
            if str(above) != ".":
                folders[str(above).encode()] = f"tree-{above}"
    return Tracked(files, folders, frozenset())


def key(recipe: Recipe, commit: str = "c1", change: str = "", **around: Any) -> str:
    files = held("package-lock.json", "dev.txt", "src/app.py", "sub/Cargo.lock", change=change)
    return digest(inputs(recipe, files, commit, AROUND | around))


def test_commits_that_differ_in_other_files_share_a_key() -> None:
    assert key(RECIPE) == key(RECIPE, "c2", "src/app.py")


@pytest.mark.parametrize("changed", ["package-lock.json", "sub/Cargo.lock", "dev.txt"])
def test_lock_files_and_what_a_command_names_change_the_key(changed: str) -> None:
    assert key(RECIPE) != key(RECIPE, change=changed)


@pytest.mark.parametrize(
    "other",
    [
        replace(RECIPE, setup=("pip install -r dev.txt --upgrade",)),
        replace(RECIPE, variables=(("A", "b"),)),
        replace(RECIPE, network=Hosts(setup=("pypi.org",))),
        replace(RECIPE, cache_by_commit=True),
    ],
)
def test_the_part_of_the_recipe_that_setup_depends_on_changes_the_key(other: Recipe) -> None:
    assert key(RECIPE) != key(other)


def test_the_rest_of_the_recipe_does_not_change_the_key() -> None:
    other = replace(RECIPE, checks=("x",), maintenance=("y",), network=Hosts(agent=("a.example.com",)))
    assert key(RECIPE) == key(other)


@pytest.mark.parametrize(("name", "value"), [("repository", "s"), ("base", "tar:1"), ("toolchain", ["mount:/x"])])
def test_the_repository_the_base_and_the_toolchain_change_the_key(name: str, value: Any) -> None:
    assert key(RECIPE) != key(RECIPE, **{name: value})


def test_a_key_by_commit_differs_for_each_commit() -> None:
    recipe = replace(RECIPE, cache_by_commit=True)
    assert key(recipe, "c1") != key(recipe, "c2")


def test_patterns_add_files_wherever_they_lie() -> None:
    files = held("config/a.lock", "config/deep/b.lock", "a.txt")
    assert set(lock_files(files, ["config/*.lock"])) == {b"config/a.lock", b"config/deep/b.lock"}


def test_lock_files_of_what_was_copied_in_do_not_count() -> None:
    files = held("node_modules/x/package.json", "tests/fixtures/Cargo.lock", "requirements-dev.txt", "a/go.sum")
    assert set(lock_files(files, [])) == {b"requirements-dev.txt", b"a/go.sum"}
    assert "uv.lock" in LOCK_FILES


@pytest.mark.parametrize(
    ("command", "expected"),
    [
        ("bash scripts/setup.sh --all", {b"scripts/setup.sh"}),
        ("./scripts/setup.sh && echo done", {b"scripts/setup.sh"}),
        ("cd app && ./install", set()),
        ("pip install .", {b"/"}),
        ("pip install './[dev]'", {b"/"}),
        ("pip install -e .", set()),
        ("pip install --editable '.[dev]'", set()),
        ("pip install ./app", {b"app/"}),
        ("python app/tool.py; true", {b"app/tool.py"}),
        ("make deps", {b"Makefile"}),
        ("npm ci # scripts/setup.sh", set()),
        ("echo 'unbalanced scripts/setup.sh", {b"scripts/setup.sh"}),
        ("cat ../scripts/setup.sh", set()),
    ],
)
def test_files_that_a_command_names_are_found(command: str, expected: set[bytes]) -> None:
    files = held("scripts/setup.sh", "app/tool.py", "Makefile")
    assert set(named_by([command], files)) == expected


async def test_what_a_commit_holds_is_read_from_git(tmp_path: Path) -> None:
    user = UserRepository.make(tmp_path / "repo", a__txt="a")
    user.write(b"d\xff/ b.txt", "b")
    user.commit()
    repository = await Repository.open(tmp_path / "state", str(user.path))
    base = await repository.resolve(None)
    found = await tracked(repository.git, base.commit, base.tree)
    assert set(found.files) == {b"a.txt", b"d\xff/ b.txt"}
    assert set(found.folders) == {b"", b"d\xff"}
    assert found.files[b"a.txt"] == user.git("rev-parse", "HEAD:a.txt")
