"""Tools by name, also by names that models have learnt for them elsewhere: those are answered, and never offered."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import TypeVar

T = TypeVar("T")

KNOWN_AS: Mapping[str, str] = {
    "exec_command": "shell",
    "shell_command": "shell",
    "local_shell": "shell",
    "container.exec": "shell",
    "applypatch": "apply_patch",
}
"""Names of Codex's, by which its models call even where they are offered others."""


class Names(Mapping[str, T]):
    """Values by their own names, which are all that is counted and listed, and found by the others as well."""

    def __init__(self, values: Mapping[str, T]) -> None:
        self._values = dict(values)

    def __getitem__(self, name: str) -> T:
        return self._values[name] if name in self._values else self._values[KNOWN_AS[name]]

    def __iter__(self) -> Iterator[str]:
        return iter(self._values)

    def __len__(self) -> int:
        return len(self._values)
