"""Roles and scopes: the words, and which includes which."""

from __future__ import annotations

from typing import Literal, get_args

Role = Literal["viewer", "member", "maintainer", "admin"]
"""On one repository; each may what those before it may. viewer reads; member submits and steers; maintainer settles
pull requests, budgets and the repository's settings; admin gives roles on it."""
Scope = Literal["read", "write", "admin"]
"""Of a token; each includes those before it. read looks; write does what a maintainer may; admin does the rest."""

ROLES: tuple[Role, ...] = get_args(Role)
SCOPES: tuple[Scope, ...] = get_args(Scope)


def includes(role: str, wanted: str) -> bool:
    """Whether somebody with `role` may what `wanted` may."""
    return ROLES.index(role) >= ROLES.index(wanted)


def scope_for(role: str) -> Scope:
    """The scope that a token needs for what this role may."""
    return {"viewer": SCOPES[0], "admin": SCOPES[2]}.get(role, SCOPES[1])


EVERY = "*"
"""Stands for every registered repository, those that will be registered later too."""
