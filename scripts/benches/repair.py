"""The offline model on the `one-edit` cases: what it finds, whether that is the original, how long it takes.

    scripts/bench repair --cases FOLDER [CASE ...]

correct: the repaired file means the same as the original; plausible: passes every check but differs; else not found.
"""

from __future__ import annotations

import argparse
import ast
import json
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory
from typing import Any

from scripts.benches.cases import Ended, branch_tree, check_command, laid_out, load_cases, midwatch


def same_meaning(one: Path, two: Path) -> bool:
    """Whether two Python files have the same syntax tree."""
    return ast.dump(ast.parse(one.read_bytes())) == ast.dump(ast.parse(two.read_bytes()))


def judge(module: Any, case: dict[str, Any], repository: Path, ended: Ended) -> str:
    """correct, plausible, wrong (grading fails) or not found."""
    with TemporaryDirectory() as scratch:
        tree = branch_tree(repository, Path(scratch, "tree"))
        if tree is None or ended.exit_code != 0:
            return "not found"
        results, _ = module.outcome(case, tree)
        if any(module.judge(case, results)):
            return "wrong"
        edited = case["source"]["edit"]["file"]
        original = module.sdist(case["source"]["base"]) / edited
        return "correct" if same_meaning(original, tree / edited) else "plausible"


def main() -> None:
    """Run the cases one by one and print a table and the sums."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--cases", type=Path, required=True, help="folder with manifest.jsonl and check_cases.py")
    parser.add_argument("--tier", default="one-edit")
    parser.add_argument("names", nargs="*", metavar="CASE")
    arguments = parser.parse_args()
    module, cases = load_cases(arguments.cases, arguments.tier, arguments.names)
    print("| case | result | candidates | also passed | seconds |\n|---|---|---|---|---|")
    seconds, counts = [], {"correct": 0, "plausible": 0, "wrong": 0, "not found": 0}
    for case in cases:
        with laid_out(module, case) as (repository, state):
            check = check_command(module, case)
            ended = midwatch(repository, state, case["problem_statement"], "--check", check)
            word = judge(module, case, repository, ended)
        counts[word] += 1
        seconds.append(ended.seconds)
        verdict = ended.verdict
        others = verdict.get("plausible", "")
        print(
            f"| {case['instance_id']} | {word} | {verdict.get('tried', '')} | {others} | {ended.seconds:.1f} |",
            flush=True,
        )
        if not verdict:
            print(json.dumps({"exit": ended.exit_code, "stderr": ended.stderr[-500:]}), flush=True)
    total = len(cases)
    solved = counts["correct"] + counts["plausible"]
    print(f"\n{solved} of {total} solved ({counts['correct']} correct, {counts['plausible']} plausible), "
          f"{counts['wrong']} wrong, {counts['not found']} not found; "
          f"median {median(seconds):.1f} s, longest {max(seconds):.1f} s")  # fmt: skip


if __name__ == "__main__":
    main()
