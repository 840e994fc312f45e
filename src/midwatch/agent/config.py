"""The settings of the agent: the table `[agent]` and the hooks of the settings file."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, Any, ClassVar, Literal

from annotated_types import Gt, MinLen

from midwatch.domain.errors import InputError
from midwatch.domain.guard import Hook

_EXAMPLE = '[[hooks]]\nevent = "before_tool"\ntools = ["shell"]\ncommand = "sh .midwatch/look.sh"'


@dataclass(frozen=True)
class AgentSettings:
    """How the agent works when the command does not say."""

    __pydantic_config__: ClassVar[Any] = {"extra": "forbid"}

    mode: Literal["read-only", "workspace"] = "workspace"
    """What it may do; `full` is for the command alone."""


@dataclass(frozen=True)
class HookSettings:
    """A command that is run in the box when something happens."""

    __pydantic_config__: ClassVar[Any] = {"extra": "forbid"}

    event: Literal["before_tool", "after_tool", "before_finish"]
    command: Annotated[str, MinLen(1)]
    tools: tuple[Annotated[str, MinLen(1)], ...] = ()
    """Names of tools, with `*` for any part; empty for all."""
    timeout_seconds: Annotated[float, Gt(0)] = 60.0


def read_hooks(values: Any, where: str) -> tuple[Hook, ...]:
    """The hooks of a file's list `hooks`; none when it is None. Raises InputError that names the file and the key."""
    if values is None:
        return ()
    from pydantic import TypeAdapter, ValidationError  # most runs have no hooks

    try:
        hooks = TypeAdapter(tuple[HookSettings, ...]).validate_python(values)
    except ValidationError as error:
        first = error.errors()[0]
        key = ".".join(map(str, ("hooks", *first["loc"])))
        raise InputError(f"{where}: {key}: {first['msg']}", f"a hook looks like this:\n{_EXAMPLE}") from None
    for number, hook in enumerate(hooks, 1):
        if "\0" in hook.command or not hook.command.strip():
            raise InputError(f"{where}: hook {number} has no usable command", f"a hook looks like this:\n{_EXAMPLE}")
        if hook.tools and hook.event == "before_finish":
            raise InputError(f"{where}: hook {number}: before_finish is about no tool", "take `tools` out")
    return tuple(Hook(hook.event, hook.command, hook.tools, float(hook.timeout_seconds)) for hook in hooks)
