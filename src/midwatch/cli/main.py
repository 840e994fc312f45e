"""The program's entry. Nothing is imported here that `midwatch --version` does not need."""

from __future__ import annotations

import sys
from collections.abc import Sequence

from midwatch import __version__
from midwatch.cli.table import COMMANDS as COMMANDS


def main(arguments: Sequence[str] | None = None) -> None:
    """Run the program and leave the process with its exit code."""
    given = list(sys.argv[1:] if arguments is None else arguments)
    if given[:1] in (["--version"], ["-V"]):
        sys.stdout.write(f"midwatch {__version__}\n")
        return
    import gc

    from midwatch.cli.program import perform

    code = perform(given)
    gc.freeze()  # the process ends: to look through all that was imported once more takes 30 ms
    sys.exit(code)
