"""The attack suite as a page: what is tried, what stops it, what is open; --write puts it into docs/attacks.md."""

from __future__ import annotations

import argparse
import sys

from scripts.benches.cases import ROOT
from tests.attack.table import page


def main() -> int:
    """Print the page, or write it."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--write", action="store_true", help="write docs/attacks.md")
    if parser.parse_args().write:
        (ROOT / "docs" / "attacks.md").write_text(page(), encoding="utf-8")
    else:
        print(page())
    return 0


if __name__ == "__main__":
    sys.exit(main())
