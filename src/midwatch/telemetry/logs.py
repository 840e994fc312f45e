"""The log of a server and its workers on standard error: a line for each thing that happens, for people or programs.

Whoever has something to say takes `logging.getLogger("midwatch.…")` and gives what it is about as `extra`: ids, counts,
seconds. Nothing that a model, a repository or a command has written belongs there.
"""

from __future__ import annotations

import json
import logging
from datetime import UTC, datetime
from typing import Any, TextIO

from midwatch.telemetry.config import TelemetrySettings

_PLAIN = frozenset(vars(logging.makeLogRecord({}))) | {"message", "asctime", "taskName", "color_message"}
_OTHERS = ("uvicorn", "uvicorn.error", "uvicorn.access", "dbos")
"""Loggers of libraries that come with handlers of their own, and are to follow ours."""


_TROUBLE = ("failed", "could not", "a bug", "Traceback", "waiting for the database", "the lease")
_worker = logging.getLogger("midwatch.worker")


def told(turn: str, text: str) -> None:
    """What a worker says of a turn (empty: of itself), as a line of the log; from any thread."""
    level = logging.WARNING if text.startswith(_TROUBLE) else logging.INFO
    first, _, more = text.partition("\n")
    about = {name: value for name, value in (("turn", turn), ("detail", more)) if value}
    _worker.log(level, "%s", first, extra=about)


def configure(settings: TelemetrySettings, stream: TextIO | None = None) -> None:
    """Let everything that is logged go to the stream (standard error), in the form that the settings name. Instead of
    what was configured before; may be called again, as after a library has set up loggers of its own. A server is to be
    started with `log_config=None`."""
    handler = logging.StreamHandler(stream)
    handler.setFormatter(_Json() if settings.logs == "json" else _Text())
    handler.addFilter(_requested)
    level = settings.level.upper()
    root = logging.getLogger()
    for old in root.handlers[:]:
        root.removeHandler(old)
    root.addHandler(handler)
    root.setLevel("WARNING")  # of libraries only what is wrong
    logging.getLogger("midwatch").setLevel(level)
    for name in _OTHERS:
        other = logging.getLogger(name)
        other.handlers.clear()
        other.propagate = True
        other.setLevel("WARNING" if name == "dbos" and level == "INFO" else level)


def _requested(record: logging.LogRecord) -> bool:
    """A request to the server, with its parts as fields; without the query, which may hold what is secret."""
    if record.name == "uvicorn.access" and isinstance(record.args, tuple) and len(record.args) == 5:
        client, method, path, _, status = record.args
        record.msg, record.args = "request", ()
        vars(record).update(client=client, method=method, path=str(path).partition("?")[0], status=status)
    return True


def _fields(record: logging.LogRecord) -> dict[str, Any]:
    return {name: value for name, value in vars(record).items() if name not in _PLAIN}


def _when(record: logging.LogRecord) -> str:
    return datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


class _Json(logging.Formatter):
    """An object to a line."""

    def format(self, record: logging.LogRecord) -> str:
        """See `logging.Formatter`."""
        value: dict[str, Any] = {
            "time": _when(record),
            "level": record.levelname.lower(),
            "logger": record.name,
            "message": record.getMessage(),
        }
        value |= {name: field for name, field in _fields(record).items() if name not in value}
        if record.exc_info:
            value["exception"] = self.formatException(record.exc_info)
        return json.dumps(value, default=str)


class _Text(logging.Formatter):
    """`TIME level logger: message field=value …`; what could be taken for another line or field is quoted."""

    def format(self, record: logging.LogRecord) -> str:
        """See `logging.Formatter`."""
        told = _one_line(record.getMessage())
        fields = "".join(f" {name}={_quoted(value)}" for name, value in _fields(record).items())
        line = f"{_when(record)} {record.levelname.lower()} {record.name}: {told}{fields}"
        if record.exc_info:
            trace = self.formatException(record.exc_info).splitlines()
            line += "".join(f"\n  {_one_line(part)}" for part in trace)
        return line


def _one_line(text: str) -> str:
    return text if text.isprintable() else json.dumps(text)[1:-1]


def _quoted(value: Any) -> str:
    text = str(value)
    plain = text.isprintable() and text and not set(text) & set(' "=')
    return text if plain else json.dumps(text)
