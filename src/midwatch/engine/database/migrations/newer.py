"""What a step asks of programs of earlier releases, which do not know it.

A step only adds, so nothing is asked of them as a rule: they go on beside it, and can be gone back to. One that could
not be worked with any more says so itself, in its own words of SQL, with its own number:

    INSERT INTO schema_needs (steps) VALUES (9);

Programs that know fewer steps refuse the database from then on. Those that run already do not look again: they are
all stopped before such a step is made.
"""

from __future__ import annotations

from midwatch.domain.errors import StoreError
from midwatch.engine.database.base import Connection

STEP = """
    CREATE TABLE schema_needs (steps BIGINT NOT NULL);
"""


def require_workable(db: Connection, place: str, found: int, known: int) -> None:
    """Look at a database with `found` steps by a program that knows `known`, fewer than those. Raises StoreError where
    one of the others asks for a newer program."""
    needed = int(db.execute("SELECT coalesce(max(steps), 0) FROM schema_needs").fetchone()[0])
    if needed > known:
        raise StoreError(
            f"{place} was changed by a newer Midwatch (schema {found}, this one knows {known}) so that no program "
            f"that knows less than {needed} can use it",
            "upgrade this Midwatch, or give it another database (XDG_STATE_HOME, MIDWATCH_DATABASE_URL)",
        )
