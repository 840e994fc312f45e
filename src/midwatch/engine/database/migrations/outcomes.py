"""What tasks have come to, a row each, for counting; and the tasks whose row is to be written anew."""

from __future__ import annotations

STEP = """
    CREATE TABLE outcome (
        task TEXT PRIMARY KEY,
        repository TEXT NOT NULL,
        person TEXT NOT NULL,
        model TEXT NOT NULL,
        created BIGINT NOT NULL,
        queued BIGINT,
        ended BIGINT NOT NULL,
        status TEXT NOT NULL,
        cause TEXT NOT NULL,
        detail TEXT NOT NULL,
        verdict TEXT NOT NULL,
        cost BIGINT,
        state TEXT NOT NULL,
        proposed BIGINT,
        settled BIGINT
    ) WITHOUT ROWID;
    CREATE INDEX outcome_by_creation
        ON outcome (created, repository, model, person, state, proposed, settled, cost, queued, cause);
    CREATE INDEX outcome_by_proposal ON outcome (proposed, repository, model, person);
    CREATE INDEX outcome_by_settlement ON outcome (settled, state, repository, model, person);
    CREATE TABLE outcome_place (
        id TEXT PRIMARY KEY,
        location TEXT NOT NULL
    ) WITHOUT ROWID;
    CREATE TABLE outcome_label (
        task TEXT NOT NULL,
        label TEXT NOT NULL,
        PRIMARY KEY (task, label)
    ) WITHOUT ROWID;
    CREATE TABLE uncounted (
        task TEXT PRIMARY KEY,
        number BIGINT NOT NULL
    ) WITHOUT ROWID;
    CREATE TABLE counted_up_to (
        feed TEXT PRIMARY KEY,
        number BIGINT NOT NULL
    ) WITHOUT ROWID;
    INSERT INTO uncounted (task, number) SELECT id, 1 FROM task WHERE part = 0;
"""
"""Times are whole seconds since 1970. `state` is the pull request's, empty without one; `settled` is null while it is
open. `cost` is null where a price is not known. `repository` is the id of a place, since an index takes no text of any
length. The indexes have all that is counted by, so that nothing is looked up row by row. `number` of what is uncounted
grows with each further reason."""
