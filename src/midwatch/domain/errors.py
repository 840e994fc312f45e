"""What can go wrong, by who must act.

    MidwatchError
    ├── InputError          the person changes the command or the setting        exit code 2
    ├── OperationError      the machine, the endpoint or the disk is at fault    exit code 1, `midwatch resume` goes on
    │   ├── SandboxLost         our own sandbox failed: never shown as a command's output
    │   ├── ModelError          the endpoint refused, failed or sent what cannot be read
    │   └── StoreError          the state folder cannot be written or read
    └── StaleEpoch          another process took the attempt over: let go at once

What a model does wrong is none of these: it is a tool result that the model reads.
A bug is not a MidwatchError; it flies.
"""

from __future__ import annotations


class MidwatchError(Exception):
    """An error with a sentence that says what is wrong and, where there is one, a sentence that says how to mend it."""

    exit_code = 1

    def __init__(self, message: str, mend: str = "", *, detail: str = "") -> None:
        super().__init__(message)
        self.message = message
        self.mend = mend
        self.detail = detail
        """Lines that a person needs beside the sentence: the end of a command's output."""


class InputError(MidwatchError):
    """What the person asked for cannot be done as asked."""

    exit_code = 2


class OperationError(MidwatchError):
    """Something outside the task failed; trying again later may work."""


class SandboxLost(OperationError):
    """The sandbox itself failed; nothing may be concluded about the command."""


class ModelError(OperationError):
    """The model could not be asked. `retryable` says whether the same request may succeed later."""

    def __init__(self, message: str, mend: str = "", *, retryable: bool = False) -> None:
        super().__init__(message, mend)
        self.retryable = retryable
        self.status = 0
        """Of the endpoint's answer (HTTP) where that is what failed; 0 where it broke off or none came."""


class StoreError(OperationError):
    """The state folder cannot be used: full, unreadable or damaged."""


class NewerLog(StoreError):
    """A log holds what only a newer Midwatch can read: another worker may be one."""


class StaleEpoch(MidwatchError):
    """This process no longer owns the attempt; its append was refused."""
