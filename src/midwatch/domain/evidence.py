"""What the harness itself ran on the exact final tree. The model's word is not evidence."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Checkpoint:
    """A saved state of the workspace: git object ids in the store that the host owns."""

    tree: str
    commit: str


@dataclass(frozen=True, slots=True)
class CheckRun:
    """One check, run by the harness in a fresh sandbox."""

    command: str
    exit_code: int | None
    """None when the command did not end by itself."""
    ended: str
    """In words: `exit 0`, `killed by signal 9`, `time limit of 900 s`, `output limit of 64 MiB`."""
    duration_ms: int
    digest: str
    """SHA-256 of the full output in the blob store."""
    bytes: int
    lines: int

    @property
    def passed(self) -> bool:
        """True only for a command that ended by itself with exit code 0."""
        return self.exit_code == 0


@dataclass(frozen=True, slots=True)
class Evidence:
    """All checks on one tree."""

    tree: str
    checks: tuple[CheckRun, ...]

    @property
    def verdict(self) -> str:
        """`passed`, `failed`, or `none` when there was nothing to run."""
        if not self.checks:
            return "none"
        return "passed" if all(check.passed for check in self.checks) else "failed"


@dataclass(frozen=True, slots=True)
class FileChange:
    """One line of a diffstat. `path` is shown with bytes that are not UTF-8 as surrogate escapes."""

    path: str
    status: str
    """A added, M modified, D deleted, R renamed, T type changed."""
    added: int | None
    """Lines; None for a binary file."""
    removed: int | None
    old_path: str = ""
