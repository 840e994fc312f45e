"""What a person types that nobody is to see: never an argument, so in no list of processes and no history."""

from __future__ import annotations

import asyncio
import getpass
import sys

from midwatch.domain.errors import InputError


async def secret(question: str) -> str:
    """A line that is not shown while it is typed; of standard input where that is no terminal. Raises InputError where
    there is none."""
    if sys.stdin is None:
        raise InputError("there is no standard input to read it from", "run it in a terminal, or pipe it in")
    try:
        if sys.stdin.isatty():
            return str(getpass.getpass(question)).strip()
        return str(await asyncio.to_thread(sys.stdin.readline)).strip()
    except EOFError:
        return ""


async def new_password(whose: str) -> str:
    """A password to be set, typed twice in a terminal. Raises InputError when the two are not the same, or empty."""
    first = await secret(f"new password of {whose}: ")
    if sys.stdin.isatty() and first != await secret("the same once more: "):
        raise InputError("the two are not the same", "try again")
    if not first:
        raise InputError("the password is empty", "type one of at least 12 characters, or pipe it in")
    return first
