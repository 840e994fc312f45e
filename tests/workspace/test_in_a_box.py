"""A workspace of layers in a real box: what its commands do is what is saved, and it belongs to whom it should."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from midwatch.sandbox.base import BoxSpec
from midwatch.sandbox.bubblewrap import Bubblewrap
from midwatch.sandbox.spec import Overlay
from midwatch.workspace.checkout import Workspace
from midwatch.workspace.repository import Repository
from tests.support.insides import overlay as overlay
from tests.support.merged import shown
from tests.support.repositories import UserRepository

pytestmark = pytest.mark.usefixtures("overlay")


async def run(workspace: Workspace, box_id: str, script: str) -> str:
    """Run a shell script in a box on the workspace; its output."""
    assert workspace.objects is not None
    private = workspace.folder / "private"
    spec = BoxSpec(id=box_id, workspace=workspace.spec(), private=private, read_only=(workspace.objects,))
    pieces: list[bytes] = []
    async with Bubblewrap().open(spec) as box:
        result = await box.exec(("sh", "-euc", script), timeout=60, output_bytes=1 << 20, sink=pieces.append)
    output = b"".join(pieces).decode()
    assert result.ended == "exit 0", output
    return output


async def test_what_commands_do_is_saved_and_comes_back_in_another_box(user: UserRepository, tmp_path: Path) -> None:
    user.write("keep/one", "1")
    user.write("keep/two", "2")
    user.write("src/x.py", "x")
    user.write(".gitignore", "build/\n")
    user.commit()
    repository = await Repository.open(tmp_path / "state", str(user.path))
    base = await repository.resolve(None)
    sandbox = Bubblewrap()
    one = Workspace(repository, tmp_path / "attempts" / "one", sandbox.owner("one"), overlay=True)
    await one.restore(base)
    assert await run(one, "one", "git status --porcelain; cat a.txt") == "one\ntwo\nthree\n"
    await run(one, "one", """
        echo changed > a.txt; rm keep/one; rm -r src; mkdir -p src/deep; echo y > src/deep/y.py; chmod 700 src/deep
        mkdir build; echo o > build/out; ln -s /etc/passwd link; mkdir -m 500 empty; git add -A; git commit -q -m inside
    """)  # fmt: skip
    saved = await one.save()
    assert one.skipped == ()
    changes = {change.path: change.status for change in await repository.stat(base.commit, saved.commit)}
    assert changes == {"a.txt": "M", "keep/one": "D", "src/x.py": "D", "src/deep/y.py": "A", "link": "A"}
    two = Workspace(repository, tmp_path / "attempts" / "two", sandbox.owner("two"), overlay=True)
    await two.restore(base, saved)
    assert shown(two.spec()) == shown(one.spec())
    said = await run(two, "two", """
        cat a.txt keep/two src/deep/y.py build/out; rmdir empty; echo more >> a.txt; echo new > src/deep/z.py
        echo 2 > keep/two; git status --porcelain
    """)  # fmt: skip
    assert said.split("\n")[:3] == ["changed", "2y", "o"]
    assert " M keep/two" in said.split("\n")
    final = await two.save()
    assert await repository.git.run("show", f"{final.tree}:a.txt") == b"changed\nmore\n"
    spec = two.spec()
    assert isinstance(spec, Overlay)
    assert await two.restore(base) == await two.save()
    assert (spec.lower[0] / "keep/two").read_text() == "2"
    assert (spec.lower[0] / "a.txt").stat().st_uid == os.geteuid()
    for workspace in (one, two):
        await workspace.remove()
    assert list((tmp_path / "attempts").iterdir()) == []
