"""apply_patch beside Codex's own: every scenario folder and random patches through both, and where they differ."""

from __future__ import annotations

import argparse
import asyncio
import os
import re
import shutil
import subprocess
import sys
import tempfile
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from midwatch.tools.patch.tool import run_patch
from scripts.benches.cases import ROOT
from scripts.benches.patch_generator import trial
from tests.tools.folder_box import WatchedBox, folder_box

Tree = dict[str, bytes]

ON_PURPOSE = (
    ("is ambiguous", "refused here: the place is ambiguous, Codex takes the first"),
    ("'..' is not allowed", "refused here: the path leaves the workspace"),
    ("reached by a symbolic link", "refused here: the path is a symbolic link or goes through one"),
    ("outside the workspace", "refused here: the path leaves the workspace"),
    ("git's own files", "refused here: git's own files"),
    (":\n\n(chunk on line", "refused here: an empty line that is not there is all that says where new lines go"),
)
"""What our message says, and what the difference is, where Codex applies a patch that we refuse."""


LENIENT = (
    ("is empty", "applied here: a new name without a chunk"),
    ("Unexpected line found in update hunk: '@@", "applied here: headers that stand below each other"),
    ("'' is not a valid hunk header", "applied here: blank lines between operations"),
    ("first line of the patch must be", "applied here: a Markdown fence, or the command before a here-document"),
    ("invalid utf-8", "applied here: a file that is not UTF-8 throughout"),
    ("\n\n\n", "applied here: several empty lines at the end of a chunk, which are layout"),
    ("Failed to find context '-", "applied here: the line numbers of a unified diff in a header"),
)
"""What Codex's message says, and what the difference is, where we apply a patch that Codex refuses."""

BY_NAME = {
    "010_move_onto_its_own_name": "another result: Codex deletes a file that is moved onto its own name",
    "049_header_repeated_as_the_first_line": "applied here: the header again as the chunk's first line",
    "130_a_carriage_return_inside_a_line_is_content": "applied here: a carriage return inside a line",
    "139_move_keeps_that_a_file_is_executable": "another result: a file that moves stays executable here",
    "166_move_of_an_executable_file_and_a_new_file_of_its_name": (
        "another result: a file that moves stays executable here"
    ),
    "160_a_path_with_blanks_at_its_ends": "applied here: more than one blank before a path",
    "082_byte_order_mark_stays": "applied here: a file with a byte order mark",
}
"""The scenarios that differ on purpose, in a way that no message tells."""

LAYOUT = re.compile(r"^(?:@@.*|\*\*\* Update File: .*)\n(?:\+.*\n)+\n", re.MULTILINE)
"""A chunk that only adds lines, and a blank line behind it."""


@dataclass(frozen=True, slots=True)
class Outcome:
    """What came of a patch."""

    ok: bool
    said: str
    tree: Tree


@dataclass(frozen=True, slots=True)
class Case:
    """One patch for both."""

    name: str
    files: Path
    patch: str
    traits: frozenset[str] = frozenset()


def main() -> int:
    """Run both over everything and print the table; exit code 1 when a difference has no explanation."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--codex", type=Path, required=True, help="the binary out of the npm package @openai/codex")
    parser.add_argument("--patches", type=int, default=2000, help="random patches (2000)")
    parser.add_argument("--seed", type=int, default=1, help="the first seed (1)")
    parser.add_argument("--show", type=int, default=5, help="unexplained differences to print in full (5)")
    given = parser.parse_args()
    cases = (given.patches, given.seed)
    with tempfile.TemporaryDirectory() as name:
        root = Path(name)
        (root / "apply_patch").symlink_to(given.codex.resolve())
        return asyncio.run(_run(root, _cases(root, *cases), given.show))


async def _run(root: Path, cases: Iterator[Case], show: int) -> int:
    counts: Counter[str] = Counter()
    traits: Counter[str] = Counter()
    async with folder_box(root) as box:
        for case in cases:
            ours = await _ours(box, case)
            theirs = _theirs(root, case)
            kind = _difference(case.patch, ours, theirs)
            if kind.startswith("UNEXPLAINED"):
                kind = BY_NAME.get(case.name, kind)
            counts[kind] += 1
            traits.update(case.traits)
            if kind.startswith("UNEXPLAINED") and counts["shown"] < show:
                counts["shown"] += 1
                _print_difference(case, kind, ours, theirs)
    del counts["shown"]
    print("\n| outcome | patches |\n|---|---:|")
    for kind, count in counts.most_common():
        print(f"| {kind} | {count} |")
    print("\nrandom patches with: " + ", ".join(f"{trait} {count}" for trait, count in sorted(traits.items())))
    return int(any(kind.startswith("UNEXPLAINED") for kind in counts))


def _cases(root: Path, patches: int, seed: int) -> Iterator[Case]:
    empty = root / "empty"
    empty.mkdir()
    for folder in sorted((ROOT / "tests/cases/patch").iterdir()):
        if folder.is_dir():
            files = folder / "input"
            patch = (folder / "patch.txt").read_bytes().decode()
            yield Case(folder.name, files if files.is_dir() else empty, patch)
    files = root / "files"
    for number in range(seed, seed + patches):
        made = trial(number)
        shutil.rmtree(files, ignore_errors=True)
        files.mkdir()
        for name, content in made.files.items():
            (files / name).parent.mkdir(parents=True, exist_ok=True)
            (files / name).write_bytes(content)
        yield Case(f"seed {number}", files, made.patch, made.traits)


async def _ours(box: WatchedBox, case: Case) -> Outcome:
    folder = Path(box.workdir)
    _fill(folder, case.files)
    result = await run_patch(case.patch, box)
    return Outcome(result.ok, result.output, _tree(folder))


def _fill(folder: Path, files: Path) -> None:
    """Make the folder hold these files and no other; it stays the same folder, because the box has it open."""
    for path in folder.iterdir():
        shutil.rmtree(path) if path.is_dir() and not path.is_symlink() else path.unlink()
    shutil.copytree(files, folder, symlinks=True, dirs_exist_ok=True)


def _theirs(root: Path, case: Case) -> Outcome:
    folder = root / "theirs"
    shutil.rmtree(folder, ignore_errors=True)
    shutil.copytree(case.files, folder, symlinks=True)
    home = {"HOME": str(root), "PATH": os.defpath}
    done = subprocess.run(
        [root / "apply_patch"], input=case.patch.encode(), cwd=folder, env=home, capture_output=True, timeout=60,
        check=False,
    )  # fmt: skip
    said = (done.stdout if done.returncode == 0 else done.stderr).decode("utf-8", "replace")
    return Outcome(done.returncode == 0, said, _tree(folder))


def _tree(folder: Path) -> Tree:
    """Files with their contents, executable ones with a star, links with their targets."""
    found: Tree = {}
    for path in folder.rglob("*"):
        name = str(path.relative_to(folder))
        if path.is_symlink():
            found[f"{name}@"] = os.fsencode(path.readlink())
        elif path.is_file():
            found[name + "*" * bool(path.stat().st_mode & 0o100)] = path.read_bytes()
    return found


def _difference(patch: str, ours: Outcome, theirs: Outcome) -> str:
    if ours.ok and theirs.ok:
        if ours.tree != theirs.tree:
            if LAYOUT.search(patch):
                return "another result: blank lines behind added ones are layout here"
            return "UNEXPLAINED: both apply, with different results"
        said, other = (_rows(one.said) for one in (ours, theirs))
        return "the same" if said == other else "UNEXPLAINED: the same files, told in other words"
    if not ours.ok and not theirs.ok:
        return "both refuse"
    if theirs.ok:
        known = [kind for words, kind in ON_PURPOSE if words in ours.said]
        return known[0] if known else "UNEXPLAINED: refused here, applied by Codex"
    known = [kind for words, kind in LENIENT if words in theirs.said]
    return known[0] if known else "UNEXPLAINED: applied here, refused by Codex"


def _rows(said: str) -> list[str]:
    """What a success says, without our notes; paths without a `./` before them, which we leave off."""
    lines = [line.replace(" ./", " ") for line in said.strip().splitlines()]
    return [line for line in lines if not line.startswith("Note: ")]


def _print_difference(case: Case, kind: str, ours: Outcome, theirs: Outcome) -> None:
    print(f"\n== {case.name}: {kind}\n{case.patch}")
    for path in sorted(case.files.rglob("*")):
        if path.is_file():
            print(f"   {path.relative_to(case.files)}: {path.read_bytes()!r}")
    for name, outcome in (("ours", ours), ("codex", theirs)):
        print(f"-- {name}: {'applied' if outcome.ok else 'refused'}: {outcome.said.strip()[:600]}")
        if outcome.ok:
            print(f"   {outcome.tree}")


if __name__ == "__main__":
    sys.exit(main())
