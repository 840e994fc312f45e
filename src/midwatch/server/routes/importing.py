"""Many tasks at once."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Body
from pydantic import ValidationError

from midwatch.domain.errors import InputError
from midwatch.server import submitting
from midwatch.server.accounts.repeating import Operation
from midwatch.server.answers import Import, Imported
from midwatch.server.asked import TaskAsked
from midwatch.server.problems import Problem
from midwatch.server.service import Visit, Visiting, Wanted

router = APIRouter(prefix="/tasks", tags=["tasks"])

MOST_LINES = 500
LINES = "application/x-ndjson"


@router.get("/import", include_in_schema=False)
async def no_task() -> None:
    """No task has this name."""
    raise Problem(405, "this address does not take this method", headers={"Allow": "POST"})


@router.post("/import", status_code=200)
async def take(
    visiting: Visiting,
    wanted: Wanted,
    lines: Annotated[bytes, Body(media_type=LINES, description="A task on each line, as `POST /tasks` takes it.")],
) -> Import:
    """Submit up to 500 tasks, a JSON object on each line; they are of priority `batch` where they do not say otherwise.
    A line that is refused does not hold back the others; the answer has a word on each."""
    given = [(number, line) for number, line in enumerate(lines.split(b"\n"), 1) if line.strip()]
    if len(given) > MOST_LINES:
        raise Problem(413, f"there are {len(given)} tasks, and one request takes {MOST_LINES}", "send them in parts")
    done = [
        await _one(visiting, number, line, Operation(f"{wanted.name}:{number}", wanted.since)) for number, line in given
    ]
    made = sum(bool(one.id) for one in done)
    return Import(tasks=done, made=made, refused=len(done) - made)


async def _one(visiting: Visit, number: int, line: bytes, wanted: Operation) -> Imported:
    try:
        asked = TaskAsked.model_validate_json(line)
        if "priority" not in asked.model_fields_set:
            asked = asked.model_copy(update={"priority": "batch"})
        task, _, _ = await submitting.submit(visiting, asked, wanted)
    except ValidationError as error:
        places = [".".join(map(str, fault["loc"])) + ": " + fault["msg"] for fault in error.errors()]
        return Imported(line=number, detail="; ".join(places)[:1000])
    except InputError as error:
        return Imported(line=number, detail=error.message, mend=error.mend)
    except Problem as problem:
        return Imported(line=number, detail=problem.detail, mend=problem.mend)
    return Imported(line=number, id=task.id)
