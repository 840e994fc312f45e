"""The settings of what is measured and told: the table `[telemetry]` of the settings file. Checked with pydantic when
it is there."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar, Literal

from midwatch.domain.errors import InputError


@dataclass(frozen=True)
class TelemetrySettings:
    """What a server and its workers tell of themselves. Metrics and traces are off."""

    __pydantic_config__: ClassVar[Any] = {"extra": "forbid"}

    metrics: bool = False
    """Count and measure; the server shows it at `/metrics`."""
    metrics_listen: str = ""
    """`HOST:PORT` where a process of its own, without the API, shows them; empty for nowhere."""
    traces: str = ""
    """The address of a collector that takes OTLP over HTTP; empty for none."""
    content: bool = False
    """Whether traces carry what models and commands have said."""
    logs: Literal["text", "json"] = "text"
    level: Literal["debug", "info", "warning", "error"] = "info"


def check(settings: TelemetrySettings, where: str) -> TelemetrySettings:
    """The same settings. Raises InputError for an address that is none; `where` names the file."""
    if settings.metrics_listen:
        require_address(settings.metrics_listen, f"{where}: telemetry.metrics_listen")
    traces = settings.traces
    if traces and not (traces.startswith(("http://", "https://")) and traces.isascii() and traces.isprintable()):
        raise InputError(f"{where}: telemetry.traces: {traces!r} is no address", 'write it as "http://localhost:4318"')
    return settings


def require_address(text: str, where: str) -> tuple[str, int]:
    """The host and port of `HOST:PORT`. Raises InputError for anything else."""
    host, _, port = text.rpartition(":")
    if not host or not port.isascii() or not port.isdecimal() or not 0 < int(port) < 65536:
        raise InputError(f"{where}: {text!r} is no host and port", 'write it as "127.0.0.1:9464"')
    return host.removeprefix("[").removesuffix("]"), int(port)
