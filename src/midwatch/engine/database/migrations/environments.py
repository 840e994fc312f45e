"""Environments of a server: recipes that it keeps, and what people do with an environment on a worker."""

from __future__ import annotations

STEP = """
CREATE TABLE recipe (
    repository TEXT NOT NULL,
    version BIGINT NOT NULL,
    body TEXT,
    account TEXT NOT NULL,
    name TEXT NOT NULL,
    created DOUBLE PRECISION NOT NULL,
    PRIMARY KEY (repository, version)
) WITHOUT ROWID;
CREATE TABLE sitting (
    task TEXT PRIMARY KEY,
    repository TEXT NOT NULL,
    kind TEXT NOT NULL,
    account TEXT NOT NULL,
    name TEXT NOT NULL,
    state TEXT NOT NULL DEFAULT 'waiting',
    options TEXT NOT NULL DEFAULT '{}',
    result TEXT NOT NULL DEFAULT '{}',
    created DOUBLE PRECISION NOT NULL,
    begun DOUBLE PRECISION NOT NULL DEFAULT 0,
    ended DOUBLE PRECISION NOT NULL DEFAULT 0
) WITHOUT ROWID;
CREATE INDEX sitting_of_repository ON sitting (repository, task);
CREATE TABLE piece (
    task TEXT NOT NULL,
    way TEXT NOT NULL,
    number BIGINT NOT NULL,
    data BLOB NOT NULL,
    PRIMARY KEY (task, way, number)
) WITHOUT ROWID;
"""
"""`recipe.body` is null for a version with which the recipe was taken away. `piece` holds bytes on their way between a
worker and those who look on: `way` is `out` or `in`."""
