"""Our ignore rules against git's own."""

from __future__ import annotations

import os
import subprocess
import tempfile
import time
from pathlib import Path

from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from midwatch.workspace.ignore import Rules, parse, top_rules

PATTERNS = [
    "*.log", "!keep.log", "/top", "dir/", "a/b", "a/*/c", "**/deep", "deep/**", "a/**/z", "/**/x", "**", "*", "!*/",
    "!*.c", "?", "[a-c]", "[!a-c]*", "[^x]", "[]a]", "[a", "[[:digit:]]*", "[a-]", "\\!x", "\\#x", "#x", "x\\ ",
    "x ", "a\\*", "*a*b*c", "a**b", "**/a/**/b", "a/", "/a/b/", "b/c", "!a/b", "x/**/", "*/c", "/*", "a.b", "A",
    "\\a", "a\\", "//a", "a//b", " a", "[z-a]", "[a\\]b]", "[a-c/]", "a[/]b", "a?b", "**a", "a/**b", "/", "!", "\r",
    "a\r", "**/", "!**/keep", "ÿ",
]  # fmt: skip
NAMES = [
    "a", "b", "c", "x", "z", "dir", "deep", "top", "keep", "x.log", "keep.log", "a.b", "axb", "abc", "1a", "!x",
    "#x", "x ", "a*", "A", "xaxbxc", "]", "-", "a]", "\r", "[a", "keep.c", " a",
]  # fmt: skip

lines = st.lists(st.sampled_from(PATTERNS), max_size=6)
paths = st.lists(
    st.lists(st.sampled_from(NAMES), min_size=1, max_size=4).map("/".join), min_size=1, max_size=12, unique=True
)


def ours(files: dict[str, list[str]], path: str, outside: list[str], *, folder: bool) -> bool:
    """Walk down as the scan does."""
    rules: Rules = top_rules(text(outside), text(files.get("", [])))
    rules = Rules(rules.own, Rules(rules.above.own)) if rules.above else rules  # without the litter
    parts, above = path.split("/"), ""
    for part in parts[:-1]:
        if rules.ignores(part.encode(), folder=True):
            return True
        above = f"{above}/{part}" if above else part
        rules = rules.inside(part.encode(), text(files.get(above, [])))
    return rules.ignores(parts[-1].encode(), folder=folder)


def text(rules: list[str]) -> bytes:
    return "\n".join(rules).encode("latin-1") + b"\n" if rules else b""


def theirs(files: dict[str, list[str]], asked: list[str], outside: list[str]) -> set[str]:
    with tempfile.TemporaryDirectory() as place:
        top = Path(place)
        for name in ("objects", "refs", "info"):
            (top / ".git" / name).mkdir(parents=True)
        (top / ".git" / "HEAD").write_text("ref: refs/heads/main\n")
        (top / ".git" / "info" / "exclude").write_bytes(text(outside))
        for path in asked:
            (top / path).parent.mkdir(parents=True, exist_ok=True)
            (top / path).touch()
        for folder, rules in files.items():
            if (top / folder).is_dir():
                (top / folder / ".gitignore").write_bytes(text(rules))
        done = subprocess.run(
            ["git", "check-ignore", "--no-index", "--stdin", "-z"], cwd=top, input="\0".join(asked).encode(),
            capture_output=True, env={**os.environ, "HOME": place, "GIT_CONFIG_NOSYSTEM": "1"}, check=False,
        )  # fmt: skip
        assert done.returncode in (0, 1), done.stderr
        return {p for p in done.stdout.decode().split("\0") if p}


@settings(max_examples=100, deadline=None, suppress_health_check=list(HealthCheck))
@given(lines, lines, lines, paths)
@example(["a/**/z"], [], [], ["a/z", "a/b/z", "a/b/c/z", "b/a/z"])
@example(["*", "!*/", "!*.c"], [], [], ["keep.c", "dir/keep.c", "dir/x"])
@example(["dir/"], ["!dir/"], [], ["dir", "a/dir/x"])
@example(["x\\ ", "a\r", "/", "!"], [], [], ["x ", "x", "a", "\r"])
@example(["/a/b/"], [], ["*.log"], ["a/b/c", "a/x.log", "b/a/b"])
def test_the_same_files_are_ignored_as_git_ignores(
    top: list[str], inner: list[str], outside: list[str], asked: list[str]
) -> None:
    asked = [p for p in asked if not any(o != p and o.startswith(p + "/") for o in asked)]  # a file is no folder
    files = {"": top, "a": inner, "dir": inner}
    expected = theirs(files, asked, outside)
    assert {p for p in asked if ours(files, p, outside, folder=False)} == expected


def test_what_programs_leave_behind_is_ignored_unless_the_repository_keeps_it() -> None:
    rules = top_rules(b"", None)
    for name in (b"__pycache__", b"node_modules", b".venv", b"x.egg-info", b".pytest_cache"):
        assert rules.ignores(name, folder=True)
    assert rules.ignores(b"a.pyc", folder=False)
    assert not rules.ignores(b"a.py", folder=False)
    assert not top_rules(b"", b"!node_modules/\n").ignores(b"node_modules", folder=True)
    assert not top_rules(b"!node_modules/\n", None).ignores(b"node_modules", folder=True)


def test_a_byte_order_mark_is_no_part_of_the_first_rule() -> None:
    assert Rules(parse(b"\xef\xbb\xbfa\n")).ignores(b"a", folder=False)


def test_a_hostile_pattern_costs_no_more_than_another() -> None:
    started = time.process_time()
    rules = Rules(parse(b"*a" * 60 + b"b\n" + b"**/" * 40 + b"x/y\n" + b"/".join([b"**/a"] * 30) + b"/b\n"))
    assert not rules.ignores(b"a" * 250, folder=False)
    inner = rules
    for _ in range(200):
        inner = inner.inside(b"a", None)
    assert not inner.ignores(b"a", folder=False)
    assert time.process_time() - started < 20  # exponential time would be years
