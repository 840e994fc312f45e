"""Caps on spending, what was spent, and what is reserved for model calls that are under way."""

from __future__ import annotations

STEP = """
    CREATE TABLE budget_cap (
        scope TEXT NOT NULL,
        name TEXT NOT NULL,
        period TEXT NOT NULL,
        microusd BIGINT,
        tokens BIGINT,
        PRIMARY KEY (scope, name, period)
    ) WITHOUT ROWID;
    CREATE TABLE spending (
        scope TEXT NOT NULL,
        name TEXT NOT NULL,
        day TEXT NOT NULL,
        microusd BIGINT NOT NULL,
        tokens BIGINT NOT NULL,
        held_microusd BIGINT NOT NULL,
        held_tokens BIGINT NOT NULL,
        PRIMARY KEY (scope, name, day)
    ) WITHOUT ROWID;
    CREATE TABLE reservation (
        id TEXT PRIMARY KEY,
        attempt TEXT NOT NULL,
        task TEXT NOT NULL,
        day TEXT NOT NULL,
        scopes TEXT NOT NULL,
        microusd BIGINT NOT NULL,
        tokens BIGINT NOT NULL
    ) WITHOUT ROWID;
    CREATE INDEX reservation_of_attempt ON reservation (attempt);
    CREATE INDEX reservation_of_task ON reservation (task);
"""
"""`day` of spending is empty for all days together; `scopes` is a JSON array of pairs; what is settled is deleted.
`task` of a reservation is the whole task, also where the attempt is at a part of it."""
