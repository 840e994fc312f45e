"""Tasks that are not listed any more, and those that lie in a file instead of the database."""

from __future__ import annotations

STEP = """
    CREATE TABLE archived (
        task TEXT PRIMARY KEY,
        who TEXT NOT NULL,
        time DOUBLE PRECISION NOT NULL
    ) WITHOUT ROWID;
    CREATE TABLE retired (
        task TEXT PRIMARY KEY,
        repository TEXT NOT NULL,
        place TEXT NOT NULL,
        digest TEXT NOT NULL,
        parts TEXT NOT NULL,
        swept BIGINT NOT NULL DEFAULT 0,
        time DOUBLE PRECISION NOT NULL
    ) WITHOUT ROWID;
    CREATE INDEX retired_by_swept ON retired (swept, time);
"""
"""`place` is the file's path and `digest` its SHA-256; `parts` (JSON) names what is still to be deleted until it is
`swept`."""
