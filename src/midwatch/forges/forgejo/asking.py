"""Asking Forgejo and Gitea: their header, their pages, their addresses."""

from __future__ import annotations

from collections.abc import Mapping
from urllib.parse import quote

PAGE: Mapping[str, str | int] = {"limit": 50}
"""The most that these forges give at once."""


def headers(token: str) -> Mapping[str, str]:
    """How Forgejo and Gitea take their tokens."""
    return {"Authorization": f"token {token}"}


def repository_path(slug: str) -> str:
    """What the calls about a repository begin with."""
    return f"/repos/{quote(slug)}"
