"""Whether a turn costs more the longer an attempt is: jobs of 50 to 1,000 turns, and what the model request does.

The time of making and sending requests stands beside the whole, since a request holds the whole conversation; so do the
bytes of the database for each turn, and each quarter's processor time for a turn of the longest job.
"""

from __future__ import annotations

import argparse
import shutil
import statistics
import tempfile
from pathlib import Path

from scripts.benches.jobs_model import model
from scripts.benches.throughput import Cost, ours


def main() -> None:
    """Print the tables."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--turns", default="50,100,200,1000", metavar="N,…", help="lengths of a job")
    parser.add_argument("--rounds", type=int, default=3, metavar="N", help="runs of each length, interleaved")
    options = parser.parse_args()
    lengths = [int(number) for number in options.turns.split(",")]
    scratch = Path(tempfile.mkdtemp(prefix="midwatch-bench-"))
    scratch.chmod(0o755)
    costs: dict[int, list[Cost]] = {turns: [] for turns in lengths}
    try:
        with model() as url:
            for _ in range(options.rounds):
                for turns in lengths:
                    costs[turns].append(ours(url, scratch, 1, 1, turns=turns, before=1, curve=True))
    finally:
        shutil.rmtree(scratch, ignore_errors=True)
    print("| turns | CPU-s of the job | own ms a turn | of it requests | started ms a turn | database bytes a turn |")
    print("|---" * 6 + "|")
    for turns, found in costs.items():
        _row(turns, found)
    longest = max(lengths)
    quarters = zip(*(cost.more["curve"]["quarters"] for cost in costs[longest]), strict=True)
    shown = ", ".join(f"{statistics.median(times) * 1000:.2f}" for times in quarters)
    print(f"\nOwn ms a turn in each quarter of the job of {longest} turns, requests left out: {shown}.")


def _row(turns: int, found: list[Cost]) -> None:
    curves = [cost.more["curve"] for cost in found]
    both = statistics.median(cost.own + cost.others for cost in found)
    own = statistics.median(cost.own / turns for cost in found) * 1000
    others = statistics.median(cost.others / turns for cost in found) * 1000
    requests = statistics.median(curve["requests"] / turns for curve in curves) * 1000
    size = statistics.median(curve["database"] / turns for curve in curves)
    print(f"| {turns:,} | {both:.2f} | {own:.2f} | {requests:.2f} | {others:.2f} | {size:,.0f} |")


if __name__ == "__main__":
    main()
