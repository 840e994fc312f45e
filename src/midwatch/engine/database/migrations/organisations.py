"""Organisations: repositories that belong together, and who may what on all of them."""

from __future__ import annotations

STEP = """
CREATE TABLE organisation (
    id TEXT PRIMARY KEY,
    name TEXT NOT NULL UNIQUE,
    created DOUBLE PRECISION NOT NULL
) WITHOUT ROWID;
CREATE TABLE organisation_repository (
    repository TEXT PRIMARY KEY REFERENCES repository (id),
    organisation TEXT NOT NULL REFERENCES organisation (id)
) WITHOUT ROWID;
CREATE INDEX organisation_repository_of ON organisation_repository (organisation, repository);
CREATE TABLE organisation_role (
    account TEXT NOT NULL REFERENCES account (id),
    organisation TEXT NOT NULL REFERENCES organisation (id),
    role TEXT NOT NULL,
    PRIMARY KEY (account, organisation)
) WITHOUT ROWID;
CREATE INDEX organisation_role_of ON organisation_role (organisation, account);
"""
