"""Turns of work, the workers that take them, and what people say to a task meanwhile."""

STEP = """
    CREATE TABLE turn (
        id TEXT PRIMARY KEY,
        task TEXT NOT NULL REFERENCES task (id),
        number BIGINT NOT NULL,
        kind TEXT NOT NULL,
        owner TEXT NOT NULL,
        repository TEXT NOT NULL,
        priority BIGINT NOT NULL,
        status TEXT NOT NULL,
        worker TEXT NOT NULL DEFAULT '',
        wish TEXT NOT NULL DEFAULT '',
        wished_by TEXT NOT NULL DEFAULT '',
        error TEXT NOT NULL DEFAULT '',
        mend TEXT NOT NULL DEFAULT '',
        round BIGINT NOT NULL DEFAULT 1,
        handed BIGINT NOT NULL DEFAULT 0,
        tries BIGINT NOT NULL DEFAULT 0,
        moves BIGINT NOT NULL DEFAULT 0,
        losses BIGINT NOT NULL DEFAULT 0,
        moved BIGINT NOT NULL DEFAULT 0, -- moves in the task's logs when a worker last died over it
        unclosed BIGINT NOT NULL DEFAULT 0,
        begin_at DOUBLE PRECISION NOT NULL,
        created DOUBLE PRECISION NOT NULL,
        changed DOUBLE PRECISION NOT NULL,
        labels TEXT NOT NULL DEFAULT '',
        admitted BIGINT NOT NULL DEFAULT 0,
        started DOUBLE PRECISION NOT NULL DEFAULT 0
    ) WITHOUT ROWID;
    CREATE INDEX turn_started ON turn (started);
    CREATE INDEX turn_started_of_owner ON turn (owner, started);
    CREATE INDEX turn_started_in_repository ON turn (repository, started);
    CREATE INDEX turn_placed ON turn (status, owner, repository, labels)
        WHERE status = 'queued' AND (admitted = round OR handed = round);
    CREATE INDEX turn_unhanded ON turn (status, owner, repository, labels, created)
        WHERE status = 'queued' AND handed < round;
    CREATE UNIQUE INDEX turn_of_task ON turn (task, number);
    CREATE INDEX turn_by_status ON turn (status, id);
    CREATE INDEX turn_of_worker ON turn (worker, status);
    CREATE INDEX turn_by_wish ON turn (wish, worker);
    CREATE INDEX turn_unclosed ON turn (unclosed, status);
    CREATE TABLE worker (
        id TEXT PRIMARY KEY,
        host TEXT NOT NULL,
        process TEXT NOT NULL,
        capacity BIGINT NOT NULL,
        version TEXT NOT NULL,
        started DOUBLE PRECISION NOT NULL,
        beat DOUBLE PRECISION NOT NULL,
        labels TEXT NOT NULL DEFAULT '',
        lease DOUBLE PRECISION NOT NULL DEFAULT 30
    ) WITHOUT ROWID;
    CREATE TABLE turn_limit (
        scope TEXT NOT NULL,
        name TEXT NOT NULL,
        at_once BIGINT,
        starts BIGINT,
        period DOUBLE PRECISION NOT NULL DEFAULT 0,
        PRIMARY KEY (scope, name)
    ) WITHOUT ROWID;
    CREATE TABLE message (
        attempt TEXT NOT NULL,
        number BIGINT NOT NULL,
        task TEXT NOT NULL REFERENCES task (id),
        author TEXT NOT NULL,
        text TEXT NOT NULL,
        after BIGINT NOT NULL,
        delivered BIGINT NOT NULL DEFAULT 0,
        created DOUBLE PRECISION NOT NULL,
        PRIMARY KEY (attempt, number)
    ) WITHOUT ROWID;
    CREATE INDEX message_by_delivered ON message (delivered, task);
    CREATE INDEX message_of_task ON message (task, number);
"""
"""`moves` of a turn: how many replies and results its task had when the turn last could not go on. `delivered` of a
message is 1 when it stands in the attempt's log, 2 when the attempt is not to hear it."""
