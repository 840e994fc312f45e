"""A box and a bench for each test."""

from __future__ import annotations

from tests.tools.conftest import box, table

__all__ = ["box", "table"]
