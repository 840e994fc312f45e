"""Midwatch: a task and a repository in, a tested pull request out."""

__version__ = "0.2.0"
