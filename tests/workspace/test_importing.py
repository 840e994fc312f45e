"""What is written without a process is what `git fast-import` would have written, and so is what differs."""

from __future__ import annotations

import random
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from midwatch.workspace.edited import changes
from midwatch.workspace.git import Git, GitError
from midwatch.workspace.importing import Import
from midwatch.workspace.raw import reading

NAMES = (b"a", b"b", b"a.txt", b"a-b", b"a0", b"\xc3\xa4", b"x y", b'q"', b"\xff")
MODES = (b"100644", b"100755", b"120000")
Step = tuple[str, bytes, bytes, bytes]


class Store:
    """A store, and two refs that must always be the same."""

    def __init__(self, folder: Path, form: str) -> None:
        subprocess.run(["git", "init", "-q", "--bare", f"--object-format={form}", folder], check=True)
        self.folder, self.sha256 = folder, form == "sha256"
        self.git = Git(git_dir=folder, cwd=folder)
        self.blob = self.said("hash-object", "-w", "--stdin", stdin=b"known").strip()

    def said(self, *arguments: str, stdin: bytes = b"") -> str:
        command = ["git", "-C", str(self.folder), *arguments]
        return subprocess.run(command, input=stdin, capture_output=True, check=True).stdout.decode("latin1")

    def make(self, ref: str, last: str, tree: str, beside: bytes, steps: list[Step]) -> list[tuple[str, str]]:
        """A commit after another one; `beside`: with a second parent that has a file of this content."""
        target = Import(self.git, self.folder, self.sha256)
        try:
            parents: tuple[str, ...] = (last,) if last else ()
            if beside:
                parents += (target.commit(ref, b"ignored files", ()),)
                target.file(b"files/kept", b"100644", beside)
            target.commit(ref, b"checkpoint", parents)
            if tree:
                target.tree(tree)
            for kind, path, mode, data in steps:
                if kind == "delete":
                    target.delete(path)
                elif kind == "known":
                    target.known(path, mode, self.blob)
                elif kind == "file":
                    target.file(path, mode, data)
                else:
                    target.header(path, mode, len(data))
                    target.write(data + b"\n")
            return target.finish()
        finally:
            target.close()


@pytest.fixture(params=["sha1", "sha256"])
def store(request: pytest.FixtureRequest, tmp_path: Path) -> Store:
    return Store(tmp_path / "store", request.param)


def steps(chance: random.Random) -> Iterator[Step]:
    for _ in range(chance.randint(0, 6)):
        path = b"/".join(chance.choice(NAMES) for _ in range(chance.randint(1, 3)))
        kind = chance.choice(("file", "file", "delete", "known"))
        yield kind, path, chance.choice(MODES), chance.choice((b"", b"x\n", b"y" * 50))


def test_commits_have_the_ids_that_git_gives_them(store: Store) -> None:
    chance = random.Random(7)
    first = last = store.make("refs/midwatch/first", "", "", b"", [("file", b"a/b", MODES[0], b"1")])[0]
    for turn in range(12):
        tree = first[1] if turn % 5 == 4 else ""
        beside = b"%d" % turn if turn % 3 == 2 else b""
        wanted = list(steps(chance))
        ours = store.make("refs/midwatch/ours", last[0], tree, beside, wanted)
        streamed = [(kind if kind != "file" else "stream", *rest) for kind, *rest in wanted]
        streamed.append(("stream", b"streamed", MODES[0], b""))  # so that it is git that writes them
        git = store.make("refs/midwatch/git", last[0], tree, beside, [*streamed, ("delete", b"streamed", b"", b"")])  # type: ignore[list-item]
        assert ours == git
        assert store.said("rev-parse", "refs/midwatch/ours", "refs/midwatch/git").split() == [ours[-1][0]] * 2
        last = ours[-1]
        if turn == 6:
            store.said("gc", "-q", "--prune=now")  # trees lie in packs from now on
    assert store.said("fsck", "--strict", "--no-dangling") == ""


def test_what_differs_is_what_git_says(store: Store) -> None:
    chance = random.Random(3)
    last = store.make("refs/midwatch/a", "", "", b"", [("file", b"a/b", MODES[0], b"1")])[0]
    for _ in range(8):
        new = store.make("refs/midwatch/a", last[0], "", b"", list(steps(chance)))[-1]
        fields = iter(store.said("diff-tree", "-r", "-z", "--no-renames", "--no-abbrev", last[1], new[1]).split("\0"))
        said = {next(fields).encode("latin1"): about[1:].split(" ")[:4] for about in fields if about}
        none = ("000000", "0" * len(last[1]))
        with reading(store.git) as raw:
            found = {
                path: [*(none if one is None else (one[0].decode(), one[1]) for one in (before, after))]
                for path, before, after in changes(raw.get, last[1], new[1])
            }
        assert {path: [m, n, i, j] for path, ((m, i), (n, j)) in found.items()} == said
        last = new


def test_a_store_without_the_commit_before_is_an_error_and_has_no_ref(store: Store) -> None:
    with pytest.raises(GitError, match="cat-file"):
        store.make("refs/midwatch/a", "0" * len(store.blob), "", b"", [("file", b"a", MODES[0], b"")])
    assert store.said("for-each-ref") == ""
