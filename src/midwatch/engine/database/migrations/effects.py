"""What is done outside of this machine, what gives rise to it, and who is told by HTTP."""

from __future__ import annotations

STEP = """
    CREATE TABLE effect (
        id TEXT PRIMARY KEY,
        key TEXT NOT NULL UNIQUE,
        kind TEXT NOT NULL,
        task TEXT NOT NULL,
        subject TEXT NOT NULL,
        name TEXT NOT NULL,
        request TEXT NOT NULL,
        digest TEXT NOT NULL,
        state TEXT NOT NULL DEFAULT 'waiting',
        result TEXT NOT NULL DEFAULT '',
        error TEXT NOT NULL DEFAULT '',
        mend TEXT NOT NULL DEFAULT '',
        tries BIGINT NOT NULL DEFAULT 0,
        unsure BIGINT NOT NULL DEFAULT 0,
        holder TEXT NOT NULL DEFAULT '',
        held DOUBLE PRECISION NOT NULL DEFAULT 0,
        due DOUBLE PRECISION NOT NULL,
        created DOUBLE PRECISION NOT NULL,
        changed DOUBLE PRECISION NOT NULL
    ) WITHOUT ROWID;
    CREATE INDEX effect_by_due ON effect (state, due);
    CREATE INDEX effect_of_holder ON effect (holder);
    CREATE INDEX effect_of_task ON effect (task, id);
    CREATE INDEX effect_of_subject ON effect (subject, id);
    CREATE TABLE occasion (
        id TEXT PRIMARY KEY,
        task TEXT NOT NULL,
        turn TEXT NOT NULL,
        what TEXT NOT NULL,
        time DOUBLE PRECISION NOT NULL
    ) WITHOUT ROWID;
    CREATE TABLE webhook (
        id TEXT PRIMARY KEY,
        repository TEXT NOT NULL,
        url TEXT NOT NULL,
        secret TEXT NOT NULL,
        events TEXT NOT NULL,
        active BIGINT NOT NULL DEFAULT 1,
        why TEXT NOT NULL DEFAULT '',
        failing DOUBLE PRECISION,
        created DOUBLE PRECISION NOT NULL
    ) WITHOUT ROWID;
    CREATE INDEX webhook_of_repository ON webhook (repository, id);
"""
"""`key` says which effect it is at the other side; `subject` is the webhook's id. `holder` does it until `held`.
`events` are separated by spaces; `failing`: since when nothing has been delivered any more."""
