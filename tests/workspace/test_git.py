"""How git is run: its settings, its environment, its errors."""

from __future__ import annotations

import asyncio
import os
import tempfile
import time
from pathlib import Path

import pytest

from midwatch.domain.errors import InputError
from midwatch.workspace.git import Git, GitError, last_words, require_git
from tests.support.repositories import UserRepository, git


async def test_the_version_is_told() -> None:
    assert (await require_git())[0].isdigit()


@pytest.mark.parametrize("text", ["git version 2.37.9", "git version 1.9", "something else"])
async def test_an_old_git_is_refused(text: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    fake = tmp_path / "git"
    fake.write_text(f"#!/bin/sh\necho '{text}'\n")
    fake.chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}:{os.environ['PATH']}")
    with pytest.raises(InputError, match=r"needs git 2\.38") as caught:
        await require_git()
    assert "newer git" in caught.value.mend


async def test_a_missing_git_is_said(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(InputError, match="git could not be started") as caught:
        await require_git()
    assert "install git" in caught.value.mend


async def test_the_store_sees_no_configuration_but_ours(user: UserRepository, home: Path) -> None:
    git(user.path, "config", "--global", "user.name", "From The Home")
    here = Git(git_dir=user.path / ".git")
    assert (await here.ask("config", "user.name")).code == 1
    theirs = Git(git_dir=user.path / ".git", trusted=True)
    assert await theirs.run("config", "user.name") == b"From The Home\n"
    assert await theirs.run("config", "core.hooksPath") == b"/dev/null\n"


async def test_an_error_has_gits_last_words(user: UserRepository) -> None:
    with pytest.raises(GitError, match="`git cat-file` failed: Not a valid object name nothing") as caught:
        await Git(cwd=user.path, trusted=True).run("cat-file", "blob", "nothing")
    assert caught.value.code == 128


def test_the_last_error_goes_before_a_hint() -> None:
    assert last_words(b"warning: a\nerror: one\nfatal: two\nhint: three\n\n") == "two"
    assert last_words(b"only this\n") == "only this"
    assert last_words(b"") == ""


async def test_input_and_output_may_be_files(user: UserRepository) -> None:
    with tempfile.TemporaryFile() as source, tempfile.TemporaryFile() as target:
        source.write(b"x" * 100_000)
        source.flush()
        source.seek(0)
        here = Git(cwd=user.path, trusted=True)
        await here.run("hash-object", "--stdin", stdin=source, stdout=target)
        target.seek(0)
        assert target.read() == await here.run("hash-object", "--stdin", stdin=b"x" * 100_000)


def alive(pid: int) -> bool:
    """Whether the process runs; one that only waits to be reaped does not."""
    try:
        state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except OSError:
        return False
    return state != "Z"


async def test_cancelling_ends_git_and_what_it_started(user: UserRepository, tmp_path: Path) -> None:
    marker = tmp_path / "pid"
    alias = f"alias.nap=!echo $$ > '{marker}'; exec sleep 600"
    task = asyncio.create_task(Git(cwd=user.path, trusted=True).run("-c", alias, "nap"))
    deadline = time.monotonic() + 30
    while not (marker.exists() and marker.read_text().strip()) and time.monotonic() < deadline:
        await asyncio.sleep(0.01)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    while alive(int(marker.read_text())) and time.monotonic() < deadline:
        await asyncio.sleep(0.01)  # whoever adopts it reaps it soon
    assert not alive(int(marker.read_text()))


async def test_cancelling_at_any_moment_hangs_nothing(user: UserRepository) -> None:
    for delay in (0.0, 0.0, 0.001, 0.002, 0.004):
        task = asyncio.create_task(Git(cwd=user.path, trusted=True).ask("status"))
        await asyncio.sleep(delay)
        task.cancel()
        await asyncio.wait([task])
        assert task.done()
