"""Forges on the network, what a repository wants of its own, and what is kept sealed."""

from __future__ import annotations

STEP = """
CREATE TABLE vault (
    id TEXT PRIMARY KEY,
    used BIGINT NOT NULL
) WITHOUT ROWID;
INSERT INTO vault (id, used) VALUES ('keys', 0);
CREATE TABLE forge (
    id TEXT PRIMARY KEY,
    name TEXT NOT NULL UNIQUE,
    kind TEXT NOT NULL,
    web TEXT NOT NULL UNIQUE,
    api TEXT NOT NULL,
    auth TEXT NOT NULL,
    app TEXT NOT NULL DEFAULT '',
    credential TEXT NOT NULL,
    secret TEXT NOT NULL DEFAULT '',
    login TEXT NOT NULL DEFAULT '',
    created DOUBLE PRECISION NOT NULL
) WITHOUT ROWID;
ALTER TABLE repository ADD COLUMN forge_settings TEXT NOT NULL DEFAULT '';
CREATE TABLE secret (
    repository TEXT NOT NULL,
    name TEXT NOT NULL,
    value TEXT NOT NULL,
    changed DOUBLE PRECISION NOT NULL,
    changed_by TEXT NOT NULL,
    PRIMARY KEY (repository, name)
) WITHOUT ROWID;
CREATE TABLE variable (
    repository TEXT NOT NULL,
    name TEXT NOT NULL,
    value TEXT NOT NULL,
    changed DOUBLE PRECISION NOT NULL,
    changed_by TEXT NOT NULL,
    PRIMARY KEY (repository, name)
) WITHOUT ROWID;
"""
"""`credential` and `secret` of a forge and `value` of a secret are sealed (`engine/vault`); the row of `vault` is what
transactions that seal lock. `login` is whom the forge takes us for; `forge_settings` is JSON."""
