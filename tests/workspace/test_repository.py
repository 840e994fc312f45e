"""Opening a repository and finding the base: every kind of repository, and every kind of trouble."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from midwatch.domain.errors import InputError
from midwatch.workspace import objects
from midwatch.workspace.checkout import Workspace
from midwatch.workspace.repository import Repository
from tests.support.repositories import UserRepository, git, opened


async def test_opening_and_resolving_touches_nothing_of_the_users(user: UserRepository, tmp_path: Path) -> None:
    user.write("a.txt", "changed\n")
    user.write("new.txt", "new\n")
    before = user.state()
    repository = await Repository.open(tmp_path / "state", str(user.path))
    base = await repository.resolve(None)
    assert user.state() == before
    assert (base.commit, base.branch, base.ref) == (before[0], "main", "main")
    assert base.note == "uncommitted changes left out: 2 files"


async def _alternates(repository: Repository) -> list[Path]:
    """The folders that git itself says the store borrows from."""
    said = (await repository.git.run("count-objects", "-v")).decode().splitlines()
    return [Path(line.removeprefix("alternate: ")) for line in said if line.startswith("alternate: ")]


async def test_the_store_borrows_objects_and_copies_none(user: UserRepository, tmp_path: Path) -> None:
    repository = await Repository.open(tmp_path / "state", str(user.path))
    assert await _alternates(repository) == [user.path / ".git" / "objects"]
    assert [p for p in (repository.git_dir / "objects").rglob("*") if p.is_file() and p.name != "alternates"] == []


async def test_objects_that_are_borrowed_in_turn_are_named_too(user: UserRepository, tmp_path: Path) -> None:
    git(tmp_path, "clone", "-q", "--shared", str(user.path), "clone")
    repository = await Repository.open(tmp_path / "state", str(tmp_path / "clone"))
    assert await _alternates(repository) == [tmp_path / "clone/.git/objects", user.path / ".git/objects"]


async def test_every_folder_of_a_repository_opens_the_same_store(user: UserRepository, tmp_path: Path) -> None:
    user.write("deep/er/b.txt", "b")
    user.commit()
    user.git("worktree", "add", "-q", "-b", "side", str(tmp_path / "linked"))
    os.symlink(user.path, tmp_path / "link")
    state = tmp_path / "state"
    places = [user.path, user.path / "deep" / "er", user.path / ".git", tmp_path / "linked", tmp_path / "link"]
    stores = [await Repository.open(state, str(place)) for place in places]
    assert {s.git_dir for s in stores} == {stores[0].git_dir}
    assert [s.location for s in stores] == [str(user.path)] * 3 + [str(tmp_path / "linked"), str(user.path)]
    assert (await stores[3].resolve(None)).branch == "side"


@pytest.mark.parametrize("name", ["with space", "new\nline", 'quo"te', "back\\slash", "ümläut", b"not-\xff-utf8", "#x"])
async def test_a_path_may_hold_anything(name: str | bytes, tmp_path: Path) -> None:
    user = UserRepository.make(tmp_path / os.fsdecode(name) / "re po")
    work = await opened(user.path, tmp_path)
    assert (work.tree / "a.txt").read_text() == "one\ntwo\nthree\n"
    assert git(work.tree, "status", "--porcelain") == ""
    again = await Repository.open(tmp_path / "state", str(user.path), refresh=False)
    assert again.location == work.repository.location


async def test_reading_what_earlier_runs_left_needs_no_repository(user: UserRepository, tmp_path: Path) -> None:
    first = await Repository.open(tmp_path / "state", str(user.path))
    shutil.rmtree(user.path)
    again = await Repository.open(tmp_path / "state", str(user.path), refresh=False)
    assert (again.git_dir, again.location) == (first.git_dir, str(user.path))
    with pytest.raises(InputError, match="has not worked on"):
        await Repository.open(tmp_path / "state", str(tmp_path / "other"), refresh=False)


async def test_what_is_not_a_repository_is_named(tmp_path: Path) -> None:
    (tmp_path / "plain").mkdir()
    (tmp_path / "file").write_text("")
    state = tmp_path / "state"
    for place, message in [
        (tmp_path / "plain", "is not a git repository"),
        (tmp_path / "none", "does not exist"),
        (tmp_path / "file", "is a file, not a folder"),
        ("", "is empty"),
        ("ext::sh -c whoami", "no address that Midwatch fetches from"),
        ("gopher://example.org/x", "no address that Midwatch fetches from"),
    ]:
        with pytest.raises(InputError, match=message) as caught:
            await Repository.open(state, str(place))
        assert caught.value.mend
    assert not (state / "repos").exists()


async def test_an_empty_repository_has_no_base(tmp_path: Path) -> None:
    git(tmp_path, "init", "-q", "empty")
    with pytest.raises(InputError, match="has no commit yet"):
        await Repository.open(tmp_path / "state", str(tmp_path / "empty"))


async def test_a_branch_without_commits_asks_for_a_base(user: UserRepository, tmp_path: Path) -> None:
    user.git("switch", "-q", "--orphan", "fresh")
    repository = await Repository.open(tmp_path / "state", str(user.path))
    with pytest.raises(InputError, match="current branch has no commit") as caught:
        await repository.resolve(None)
    assert "main" in caught.value.mend
    assert (await repository.resolve("main")).branch == "main"


async def test_damage_is_told_from_emptiness(user: UserRepository, tmp_path: Path) -> None:
    commit = user.git("rev-parse", "HEAD")
    os.remove(user.path / ".git" / "objects" / commit[:2] / commit[2:])
    with pytest.raises(InputError, match="is damaged") as caught:
        await Repository.open(tmp_path / "state", str(user.path))
    assert "fsck" in caught.value.mend


async def test_a_broken_configuration_is_shown_as_git_says_it(user: UserRepository, tmp_path: Path) -> None:
    (user.path / ".git" / "config").write_text("[core\n")
    with pytest.raises(InputError, match="bad config"):
        await Repository.open(tmp_path / "state", str(user.path))


async def test_a_bare_repository_works_and_has_no_uncommitted_changes(user: UserRepository, tmp_path: Path) -> None:
    git(tmp_path, "clone", "-q", "--bare", str(user.path), "bare.git")
    git(tmp_path, "config", "--global", "safe.bareRepository", "explicit")
    work = await opened(tmp_path / "bare.git", tmp_path)
    assert work.base.branch == "main"
    assert (work.tree / "a.txt").exists()
    with pytest.raises(InputError, match="no working tree"):
        await work.repository.include_uncommitted(work.base)
    with pytest.raises(InputError, match="bare"):
        await work.repository.apply_to_user_tree(work.base.commit, work.base.commit)


async def test_names_of_commits_are_found(user: UserRepository, tmp_path: Path) -> None:
    first = user.git("rev-parse", "HEAD")
    user.git("tag", "-a", "-m", "v", "v1")
    user.git("branch", "other")
    second = user.commit("second")
    git(tmp_path, "clone", "-q", str(user.path), "clone")
    repository = await Repository.open(tmp_path / "state", str(tmp_path / "clone"))
    for ref, commit, branch in [
        ("main", second, "main"),
        ("refs/heads/main", second, "main"),
        ("v1", first, ""),
        (first, first, ""),
        (first[:9], first, ""),
        ("HEAD~1", first, ""),
        ("origin/other", first, ""),
        ("HEAD", second, "main"),
    ]:
        base = await repository.resolve(ref)
        assert (ref, base.commit, base.branch, base.ref) == (ref, commit, branch, ref)
        assert ("not a local branch" in base.note) == (not branch)
        assert base.tree == git(tmp_path / "clone", "rev-parse", f"{commit}^{{tree}}")


async def test_an_unknown_base_lists_what_comes_near(user: UserRepository, tmp_path: Path) -> None:
    user.git("branch", "feature/login")
    repository = await Repository.open(tmp_path / "state", str(user.path))
    with pytest.raises(InputError, match="no branch, tag or commit named feature/logn") as caught:
        await repository.resolve("feature/logn")
    assert "feature/login" in caught.value.mend
    for name in ("--all", "a b", "", "x\n"):
        with pytest.raises(InputError, match="cannot be the name"):
            await repository.resolve(name)


async def test_a_detached_head_is_a_base_without_a_branch(user: UserRepository, tmp_path: Path) -> None:
    user.git("checkout", "-q", "--detach")
    base = await (await Repository.open(tmp_path / "state", str(user.path))).resolve(None)
    assert (base.branch, base.ref) == ("", "HEAD")
    assert "HEAD is detached" in base.note


async def test_a_shallow_clone_works_and_says_so(user: UserRepository, tmp_path: Path) -> None:
    user.commit("second")
    git(tmp_path, "clone", "-q", "--depth=1", f"file://{user.path}", "shallow")
    work = await opened(tmp_path / "shallow", tmp_path)
    assert "shallow" in work.base.note
    assert git(work.tree, "log", "--format=%s") == "second"
    assert len((await work.repository.git.run("rev-list", work.base.commit)).split()) == 1


async def test_submodules_stay_links_and_are_named(user: UserRepository, tmp_path: Path) -> None:
    library = UserRepository.make(tmp_path / "library")
    user.git("-c", "protocol.file.allow=always", "submodule", "--quiet", "add", str(library.path), "lib")
    user.commit("with a submodule")
    work = await opened(user.path, tmp_path)
    assert "submodules are not checked out: lib" in work.base.note
    assert list((work.tree / "lib").iterdir()) == []
    work.write("lib/inside.txt", "not kept")
    os.remove(work.tree / "a.txt")
    assert await work.changed() == {"a.txt": "D"}
    shutil.rmtree(work.tree / "lib")
    assert await work.changed() == {"a.txt": "D"}


async def test_a_repository_with_sha256_ids_works(tmp_path: Path) -> None:
    git(tmp_path, "init", "-q", "-b", "main", "--object-format=sha256", "project")
    user = UserRepository(tmp_path / "project")
    user.write("a.txt", "a")
    user.commit()
    work = await opened(user.path, tmp_path)
    work.write("b.txt", "b")
    assert await work.changed() == {"b.txt": "A"}
    assert len(work.workspace.checkpoint.commit) == 64
    assert git(work.tree, "status", "--porcelain") == "?? b.txt"


async def test_a_made_commit_is_the_same_for_the_same_words(user: UserRepository, tmp_path: Path) -> None:
    work = await opened(user.path, tmp_path)
    made = [await work.repository.commit(work.base.tree, work.base.commit, "A title\n\nBody ü\n", when)
            for when in ("2026-01-02T03:04:05.678Z", "2026-01-02T03:04:05+00:00", "2026-01-02T03:04:06Z")]  # fmt: skip
    assert made[0] == made[1] != made[2]
    raw = (await work.repository.git.run("cat-file", "commit", made[0])).decode()
    assert "author Midwatch <midwatch@localhost> 1767323045 +0000\n" in raw
    assert raw.endswith("\n\nA title\n\nBody ü\n")
    await work.repository.keep("kept/x", made[0])
    assert (await objects.commit_facts(work.repository.git, "refs/midwatch/kept/x"))[0] == work.base.tree


async def test_environment_of_the_caller_leads_git_nowhere(
    user: UserRepository, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    other = UserRepository.make(tmp_path / "other", z__txt="z")
    monkeypatch.setenv("GIT_DIR", str(other.path / ".git"))
    monkeypatch.setenv("GIT_WORK_TREE", str(other.path))
    monkeypatch.setenv("GIT_INDEX_FILE", str(tmp_path / "nothing"))
    monkeypatch.setenv("GIT_OBJECT_DIRECTORY", str(tmp_path / "nowhere"))
    work = await opened(user.path, tmp_path)
    assert work.repository.location == str(user.path)
    assert (work.tree / "a.txt").exists()


async def test_stores_made_at_once_are_one(user: UserRepository, tmp_path: Path) -> None:
    import asyncio

    found = await asyncio.gather(*(Repository.open(tmp_path / "state", str(user.path)) for _ in range(4)))
    assert {r.git_dir for r in found} == {next((tmp_path / "state" / "repos").iterdir())}


AS_ANOTHER_USER = """
import asyncio, os, sys
from pathlib import Path
from midwatch.domain.errors import InputError
from midwatch.workspace.repository import Repository
asyncio.run(asyncio.to_thread(int))  # the interpreter itself may lie where nobody else can read
if os.geteuid() == 0:
    os.setgroups([]); os.setgid(65534); os.setuid(65534)
try:
    asyncio.run(Repository.open(Path(sys.argv[1]), sys.argv[2]))
except InputError as error:
    print(error.message, "|", error.mend)
else:
    print("opened")
"""


def open_unprivileged(user: UserRepository, tmp_path: Path, *, own: bool) -> str:
    """Open the repository in a process that is not root; its owner when `own`."""
    for folder in (tmp_path, *tmp_path.parents[:3]):
        if os.stat(folder).st_uid == os.getuid() and os.geteuid() == 0:
            os.chmod(folder, os.stat(folder).st_mode | 0o055)
    state = tmp_path / "its-state"
    state.mkdir(exist_ok=True)
    if os.geteuid() == 0:
        os.chown(state, 65534, 65534)
        if own:
            subprocess.run(["chown", "-R", "65534:65534", str(user.path)], check=True)
    environment = {**os.environ, "HOME": str(state), "PYTHONPATH": os.pathsep.join(filter(None, sys.path))}
    command = [sys.executable, "-c", AS_ANOTHER_USER, str(state), str(user.path)]
    done = subprocess.run(command, env=environment, cwd="/", capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_a_read_only_repository_is_refused_before_any_work(user: UserRepository, tmp_path: Path) -> None:
    assert open_unprivileged(user, tmp_path, own=True) == "opened\n"
    os.chmod(user.path / ".git" / "refs" / "heads", 0o555)
    try:
        assert "is read-only: no branch can be made in it" in open_unprivileged(user, tmp_path, own=True)
    finally:
        os.chmod(user.path / ".git" / "refs" / "heads", 0o755)


def test_a_folder_that_may_not_be_read_is_said(user: UserRepository, tmp_path: Path) -> None:
    os.chmod(user.path, 0)
    try:
        assert "may not be read" in open_unprivileged(user, tmp_path, own=True)
    finally:
        os.chmod(user.path, 0o755)


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can give a repository to somebody else")
def test_a_repository_of_somebody_else_names_the_command_that_trusts_it(user: UserRepository, tmp_path: Path) -> None:
    said = open_unprivileged(user, tmp_path, own=False)
    assert f"git config --global --add safe.directory {user.path}" in said


async def test_what_a_killed_git_left_in_the_store_is_cleared_away(user: UserRepository, tmp_path: Path) -> None:
    packs = (await Repository.open(tmp_path / "state", str(user.path))).git_dir / "objects" / "pack"
    for name in ("tmp_pack_old", "tmp_pack_new"):
        (packs / name).write_text("half")
    os.utime(packs / "tmp_pack_old", (0, 0))
    await Repository.open(tmp_path / "state", str(user.path))
    assert [p.name for p in packs.iterdir()] == ["tmp_pack_new"]


async def test_a_missing_object_is_no_bug_of_ours(user: UserRepository, tmp_path: Path) -> None:
    from midwatch.domain.errors import OperationError

    repository = await Repository.open(tmp_path / "state", str(user.path))
    base = await repository.resolve(None)
    blob = user.git("rev-parse", "HEAD:a.txt")
    os.remove(user.path / ".git" / "objects" / blob[:2] / blob[2:])
    with pytest.raises(OperationError, match="cannot be written to") as caught:
        await Workspace(repository, tmp_path / "attempt").restore(base)
    assert "git fsck" in caught.value.mend


async def test_a_branch_name_may_hold_any_space_but_the_plain_one(user: UserRepository, tmp_path: Path) -> None:
    for name in ("a\u00a0b", "c\u2028d", "e\u0085"):
        user.git("switch", "-q", "-c", name)
        base = await (await Repository.open(tmp_path / "state", str(user.path))).resolve(None)
        assert (base.branch, base.ref) == (name, name)


async def test_what_is_made_for_a_store_is_nobody_elses_to_read(user: UserRepository, tmp_path: Path) -> None:
    await Repository.open(tmp_path / "home" / "deep" / "state", str(user.path))
    for folder in ("state", "state/repos"):
        assert (tmp_path / "home" / "deep" / folder).stat().st_mode & 0o777 == 0o700
