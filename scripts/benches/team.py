"""A month of a team that there is not, for the pictures of Insight."""

from __future__ import annotations

import random
from datetime import UTC, datetime

from midwatch.engine.database.base import Database
from midwatch.engine.insight.outcomes import Due, Outcome, Outcomes

_TASKS = 140
_REPOSITORIES = ("/srv/git/shop", "/srv/git/ledger", "/srv/git/site")
_MODELS = ("openai/gpt-5.5-codex", "anthropic/claude-opus-5", "repair")
_PEOPLE = ("ada", "grace", "linus")
_CAUSES = ("no change", "cancelled", "checks failed", "limit: cost", "error")


async def team(database: Database, seed: int = 7) -> None:
    """Write the rows of their tasks. Twice is once."""
    chance, now = random.Random(seed), int(datetime.now(UTC).timestamp())
    for number in range(_TASKS):
        created = now - chance.randrange(29 * 86400)
        state = chance.choices(("merged", "closed", "open", ""), (12, 2, 2, 3))[0]
        proposed = created + chance.randrange(240, 2400) if state else None
        settled = proposed + chance.randrange(900, 90_000) if proposed and state in ("merged", "closed") else None
        if settled is not None and settled > now:
            state, settled = "open", None
        row = Outcome(
            task=f"team{number:08}", repository=chance.choice(_REPOSITORIES), person=chance.choice(_PEOPLE),
            model=chance.choice(_MODELS), created=created, queued=chance.randrange(90), ended=created + 60,
            status="done",
            cause="" if state else chance.choice(_CAUSES), detail="", verdict="passed",
            cost=chance.randrange(40_000, 1_900_000), state=state, proposed=proposed, settled=settled,
        )  # fmt: skip
        await Outcomes(database).keep(Due(row.task, 0), row, ["gpu"] if number % 4 == 0 else [])
