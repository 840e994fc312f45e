"""What is not installed unless it is asked for."""

from __future__ import annotations

from importlib.util import find_spec

from midwatch.domain.errors import InputError
from midwatch.domain.extras import install


def require(extra: str, module: str) -> None:
    """Raise InputError with the command that installs the extra, when its module is not there."""
    if find_spec(module) is None:
        raise InputError(
            f"this command needs the package {module!r}, which is not installed",
            f"install it beside Midwatch: {install(extra)}",
        )
