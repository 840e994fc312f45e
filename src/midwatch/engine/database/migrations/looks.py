"""How far the repositories of forges were read that do not tell what happens there."""

from __future__ import annotations

STEP = """
CREATE TABLE look (
    connection TEXT NOT NULL,
    repository TEXT NOT NULL,
    began DOUBLE PRECISION NOT NULL,
    since DOUBLE PRECISION NOT NULL,
    due DOUBLE PRECISION NOT NULL,
    known TEXT NOT NULL DEFAULT '{}',
    PRIMARY KEY (connection, repository)
) WITHOUT ROWID
"""
"""`began` and `since` are times of the forge: what happened before `began` is not heard, and what has changed up to
`since` was read. `due` is when somebody may look again, by the database's clock. `known` is JSON."""
