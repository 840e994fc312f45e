"""Identifiers: short enough to type, sorted by time of creation."""

from __future__ import annotations

import re
import time

BRANCHES = "midwatch/"
"""How the branches of tasks begin."""
_ALPHABET = "0123456789abcdefghjkmnpqrstvwxyz"  # Crockford's base 32: no i, l, o, u


def new_task_id() -> str:
    """Twelve characters: seven of time (seconds) and five of chance. Unique for one person's machine, not a secret."""
    import secrets  # here, because reading ids is common and making one is not

    return task_id_at(int(time.time()), secrets.randbits(25))


def task_id_at(seconds: int, chance: int) -> str:
    """The id of a task made at that time (seconds since 1970), with the lowest 25 bits of `chance`."""
    value = (seconds << 25) | (chance & ((1 << 25) - 1))
    digits = []
    for _ in range(12):
        value, digit = divmod(value, 32)
        digits.append(_ALPHABET[digit])
    return "".join(reversed(digits))


def made_at(task_id: str) -> int | None:
    """When the task was made, in seconds since 1970; None for what is no task's id."""
    if len(task_id) != 12 or not set(task_id) <= set(_ALPHABET):
        return None
    value = 0
    for character in task_id:
        value = value * 32 + _ALPHABET.index(character)
    return value >> 25


def attempt_id(task_id: str, number: int) -> str:
    """The id of attempt `number` (1, 2, …) of a task."""
    return f"{task_id}.{number}"


def task_of(attempt: str) -> str:
    """The task an attempt belongs to."""
    return attempt.partition(".")[0]


def branch_name(task_id: str, prompt: str) -> str:
    """`midwatch/<a few words of the prompt>-<task id>`: one branch for one task, whatever happens to it."""
    words = re.findall(r"[a-z0-9]+", prompt.lower())
    slug = "-".join(words)[:40].rstrip("-")
    return f"{BRANCHES}{slug}-{task_id}" if slug else f"{BRANCHES}{task_id}"
