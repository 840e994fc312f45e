"""Changes that stand in the audit log with the same transaction."""

from __future__ import annotations

from midwatch.engine.accounts.audit import Deed, write
from midwatch.engine.database.base import Database
from midwatch.engine.database.further import Further


class Recorded(Further):
    """A database whose every write says who did what. Nothing is written down of what raises."""

    def __init__(self, database: Database, deed: Deed) -> None:
        super().__init__(database, lambda db, _: write(db, deed))
