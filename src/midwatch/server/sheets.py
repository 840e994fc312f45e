"""Tables as CSV, for spreadsheets, which take a cell that begins with certain signs for a formula."""

from __future__ import annotations

import csv
import io
from collections.abc import AsyncIterator, Iterable, Sequence
from typing import Any

from fastapi.responses import Response, StreamingResponse

CSV: dict[int | str, dict[str, Any]] = {200: {"content": {"text/csv": {"schema": {"type": "string"}}}}}
"""The answer of a route, for the OpenAPI document."""
_STARTS = ("=", "+", "-", "@", "\t", "\r", "\n", "|", "%")
"""Of a formula, in one program or another."""

Cell = str | int | float | None


class Csv(Response):
    """A table to be kept as a file."""

    media_type = "text/csv"


class LongCsv(StreamingResponse):
    """The same, sent while it is being read."""

    media_type = "text/csv"


def sheet(name: str, head: Sequence[str], rows: Iterable[Sequence[Cell]]) -> Csv:
    """A table with a line for what its columns are. None is an empty cell; text that begins as a formula gets an
    apostrophe in front, so that it stays text."""
    return Csv(_written([head, *rows]), headers=_headers(name))


def long_sheet(name: str, head: Sequence[str], parts: AsyncIterator[Iterable[Sequence[Cell]]]) -> LongCsv:
    """As `sheet`, for a table of any length: no more than one part of it is held."""

    async def sent() -> AsyncIterator[bytes]:
        yield _written([head])
        async for rows in parts:
            for row in rows:
                yield _written([row])

    return LongCsv(sent(), headers=_headers(name))


def _headers(name: str) -> dict[str, str]:
    return {"Content-Disposition": f'attachment; filename="{name}.csv"'}


def _written(rows: Iterable[Sequence[Cell]]) -> bytes:
    written = io.StringIO()
    csv.writer(written, lineterminator="\r\n").writerows([_cell(value) for value in row] for row in rows)
    return written.getvalue().encode("utf-8", "replace")


def _cell(value: Cell) -> Cell:
    if not isinstance(value, str):
        return value
    text = value.replace("\0", " ")
    return f"'{text}" if text.lstrip(" ").startswith(_STARTS) or text.startswith(_STARTS) else text
