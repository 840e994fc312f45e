"""The injection tests as a page: where text comes from, what it asks for; --write puts it into docs/injection.md."""

from __future__ import annotations

import argparse
import sys

from scripts.benches.cases import ROOT
from tests.injection.table import page


def main() -> int:
    """Print the page, or write it."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--write", action="store_true", help="write docs/injection.md")
    if parser.parse_args().write:
        (ROOT / "docs" / "injection.md").write_text(page(), encoding="utf-8")
    else:
        print(page())
    return 0


if __name__ == "__main__":
    sys.exit(main())
