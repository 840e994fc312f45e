"""A home of its own for each test: the user's real git configuration must not decide what passes."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.support.repositories import UserRepository


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The user's home, empty."""
    folder = tmp_path / "home"
    folder.mkdir()
    monkeypatch.setenv("HOME", str(folder))
    monkeypatch.setenv("GIT_CONFIG_NOSYSTEM", "1")
    monkeypatch.delenv("XDG_CONFIG_HOME", raising=False)
    return folder


@pytest.fixture
def user(tmp_path: Path) -> UserRepository:
    """A repository with one commit of a.txt on main."""
    return UserRepository.make(tmp_path / "project")
