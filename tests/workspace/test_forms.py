"""A workspace of layers and one of copies: the same steps leave the same checkpoints, and each comes back as any."""

from __future__ import annotations

import os
import random
import stat
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from midwatch.domain.evidence import Checkpoint
from midwatch.workspace.checkout import Workspace
from midwatch.workspace.fused import possible
from midwatch.workspace.repository import Repository
from tests.support.insides import Inside, Snapshot
from tests.support.insides import overlay as overlay
from tests.support.repositories import UserRepository

pytestmark = pytest.mark.usefixtures("overlay")

FORMS = ("overlay", "copy", "fuse") if possible() else ("overlay", "copy")
"""fuse-overlayfs where it is installed and this user may use it."""

STEPS = {
    "changes": [
        "write('a.txt', 'changed'); write('new/deep/file', 'n'); os.unlink('keep/one'); os.chmod('run.sh', 0o644)",
        "write(b'\\xff\\n\"quote\\\\ \\t', 'odd'); os.symlink('nowhere', 'dangling'); os.rename('keep/two', 'keep/2')",
        "write('a.txt', 'one\\n'); write('keep/one', '1'); os.chmod('run.sh', 0o755)",
    ],
    "folders and files take each other's place": [
        "shutil.rmtree('keep'); write('keep', 'a file')",
        "os.unlink('a.txt'); write('a.txt/inner', 'a folder'); os.unlink('link'); write('link/x/y', 'z')",
        "os.unlink('keep'); write('keep/one', 'again'); shutil.rmtree('a.txt'); write('a.txt', 'one\\n')",
    ],
    "folders go and come back": [
        "shutil.rmtree('deep')",
        "os.mkdir('deep'); write('deep/other', 'o')",
        "shutil.rmtree('deep'); os.makedirs('deep/a/b'); write('deep/a/b/file', 'changed')",
        "shutil.copytree('deep', 'moved'); shutil.rmtree('deep')",
        "shutil.copytree('moved', 'deep'); shutil.rmtree('moved')",
    ],
    "renamed folders": [
        "shutil.rmtree('deep'); write('deep/x', 'x'); os.rename('deep', 'moved')",
        "os.rename('moved', 'deep')",
    ],
    "empty folders and modes": [
        "os.makedirs('void/void'); os.mkdir('private', 0o700); os.chmod('a.txt', 0o600); os.chmod('keep', 0o775)",
        "os.unlink('keep/one'); os.unlink('keep/two'); write('secret', 's', 0o400); os.chmod('.', 0o750)",
        "shutil.rmtree('keep'); os.rmdir('void/void'); os.chmod('deep/a', 0o555)",
        "os.chmod('deep/a', 0o755); shutil.rmtree('deep/a/b'); write('s', 's'); os.chmod('s', 0o1644)",
    ],
    "ignored files": [
        "write('build/out.o', 'o'); write('x.log', 'l', 0o640); write('build/sub/tool', 't', 0o755)",
        "write('build/tracked', 'changed'); write('build/.git/config', 'c'); write('build/git~1', 'g')",
        "write('build/%', 'p'); write('build/.gitmodules', 'm')",
        "shutil.rmtree('build'); write('x.log', 'longer')",
        "write('.gitignore', 'deep/\\n'); write('deep/new', 'n'); write('deep/a/b/file', 'tracked all the same')",
        "os.unlink('.gitignore'); write('build/now-work', 'w')",
    ],
    "ignore rules of lower folders": [
        "write('rules/x.tmp', 'i'); write('rules/y', 'w')",
        "os.unlink('rules/.gitignore'); write('rules/z.tmp', 'w')",
        "shutil.rmtree('rules'); write('rules/x.tmp', 'w')",
    ],
    "what a setup left": [
        "write('node_modules/m/index.js', 'changed'); write('node_modules/new', 'n')",
        "os.unlink('node_modules/m/other.js'); os.unlink('generated.txt')",
        "shutil.rmtree('node_modules/m')",
        "shutil.rmtree('node_modules'); write('node_modules/m/index.js', 'mine'); os.chmod('tools', 0o755)",
        "shutil.rmtree('keep'); shutil.rmtree('tools'); os.mkdir('tools')",
        "shutil.rmtree('node_modules'); write('generated.txt', 'work now')",
    ],
    "nested repositories": [
        "write('vendor/lib/.git/HEAD', 'ref: x'); write('vendor/lib/code', 'c'); write('vendor/wt/.git', 'gitdir: /x')",
        "shutil.rmtree('vendor/lib/.git'); write('.git/description', 'not kept')",
    ],
}  # fmt: skip


@dataclass
class Pair:
    """The same repository in both forms, and places for more."""

    repository: Repository
    folder: Path
    layers: tuple[Path, ...]
    number: int = 0
    made: list[Workspace] = field(default_factory=list)

    async def workspace(self, form: str, checkpoint: Checkpoint | None = None) -> Inside:
        """A new one, restored."""
        self.number += 1
        place = self.folder / str(self.number)
        workspace = Workspace(self.repository, place, overlay=form == "overlay", fuse=form == "fuse")
        self.made.append(workspace)
        await workspace.restore(await self.repository.resolve(None), checkpoint, self.layers)
        return Inside(workspace)

    async def steps(self, steps: list[str], form: str) -> list[tuple[Checkpoint, Snapshot]]:
        """Do them one after the other; the checkpoint and the files after each."""
        inside = await self.workspace(form)
        done = []
        for step in steps:
            inside.python(step)
            done.append((await inside.workspace.save(), inside.snapshot()))
            assert inside.workspace.skipped == ()
        return done

    async def beside(self, checkpoint: Checkpoint) -> str:
        """What is kept beside the work, as git lists it."""
        parents = (await self.repository.git.run("rev-list", "--parents", "-1", checkpoint.commit)).decode().split()
        return "" if len(parents) < 3 else (await self.repository.git.run("ls-tree", "-r", parents[2])).decode()


@pytest.fixture
async def pair(user: UserRepository, tmp_path: Path) -> AsyncIterator[Pair]:
    """A repository with some of everything, and two layers of a setup."""
    files = {
        "keep/one": "1", "keep/two": "2", "deep/a/b/file": "f", "deep/a/b/other": "o", "deep/top": "t",
        "build/tracked": "b", ".gitignore": "build/\n*.log\nnode_modules/\ntools/\n", "rules/.gitignore": "*.tmp\n",
    }  # fmt: skip
    for name, content in files.items():
        user.write(name, content)
    user.git("add", "-f", "build/tracked")
    user.write("run.sh", "#!/bin/sh\n", 0o755)
    os.symlink("a.txt", user.path / "link")
    user.commit()
    setup = UserRepository(tmp_path / "setup")
    for name in ("node_modules/m/index.js", "node_modules/m/other.js", "generated.txt", "keep/__pycache__/x.pyc"):
        setup.write(name, name)
    for name in ("keep/one", "run.sh/inside", "deep/a"):  # of an older commit: what the base has is what counts
        setup.write(name, "not of the base")
    setup.write("tools/bin/tool", "t", 0o700)
    for name in ("tools", "tools/bin"):
        (setup.path / name).chmod(0o770)
    second = UserRepository(tmp_path / "second")
    second.write("node_modules/.package-lock.json", "{}")
    second.write("node_modules/m/other.js", "of the second layer")
    (second.path / "empty").mkdir()
    for folder in (setup.path, second.path):
        folder.chmod(0o755)
    repository = await Repository.open(tmp_path / "state", str(user.path))
    pair = Pair(repository, tmp_path / "attempts", (setup.path, second.path))
    yield pair
    for workspace in pair.made:
        await workspace.remove()


async def same_in_all(pair: Pair, steps: list[str], forms: tuple[str, ...] = FORMS) -> None:
    """Do the steps in each form, and compare all that can be compared."""
    done = await pair.steps(steps, "overlay")
    for form in forms[1:]:
        again = await pair.steps(steps, form)
        for (one, seen), (other, also) in zip(done, again, strict=True):
            assert one.tree == other.tree
            assert seen == also
            assert await pair.beside(one) == await pair.beside(other)
            assert one == other
    for checkpoint, seen in done:
        for form in forms if checkpoint == done[-1][0] else forms[:2]:  # a mount for each would take long
            inside = await pair.workspace(form, checkpoint)
            assert inside.snapshot() == seen
            assert await inside.workspace.save() == checkpoint


def _forms_for(name: str) -> tuple[str, ...]:
    # fuse-overlayfs 1.10 forgets that what lay below a folder must not show when it is renamed
    return FORMS[:2] if name == "renamed folders" else FORMS


@pytest.mark.parametrize("name", STEPS)
async def test_the_same_steps_leave_the_same(pair: Pair, name: str) -> None:
    await same_in_all(pair, STEPS[name], _forms_for(name))


@pytest.mark.parametrize("name", sorted(STEPS.keys() - {"what a setup left"}))
async def test_the_same_without_what_a_setup_left(pair: Pair, name: str) -> None:
    pair.layers = ()
    await same_in_all(pair, STEPS[name], _forms_for(name))


def _random_step(dice: random.Random) -> str:
    places = ["a.txt", "keep", "keep/one", "deep", "deep/a", "deep/a/b/file", "build", "build/x", "node_modules", "new",
              "node_modules/m", "node_modules/m/index.js", "tools/bin", "generated.txt", "new/er", "rules", "q.log",
              "keep/__pycache__", "empty"]  # fmt: skip
    lines = ["def attempt(work):\n    try: work()\n    except OSError: pass"]
    for _ in range(dice.randint(1, 5)):
        place, other = dice.choice(places), dice.choice(places)
        work = dice.choice([
            f"write({place!r}, {dice.choice('abc')!r})", f"write({place + '/f'!r}, {dice.choice('abc')!r})",
            f"os.unlink({place!r})", f"shutil.rmtree({place!r})", f"os.makedirs({place!r})",
            f"os.chmod({place!r}, {dice.choice([0o755, 0o700, 0o640, 0o775, 0o644])} | 0o100)",
            f"os.path.lexists({other!r}) or shutil.move({place!r}, {other!r})", f"os.symlink({other!r}, {place!r})",
            f"write({place + '/.gitignore'!r}, {dice.choice(['*', 'f', '!f', 'one'])!r})",
        ])  # fmt: skip
        lines.append(f"attempt(lambda: {work})")
    return "\n".join(lines)


@pytest.mark.parametrize("seed", range(int(os.environ.get("TEST_WORKSPACE_SEEDS", "4"))))
async def test_whatever_the_steps_are(pair: Pair, seed: int) -> None:
    dice = random.Random(seed)
    await same_in_all(pair, [_random_step(dice) for _ in range(5)], FORMS[:2])


async def test_a_layered_workspace_holds_only_what_differs(pair: Pair) -> None:
    inside = await pair.workspace("overlay")
    workspace = inside.workspace
    assert workspace.form == "overlay"
    assert not list((workspace.folder / "upper").iterdir())
    inside.python("write('deep/top', 'changed'); os.unlink('keep/one'); shutil.rmtree('build')")
    saved = await workspace.save()
    again = (await pair.workspace("overlay", saved)).workspace.folder / "upper"
    listed = {str(path.relative_to(again)): path.lstat() for path in again.rglob("*")}
    assert set(listed) == {"deep", "deep/top", "keep", "keep/one", "build"}
    for name in ("keep/one", "build"):
        assert stat.S_ISCHR(listed[name].st_mode)
        assert listed[name].st_rdev == 0


async def test_a_plain_workspace_says_how_it_was_copied(pair: Pair) -> None:
    inside = await pair.workspace("copy")
    assert inside.workspace.form in ("reflink", "copy")
    assert inside.workspace.spec() == inside.workspace.tree
