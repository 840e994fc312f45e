"""Names that git refuses, and how names are quoted and shown."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from midwatch.workspace.names import quoted, refused, shown
from tests.support.repositories import git

BAD = [b".git", b".GIT", b".gIt", b"git~1", b"GIT~1", b".git ", b".git.", b".git. .", b".git::$INDEX_ALLOCATION",
       b".git:x", b".git\\config", b"..", b".", b"", b"a/b", b"a\0b",
       ".g\u200cit".encode(), ".git\ufeff".encode(), ".\u200dGIT".encode()]  # fmt: skip
GOOD = [b".gitignore", b".gitmodules", b".gitx", b"git", b"git~2", b"git~10", b"...", b".github", b"a.git", b" .git",
        b"\xff.git", "g\u00eft".encode(), b"-x", b'a"b', b"a\nb", b".git-x", "x\u200cy".encode()]  # fmt: skip


@pytest.mark.parametrize("name", BAD)
def test_what_a_file_system_could_take_for_git_is_refused(name: bytes) -> None:
    assert refused(name)


@pytest.mark.parametrize("name", GOOD)
def test_other_names_are_kept(name: bytes) -> None:
    assert not refused(name)


def test_a_link_may_not_stand_for_gitmodules() -> None:
    for name in (b".gitmodules", b".GITMODULES", b"gitmod~1", b"GI7EBA~1", ".gitmodule\u200cs".encode()):
        assert refused(name, link=True)
        assert not refused(name)


def test_nothing_that_git_refuses_in_a_tree_is_let_through(tmp_path: Path) -> None:
    git(tmp_path, "init", "-q")
    settings = ("-c", "core.protectHFS=true", "-c", "core.protectNTFS=true")
    blob = subprocess.run(
        ["git", "hash-object", "-w", "--stdin"], cwd=tmp_path, input=b"x", capture_output=True, check=True
    )
    for name in BAD + GOOD:
        if not name or b"\0" in name or b"/" in name:
            continue
        entry = b"100644 " + blob.stdout.strip() + b"\t" + name + b"\0"
        done = subprocess.run(["git", *settings, "update-index", "-z", "--index-info"], cwd=tmp_path, input=entry,
                              capture_output=True, check=False)  # fmt: skip
        accepted = done.returncode == 0 and b"Ignoring path" not in done.stderr
        assert accepted == (not refused(name)), name


@given(st.binary(min_size=1).filter(lambda b: b"\0" not in b))
def test_quoting_comes_back(path: bytes) -> None:
    text = quoted(path)
    assert b"\n" not in text
    assert re.sub(rb"\\([0-7]{3})", lambda m: bytes([int(m[1], 8)]), text[1:-1]) == path


def test_names_are_shown_without_control_characters() -> None:
    assert shown(b"a\x1b[31m\nb\xff") == "a\\x1b[31m\\nb\\xff"
    assert shown("ümläut \u202e") == "ümläut \\u202e"
