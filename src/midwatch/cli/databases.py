"""Which database a command is about."""

from __future__ import annotations

from argparse import Namespace
from collections.abc import Mapping

from midwatch.cli import arguments
from midwatch.engine.database.address import VARIABLE


def database_option(parser: arguments.Parser) -> None:
    """`--database-url`, which all commands that serve have."""
    parser.add_argument(
        "--database-url",
        metavar="URL",
        help=f"postgresql://user:password@host/name, or sqlite:///path (default: {VARIABLE}, else the state folder)",
    )


def environment(options: Namespace, environ: Mapping[str, str]) -> dict[str, str]:
    """The environment with what the option says."""
    return {**environ, **({VARIABLE: options.database_url} if options.database_url else {})}
