"""Search for a small edit of Python source that makes the checks pass. Start: `python3 search.py --help`.

This file only makes its folder importable as a package, whatever the folder is called where it is mounted.
"""

from __future__ import annotations

import importlib
import importlib.util
import os
import sys

PACKAGE = "midwatch_box"


def load() -> None:
    """Register the folder of this file as the package PACKAGE."""
    here = os.path.dirname(os.path.abspath(__file__))
    spec = importlib.util.spec_from_file_location(
        PACKAGE, os.path.join(here, "__init__.py"), submodule_search_locations=[here]
    )
    if spec is None or spec.loader is None:
        raise ImportError(here)
    package = importlib.util.module_from_spec(spec)
    sys.modules[PACKAGE] = package
    spec.loader.exec_module(package)


if __name__ == "__main__":
    sys.dont_write_bytecode = True
    load()
    sys.exit(importlib.import_module(PACKAGE + ".main").main(sys.argv[1:]))
