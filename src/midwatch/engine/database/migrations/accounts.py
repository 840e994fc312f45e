"""People and programs that use a server, what they may, and what they did."""

from __future__ import annotations

STEP = """
CREATE TABLE account (
    id TEXT PRIMARY KEY,
    name TEXT NOT NULL UNIQUE,
    password TEXT NOT NULL DEFAULT '',
    subject TEXT UNIQUE,
    admin BIGINT NOT NULL DEFAULT 0,
    disabled BIGINT NOT NULL DEFAULT 0,
    created DOUBLE PRECISION NOT NULL
) WITHOUT ROWID;
CREATE TABLE api_token (
    id TEXT PRIMARY KEY,
    account TEXT NOT NULL REFERENCES account (id),
    name TEXT NOT NULL,
    hash TEXT NOT NULL UNIQUE,
    scope TEXT NOT NULL,
    created DOUBLE PRECISION NOT NULL,
    expires DOUBLE PRECISION,
    used DOUBLE PRECISION
) WITHOUT ROWID;
CREATE INDEX api_token_of_account ON api_token (account, id);
CREATE TABLE web_session (
    hash TEXT PRIMARY KEY,
    account TEXT NOT NULL REFERENCES account (id),
    created DOUBLE PRECISION NOT NULL,
    expires DOUBLE PRECISION NOT NULL
) WITHOUT ROWID;
CREATE INDEX web_session_of_account ON web_session (account);
CREATE INDEX web_session_by_end ON web_session (expires);
CREATE TABLE repository (
    id TEXT PRIMARY KEY,
    name TEXT NOT NULL UNIQUE,
    location TEXT NOT NULL UNIQUE,
    created DOUBLE PRECISION NOT NULL
) WITHOUT ROWID;
CREATE TABLE repository_role (
    account TEXT NOT NULL REFERENCES account (id),
    repository TEXT NOT NULL,
    role TEXT NOT NULL,
    PRIMARY KEY (account, repository)
) WITHOUT ROWID;
CREATE INDEX repository_role_of_repository ON repository_role (repository, account);
CREATE TABLE audit (
    id TEXT PRIMARY KEY,
    time DOUBLE PRECISION NOT NULL,
    account TEXT NOT NULL,
    name TEXT NOT NULL,
    via TEXT NOT NULL,
    address TEXT NOT NULL,
    action TEXT NOT NULL,
    object TEXT NOT NULL,
    repository TEXT NOT NULL,
    was TEXT NOT NULL,
    became TEXT NOT NULL
) WITHOUT ROWID;
CREATE INDEX audit_of_account ON audit (account, id);
CREATE INDEX audit_of_repository ON audit (repository, id);
CREATE INDEX audit_of_object ON audit (object, id);
CREATE TABLE repeatable (
    account TEXT NOT NULL,
    token TEXT NOT NULL,
    route TEXT NOT NULL,
    digest TEXT NOT NULL,
    owner TEXT NOT NULL,
    created DOUBLE PRECISION NOT NULL,
    held DOUBLE PRECISION NOT NULL,
    status BIGINT NOT NULL DEFAULT 0,
    headers TEXT NOT NULL DEFAULT '',
    rights TEXT NOT NULL DEFAULT '',
    body BLOB,
    PRIMARY KEY (account, token, route)
) WITHOUT ROWID;
CREATE INDEX repeatable_by_age ON repeatable (created);
"""
