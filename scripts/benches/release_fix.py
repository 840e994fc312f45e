"""The whole pipeline on real bugs of real releases, with a scripted model: the true fix, a wrong fix, and `repair`.

    scripts/bench release_fix --cases FOLDER [--no-repair] [CASE ...]

The repository is the release with the bug plus the next release's tests. The model applies the difference to the fixed
release with apply_patch (true), or breaks the module instead (wrong). Expected: `ready, passed` and `draft, failed`.
"""

from __future__ import annotations

import argparse
import difflib
from pathlib import Path
from typing import Any

from scripts.benches.cases import Ended, check_command, laid_out, load_cases, midwatch
from tests.support.model_server import ModelServer, calls, says, serving


def patch_text(path: str, old: str, new: str) -> str:
    """An update of one file in the patch format, each change under its whole old block so that it is unambiguous."""
    before, after = old.splitlines(), new.splitlines()
    lines = [f"*** Update File: {path}"]
    for group in difflib.SequenceMatcher(None, before, after, autojunk=False).get_grouped_opcodes(8):
        lines.append("@@")
        for tag, i1, i2, j1, j2 in group:
            if tag == "equal":
                lines += [f" {line}" for line in before[i1:i2]]
            else:
                lines += [f"-{line}" for line in before[i1:i2]] + [f"+{line}" for line in after[j1:j2]]
    return "\n".join(lines)


def true_fix(module: Any, case: dict[str, Any], repository: Path) -> str:
    """The patch from the release to the next, over the files that the fix touches."""
    fixed = module.sdist(case["source"]["fix"])
    parts = []
    for name in case["gold_files"]:
        if (repository / name).exists():
            parts.append(patch_text(name, (repository / name).read_text(), (fixed / name).read_text()))
        else:
            parts.append(
                f"*** Add File: {name}\n" + "\n".join(f"+{x}" for x in (fixed / name).read_text().splitlines())
            )
    return "\n".join(["*** Begin Patch", *parts, "*** End Patch"])


def wrong_fix(case: dict[str, Any], repository: Path) -> str:
    """A patch that applies and breaks the module: an error at its end."""
    name = case["gold_files"][0]
    last = (repository / name).read_text().splitlines()[-1]
    chunk = f"@@\n {last}\n+raise RuntimeError('a wrong fix')\n*** End of File"
    return f"*** Begin Patch\n*** Update File: {name}\n{chunk}\n*** End Patch"


def play(server: ModelServer, case: dict[str, Any], repository: Path, state: Path, patch: str, check: str) -> Ended:
    """A run with a model that looks, patches, runs the check and ends."""
    url = server.script(
        calls("shell", command="git log --oneline | head -n 3; ls"),
        calls("apply_patch", patch=patch),
        calls("shell", command=check),
        says("Fix the reported behaviour\n\nApplied the change and ran the check."),
    )
    environ = {"MIDWATCH_MODEL": "openai/scripted", "OPENAI_API_KEY": "scripted", "OPENAI_BASE_URL": url}
    return midwatch(repository, state, case["problem_statement"], "--check", check, environ=environ)


def words(ended: Ended) -> str:
    """The pull request's state and its evidence, from the run's result."""
    request = ended.result.get("pull_request") or {}
    proposal = request.get("proposal") or {}
    if not proposal:
        return f"no pull request (exit {ended.exit_code})"
    return f"{'draft' if proposal['draft'] else 'ready'}, {proposal['verdict']}"


def main() -> None:
    """Run the cases one by one and print a table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--cases", type=Path, required=True, help="folder with manifest.jsonl and check_cases.py")
    parser.add_argument("--no-repair", action="store_true", help="leave the offline model out")
    parser.add_argument("names", nargs="*", metavar="CASE")
    arguments = parser.parse_args()
    module, cases = load_cases(arguments.cases, "release-fix", arguments.names)
    print("| case | true fix | s | wrong fix | s | repair | s |\n|---|---|---|---|---|---|---|")
    with serving() as server:
        for case in cases:
            cells = []
            for kind in ("true", "wrong", *(() if arguments.no_repair else ("repair",))):
                with laid_out(module, case, with_tests=True) as (repository, state):
                    check = check_command(module, case)
                    if kind == "repair":
                        ended = midwatch(repository, state, case["problem_statement"], "--check", check)
                    else:
                        fix = true_fix(module, case, repository) if kind == "true" else wrong_fix(case, repository)
                        ended = play(server, case, repository, state, fix, check)
                cells += [words(ended), f"{ended.seconds:.1f}"]
            print(f"| {case['instance_id']} | {' | '.join(cells)} |", flush=True)


if __name__ == "__main__":
    main()
