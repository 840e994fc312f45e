"""`choices`: what a new task may be given."""

from __future__ import annotations

from fastapi import APIRouter

from midwatch.server.accounts.caller import may
from midwatch.server.answers import ChoicesAnswer, ExampleAnswer
from midwatch.server.example import FOLDER, PROMPT
from midwatch.server.service import Visit, Visiting
from midwatch.wiring import DEFAULT_MODEL
from midwatch.workflows.start import MOST_ATTEMPTS

router = APIRouter(tags=["tasks"])


@router.get("/choices")
async def choices(visiting: Visiting) -> ChoicesAnswer:
    """What there is to choose from for a new task."""
    own = visiting.service.home.settings
    limits = own.limits.fill({})
    return ChoicesAnswer(
        models=list(dict.fromkeys(name for name in (own.models.model, own.models.fallback, DEFAULT_MODEL) if name)),
        attempts=MOST_ATTEMPTS,
        turns=limits.turns,
        cost_microusd=limits.cost_microusd,
        seconds=limits.seconds,
        example=await _example(visiting),
    )


async def _example(visiting: Visit) -> ExampleAnswer | None:
    found = await visiting.service.repositories.at(str(visiting.service.home.state / FOLDER))
    if found is None or not may(visiting.who, found.id, "viewer"):
        return None
    return ExampleAnswer(repository=found.id, prompt=PROMPT, model=DEFAULT_MODEL)
