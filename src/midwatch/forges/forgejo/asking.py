"""Asking Forgejo and Gitea: their header, their pages, their addresses."""

from __future__ import annotations

from collections.abc import Mapping
from urllib.parse import quote

MOST = 50
"""Entries that these forges give at once."""
PAGE: Mapping[str, str | int] = {"limit": MOST}


def headers(token: str) -> Mapping[str, str]:
    """How Forgejo and Gitea take their tokens."""
    return {"Authorization": f"token {token}"}


def repository_path(slug: str) -> str:
    """What the calls about a repository begin with."""
    return f"/repos/{quote(slug)}"
