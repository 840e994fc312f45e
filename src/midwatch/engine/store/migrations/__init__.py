"""Numbered steps of the database's schema. A step that has been released never changes; a new shape is a new step."""

STEPS: tuple[str, ...] = (
    # 1: tasks, attempts and their events (log v1)
    """
    CREATE TABLE task (
        id TEXT PRIMARY KEY,
        created TEXT NOT NULL,
        body TEXT NOT NULL
    ) WITHOUT ROWID;
    CREATE TABLE attempt (
        id TEXT PRIMARY KEY,
        task TEXT NOT NULL REFERENCES task (id),
        number INTEGER NOT NULL,
        epoch INTEGER NOT NULL DEFAULT 0,
        seq INTEGER NOT NULL DEFAULT 0,
        hash TEXT NOT NULL,
        last_kind TEXT NOT NULL DEFAULT '',
        updated TEXT NOT NULL DEFAULT ''
    ) WITHOUT ROWID;
    CREATE INDEX attempt_of_task ON attempt (task, number);
    CREATE TABLE event (
        attempt TEXT NOT NULL REFERENCES attempt (id),
        seq INTEGER NOT NULL,
        kind TEXT NOT NULL,
        version INTEGER NOT NULL,
        time TEXT NOT NULL,
        epoch INTEGER NOT NULL,
        body TEXT NOT NULL,
        prev TEXT NOT NULL,
        hash TEXT NOT NULL,
        PRIMARY KEY (attempt, seq)
    ) WITHOUT ROWID;
    """,
)
