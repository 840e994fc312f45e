"""Numbered steps of the database's schema. A step that has been released never changes; a new shape is a new step.

A step only adds, so that programs of the release before go on working while others have been upgraded already, and
can be gone back to (`newer` has what one that they could not work with would say). It is written for SQLite with types
that PostgreSQL has too: BIGINT and DOUBLE PRECISION, not INTEGER and REAL, for what may become large.
"""

from __future__ import annotations

from midwatch.engine.database.migrations import (
    accounts,
    archives,
    arrivals,
    budgets,
    changes,
    effects,
    environments,
    forges,
    logins,
    looks,
    newer,
    organisations,
    outcomes,
    pictures,
    places,
    turns,
)

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
    # accounts, tokens, sessions, repositories, roles, the audit log, repeated requests
    accounts.STEP,
    # turns, workers, messages
    turns.STEP,
    # budgets: caps, spending, reservations
    budgets.STEP,
    # what steps ask of programs that do not know them
    newer.STEP,
    # organisations, their repositories and members
    organisations.STEP,
    # effects outside of this machine, and the webhooks that are told of tasks
    effects.STEP,
    # archived tasks, and those that were taken out of the database
    archives.STEP,
    # where tasks belong
    places.STEP,
    # what has changed lately
    changes.STEP,
    # forges on the network, secrets and variables of repositories
    forges.STEP,
    # what comes in from forges
    arrivals.STEP,
    # what tasks have come to, for counting
    outcomes.STEP,
    # recipes that the server keeps, builds and terminals
    environments.STEP,
    # whom a login of a forge belongs to
    logins.STEP,
    # pictures with messages
    pictures.STEP,
    # how far forges were read that tell nothing
    looks.STEP,
)


def statements(step: str) -> list[str]:
    """The statements of a step."""
    return [statement for statement in map(str.strip, step.split(";")) if statement]


def for_postgresql(statement: str) -> str:
    """The same for PostgreSQL: text in the order of its bytes, as SQLite has it."""
    statement = statement.replace("instr(", "strpos(")
    return statement.replace("WITHOUT ROWID", "").replace("BLOB", "BYTEA").replace(" TEXT", ' TEXT COLLATE "C"')
