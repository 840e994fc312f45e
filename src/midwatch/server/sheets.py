"""Tables as CSV, for spreadsheets, which take a cell that begins with certain signs for a formula."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Sequence
from typing import Any

from fastapi.responses import Response

CSV: dict[int | str, dict[str, Any]] = {200: {"content": {"text/csv": {"schema": {"type": "string"}}}}}
"""The answer of a route, for the OpenAPI document."""
_STARTS = ("=", "+", "-", "@", "\t", "\r", "\n", "|", "%")
"""Of a formula, in one program or another."""

Cell = str | int | float | None


class Csv(Response):
    """A table to be kept as a file."""

    media_type = "text/csv"


def sheet(name: str, head: Sequence[str], rows: Iterable[Sequence[Cell]]) -> Csv:
    """A table with a line for what its columns are. None is an empty cell; text that begins as a formula gets an
    apostrophe in front, so that it stays text."""
    written = io.StringIO()
    writer = csv.writer(written, lineterminator="\r\n")
    writer.writerow(head)
    writer.writerows([_cell(value) for value in row] for row in rows)
    headers = {
        "Content-Disposition": f'attachment; filename="{name}.csv"', "X-Content-Type-Options": "nosniff",
        "Cache-Control": "no-store",
    }  # fmt: skip
    return Csv(written.getvalue().encode("utf-8", "replace"), headers=headers)


def _cell(value: Cell) -> Cell:
    if not isinstance(value, str):
        return value
    text = value.replace("\0", " ")
    return f"'{text}" if text.lstrip(" ").startswith(_STARTS) or text.startswith(_STARTS) else text
