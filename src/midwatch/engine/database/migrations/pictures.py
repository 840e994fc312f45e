"""Pictures with what people say to a task."""

STEP = """
ALTER TABLE message ADD COLUMN images TEXT NOT NULL DEFAULT '';
"""
"""Canonical JSON of a list, as events have it; empty for none."""
