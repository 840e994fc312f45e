"""What comes in from forges: deliveries, where tasks come from, and who is who there."""

from __future__ import annotations

STEP = """
CREATE TABLE arrival (
    id TEXT PRIMARY KEY,
    connection TEXT NOT NULL,
    delivery TEXT NOT NULL,
    event TEXT NOT NULL,
    slug TEXT NOT NULL,
    number BIGINT NOT NULL,
    key TEXT NOT NULL,
    meaning TEXT NOT NULL,
    state TEXT NOT NULL DEFAULT 'waiting',
    task TEXT NOT NULL DEFAULT '',
    turn TEXT NOT NULL DEFAULT '',
    outcome TEXT NOT NULL DEFAULT '',
    tries BIGINT NOT NULL DEFAULT 0,
    error TEXT NOT NULL DEFAULT '',
    holder TEXT NOT NULL DEFAULT '',
    held DOUBLE PRECISION NOT NULL DEFAULT 0,
    due DOUBLE PRECISION NOT NULL,
    created DOUBLE PRECISION NOT NULL,
    changed DOUBLE PRECISION NOT NULL,
    UNIQUE (connection, delivery)
) WITHOUT ROWID;
CREATE UNIQUE INDEX arrival_by_key ON arrival (connection, key) WHERE key <> '';
CREATE INDEX arrival_by_due ON arrival (state, due);
CREATE INDEX arrival_of_holder ON arrival (holder);
CREATE INDEX arrival_of_task ON arrival (task, event);
CREATE INDEX arrival_of_turn ON arrival (turn);
CREATE INDEX arrival_of_event ON arrival (connection, event, slug);
CREATE INDEX arrival_by_age ON arrival (connection, changed);
CREATE TABLE origin (
    task TEXT PRIMARY KEY,
    connection TEXT NOT NULL,
    slug TEXT NOT NULL,
    number BIGINT NOT NULL,
    pull BIGINT NOT NULL,
    remark TEXT NOT NULL,
    head TEXT NOT NULL,
    login TEXT NOT NULL,
    purpose TEXT NOT NULL,
    key TEXT NOT NULL UNIQUE,
    created DOUBLE PRECISION NOT NULL
) WITHOUT ROWID;
CREATE INDEX origin_of_thing ON origin (connection, slug, number);
CREATE TABLE login (
    connection TEXT NOT NULL,
    login TEXT NOT NULL,
    account TEXT NOT NULL REFERENCES account (id),
    PRIMARY KEY (connection, login)
) WITHOUT ROWID;
CREATE INDEX login_of_account ON login (account)
"""
"""`key` of an arrival says which thing it tells of, so that a webhook and a look at the forge make it one; empty where
telling it twice does no harm. `key` of an origin says what may become one task only."""
