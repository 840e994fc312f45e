"""Whom a login of a forge belonged to when it was first seen."""

from __future__ import annotations

STEP = """
ALTER TABLE login ADD COLUMN identity TEXT NOT NULL DEFAULT ''
"""
"""The number that the forge knows them by; empty until they have acted."""
