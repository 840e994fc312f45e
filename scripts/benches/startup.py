"""How long until something happens: `--version`, `list`, and the first model request of `run`.

The runs of all rows are interleaved, so that a change of the machine's load meets them alike; the medians and the
ratios to `python -c "import typer"` come from the same runs. The model is a server on loopback that never answers; the
rows of `exec` are one whole turn with a model that answers at once, from start to the end of the process, of Codex's
binary too where `--codex` names it.
"""

from __future__ import annotations

import argparse
import functools
import itertools
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

from tests.support.model_server import ModelServer, hangs, says, serving

MIDWATCH = str(Path(sys.executable).with_name("midwatch"))
TOO_LONG = 60.0

Row = Callable[[], float]


def milliseconds_of(command: list[str], environ: dict[str, str]) -> float:
    """Wall clock of a program from exec to its end."""
    start = time.perf_counter()
    # without a time limit: waiting with one sleeps in steps of up to 50 ms
    nowhere = subprocess.DEVNULL
    subprocess.run(command, env=environ, stdin=nowhere, stdout=nowhere, stderr=nowhere, check=True)
    return (time.perf_counter() - start) * 1000


def milliseconds_to_first_request(server: ModelServer, command: list[str], environ: dict[str, str]) -> float:
    """From exec of `midwatch run` until the server has its request; the run is stopped there."""
    before = len(server.requests)
    base_url = server.script(hangs(), says(""))
    start = time.perf_counter()
    process = subprocess.Popen(
        command, env=environ | {"MIDWATCH_BASE_URL": base_url}, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE
    )
    try:
        while len(server.requests) == before:
            if process.poll() is not None or time.perf_counter() - start > TOO_LONG:
                assert process.stderr is not None
                process.kill()
                raise SystemExit(f"the run asked no model: {process.stderr.read().decode(errors='replace')}")
            time.sleep(0.0005)
        return (time.perf_counter() - start) * 1000
    finally:
        process.kill()
        process.communicate()


def make_repository(folder: Path) -> Path:
    """The example, as `midwatch example` writes it."""
    subprocess.run([MIDWATCH, "example", str(folder)], stdout=subprocess.DEVNULL, check=True, timeout=TOO_LONG)
    return folder


def turns(server: ModelServer, scratch: Path, environ: dict[str, str], codex: str) -> dict[str, Row]:
    """One turn of each program, kept and not."""
    base_url = server.script(says("Done."))
    provider = f'model_providers.m={{name="m", base_url="{base_url}", wire_api="responses", env_key="MOCK_KEY"}}'
    values = ["-c", provider, "-c", "model_provider=m", "-c", "analytics.enabled=false", "-m", "gpt-5.5"]
    found: dict[str, Row] = {}
    for name, program in (("midwatch", MIDWATCH), ("codex", codex)):
        home = scratch / f"{name}-turns"
        around = environ | {"MOCK_KEY": "k", "XDG_STATE_HOME": str(home), "CODEX_HOME": str(home)}
        home.mkdir()
        for option in ([], ["--ephemeral"]):
            command = [program, "exec", "--json", *values, *option, "-C", str(scratch / "repository"), "Go"]
            row = functools.partial(milliseconds_of, command, around)
            found |= {" ".join([name, "exec", *option]): row} if program else {}
    return found


def rows(server: ModelServer, scratch: Path, codex: str) -> dict[str, Row]:
    """What is measured, by name; the first one is what the others are compared with."""
    # Compiled modules are kept, as they are for everybody who has not said otherwise.
    left_out = ("MIDWATCH_", "OPENAI_", "PYTHONDONTWRITEBYTECODE")
    environ = {k: v for k, v in os.environ.items() if not k.startswith(left_out)}
    environ |= {"XDG_STATE_HOME": str(scratch / "state"), "XDG_CONFIG_HOME": str(scratch / "config")}
    repository = make_repository(scratch / "repository")
    run = [MIDWATCH, "run", "Mend it", "--repo", str(repository), "--model", "vllm/bench"]
    numbers = itertools.count()

    def fresh() -> float:
        state = {"XDG_STATE_HOME": str(scratch / f"state-{next(numbers)}")}
        return milliseconds_to_first_request(server, run, environ | state)

    # a state of its own: what a killed run leaves in the database's journal is tidied by whoever comes next, once
    listed = environ | {"XDG_STATE_HOME": str(scratch / "listed")}
    for _ in range(5):
        milliseconds_to_first_request(server, run, listed)
    return {
        'python -c "import typer"': lambda: milliseconds_of([sys.executable, "-c", "import typer"], environ),
        "python -c pass": lambda: milliseconds_of([sys.executable, "-c", "pass"], environ),
        "midwatch --version": lambda: milliseconds_of([MIDWATCH, "--version"], environ),
        "midwatch list": lambda: milliseconds_of([MIDWATCH, "list"], listed),
        "midwatch run to the first request": lambda: milliseconds_to_first_request(server, run, environ),
        "the same, nothing cached yet": fresh,
        **turns(server, scratch, environ, codex),
    }


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("--rounds", type=int, default=15, metavar="N", help="runs of each row (15)")
    parser.add_argument("--codex", default="", metavar="PATH", help="Codex's binary, to be measured as well")
    options = parser.parse_args()
    rounds = options.rounds
    scratch = Path(tempfile.mkdtemp(prefix="midwatch-bench-", dir=Path.home()))  # Codex wants no home below /tmp
    try:
        with serving() as server:
            measured = rows(server, scratch, options.codex)
            for row in measured.values():  # once, not counted: fills the disk's cache
                row()
            times: dict[str, list[float]] = {name: [] for name in measured}
            for _ in range(rounds):
                for name, row in measured.items():
                    times[name].append(row())
    finally:
        shutil.rmtree(scratch, ignore_errors=True)
    first = statistics.median(next(iter(times.values())))
    print(f"{rounds} interleaved runs, Python {sys.version.split()[0]}, load {os.getloadavg()[0]:.1f}\n")
    print("| | median ms | least ms | ratio of medians |\n|---|---|---|---|")
    for name, values in times.items():
        median = statistics.median(values)
        print(f"| `{name}` | {median:.0f} | {min(values):.0f} | {median / first:.2f} |")


if __name__ == "__main__":
    main()
