"""The planted-configuration suite: nothing that a box can write is executed, followed or believed by the host."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from midwatch.domain.pull_request import Proposal
from midwatch.forges.local import LocalForge
from midwatch.workspace import objects
from midwatch.workspace.checkout import Workspace
from midwatch.workspace.repository import Repository
from tests.support.planted import NOT_PROVOKED, TRICKS, Planting, Trick, box_environment
from tests.support.repositories import Opened, UserRepository, git, opened


@pytest.fixture
async def work(user: UserRepository, tmp_path: Path) -> Opened:
    """A workspace of a.txt."""
    return await opened(user.path, tmp_path)


@pytest.fixture
def planting(work: Opened, tmp_path: Path) -> Planting:
    """Nothing planted yet."""
    made = Planting(work.tree, tmp_path / "ran", tmp_path / "outside")
    made.ran.mkdir()
    made.outside.mkdir()
    made.forget()
    return made


def run_plainly(commands: str, place: Planting, environment: dict[str, str]) -> str:
    """What a careless program would do, in a copy of the workspace beside it; what it said."""
    copy = place.tree.parent / "copy"
    shutil.copytree(place.tree, copy, symlinks=True)
    done = subprocess.run(
        ["timeout", "60", "sh", "-c", commands], cwd=copy, env=box_environment() | environment,
        stdin=subprocess.DEVNULL, capture_output=True, check=False,
    )  # fmt: skip
    shutil.rmtree(copy)
    return (done.stdout + done.stderr).decode("utf-8", "replace")


async def all_that_the_host_does(work: Opened, user: UserRepository, state: Path) -> None:
    """From the end of a tool call to a pull request that is merged, and the next task on top."""
    repository, base = work.repository, work.base
    saved = await work.workspace.save()
    assert "a.txt" in {change.path for change in await repository.stat(base.commit, saved.commit)}
    assert b"a.txt" in await repository.diff(base.commit, saved.commit)
    await work.workspace.restore(base, saved)
    assert await work.workspace.save() == saved
    commit = await repository.commit(saved.tree, base.commit, "Change\n", "2026-01-01T00:00:00Z")
    assert await objects.damaged(repository.git, commit, base.commit) == ""
    proposal = Proposal("t1", repository.location, "midwatch/x", base.branch, base.commit, commit, "Change", "", False,
                        "passed")  # fmt: skip
    forge = LocalForge(state)
    request = await forge.propose(proposal, repository.git_dir)
    assert await forge.landed(proposal)
    await repository.apply_to_user_tree(base.commit, commit)
    user.git("checkout", "-q", "--", "a.txt")
    for left in user.git("ls-files", "--others", "-z").split("\0"):
        if left:
            os.unlink(user.path / left)
    await forge.merge(repository.location, request.number)
    again = await Repository.open(state, str(user.path))
    following = Workspace(again, state / "following")
    await following.restore(await again.resolve(None))
    await following.save()
    await following.remove()
    await work.workspace.remove()


@pytest.mark.parametrize("trick", TRICKS, ids=lambda trick: trick.name.replace(" ", "-"))
async def test_a_planted_trick_works_on_plain_git_and_not_on_the_host(
    trick: Trick,
    work: Opened,
    user: UserRepository,
    planting: Planting,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    trick.plant(planting)
    evil = str(planting.tree / "tools/evil.sh")
    environment = {name: value.format(evil=evil) for name, value in trick.environment.items()}
    said = run_plainly(trick.provoke, planting, environment)
    assert planting.happened(), f"the trap itself does not work: {said}"
    planting.forget()
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    monkeypatch.chdir(planting.tree)
    work.write("a.txt", "changed\n")
    await all_that_the_host_does(work, user, tmp_path / "state")
    assert planting.happened() == []


def test_there_are_many_tricks_and_reasons_for_those_that_are_left_out() -> None:
    assert len({trick.name for trick in TRICKS}) == len(TRICKS) >= 40
    assert all(NOT_PROVOKED.values())


Deception = Callable[[Planting], None]


def by_exclude(to: Planting) -> None:
    to.write(".git/info/exclude", "*\n")


def by_excludes_file(to: Planting) -> None:
    to.write(".git/all", "*\n")
    to.setting("core.excludesFile", to.tree / ".git/all")


def by_marks_in_the_index(to: Planting) -> None:
    by_exclude(to)
    to.git("update-index", "--assume-unchanged", "a.txt")


def by_skipping(to: Planting) -> None:
    by_exclude(to)
    to.git("update-index", "--skip-worktree", "a.txt")


def by_an_untracked_cache(to: Planting) -> None:
    to.setting("status.showUntrackedFiles", "no")
    to.git("update-index", "--assume-unchanged", "a.txt")


def by_another_head(to: Planting) -> None:
    to.git("add", "-A")
    to.git("commit", "-q", "-m", "hidden")


def by_replacing_the_base(to: Planting) -> None:
    to.git("add", "-A")
    tree = to.git("write-tree")
    to.git("replace", "HEAD", to.git("commit-tree", tree, "-m", "replaced"))


DECEPTIONS = (
    by_exclude, by_excludes_file, by_marks_in_the_index, by_skipping, by_an_untracked_cache, by_another_head,
    by_replacing_the_base,
)  # fmt: skip


@pytest.mark.parametrize("deceive", DECEPTIONS, ids=lambda deceive: deceive.__name__)
async def test_what_the_box_hides_from_its_own_git_is_seen_all_the_same(
    deceive: Deception, work: Opened, planting: Planting
) -> None:
    work.write("new.txt", "new\n")
    if deceive not in (by_exclude, by_excludes_file):
        work.write("a.txt", "changed\n")
    deceive(planting)
    assert planting.git("status", "--porcelain") == "", "the trap itself does not work"
    changed = await work.changed()
    assert {name: changed.get(name) for name in ("new.txt", "a.txt")} == {
        "new.txt": "A", "a.txt": None if deceive in (by_exclude, by_excludes_file) else "M"
    }  # fmt: skip
    saved = work.workspace.checkpoint
    await work.workspace.restore(work.base, saved)
    assert (work.tree / "new.txt").read_text() == "new\n"


async def test_objects_of_other_repositories_cannot_be_drawn_into_what_is_kept(
    work: Opened, planting: Planting, tmp_path: Path
) -> None:
    secret = UserRepository.make(tmp_path / "secret", key__txt="very secret\n")
    blob = secret.git("rev-parse", "HEAD:key.txt")
    planting.config("", ".git/config")
    alternates = planting.tree / ".git/objects/info/alternates"
    alternates.write_text(alternates.read_text() + f"{secret.path}/.git/objects\n")
    planting.git("update-index", "--add", "--cacheinfo", f"100644,{blob},stolen.txt")
    assert planting.git("cat-file", "blob", blob) == "very secret", "the trap itself does not work"
    work.write("a.txt", "changed\n")
    assert await work.changed() == {"a.txt": "M"}
    assert (await work.repository.git.ask("cat-file", "-e", blob)).code != 0


@pytest.mark.parametrize("damage", ["index", "HEAD", "config", "shallow", "packed-refs", "objects", "info"])
async def test_a_damaged_or_endless_git_folder_is_nothing_to_the_host(
    damage: str, work: Opened, user: UserRepository, planting: Planting, tmp_path: Path
) -> None:
    place = planting.tree / ".git" / damage
    shutil.rmtree(place) if place.is_dir() else place.unlink(missing_ok=True)
    os.mkfifo(place)  # whoever opens it waits for ever
    work.write("a.txt", "changed\n")
    await all_that_the_host_does(work, user, tmp_path / "state")
    assert git(user.path, "log", "--format=%s", "-1") == "Change"
