"""Turns by when they last changed: what those who look at lists are told of."""

from __future__ import annotations

STEP = """
CREATE INDEX turn_by_changed ON turn (changed);
"""
