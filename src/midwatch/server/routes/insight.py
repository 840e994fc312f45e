"""`insight`: what has come of tasks and their pull requests, in figures. `docs/insight.md` has what each of them is."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from typing import Annotated, Literal

from fastapi import APIRouter, Query
from pydantic import Field

from midwatch.engine.accounts.repositories import Registered
from midwatch.engine.insight.days import Span, span
from midwatch.engine.insight.figures import By, Only
from midwatch.engine.insight.outcomes import plain
from midwatch.server.bodies import Parameters
from midwatch.server.figures import Choices, Insight, insight
from midwatch.server.service import Visit, Visiting
from midwatch.server.sheets import CSV, Cell, Csv, sheet

router = APIRouter(prefix="/insight", tags=["insight"])

Name = Annotated[str, Field(max_length=1000, pattern=r"^[^\x00]*$")]


class Asked(Parameters):
    """What is to be counted. Empty fields take all."""

    first: date | None = Field(None, alias="from", description="The first day; by default 30 days up to the last.")
    last: date | None = Field(None, alias="to", description="The last day, which belongs to it; by default today.")
    zone: Annotated[str, Field(pattern=r"^[A-Za-z0-9_+/-]{1,64}$")] = Field(
        "UTC", description="Whose days these are: `Europe/Berlin`."
    )
    by: By = Field("repository", description="What the tasks of a group have in common.")
    repository: Name = Field("", description="Its id or its name.")
    model: Name = ""
    person: Name = Field("", description="Who submitted it.")
    label: Name = ""


class Table(Asked):
    """The same, and which of its tables."""

    table: Literal["days", "groups", "causes", "times"] = "days"


@dataclass(frozen=True, slots=True)
class _Reach:
    """What a caller's figures are made of."""

    known: Mapping[str, Registered]
    """The repositories they see, by what stands for them in outcomes."""
    span: Span
    only: Only


@router.get("", summary="What has come of tasks, in figures")
async def figures(visiting: Visiting, asked: Annotated[Asked, Query()]) -> Insight:
    """Of the repositories that the caller may see. Days count what happened on them; all else is of the tasks that were
    submitted in the span, whatever has come of them since."""
    return await _insight(visiting, asked)


@router.get("/choices", summary="What figures can be narrowed down to")
async def choices(visiting: Visiting) -> Choices:
    """Models, people and labels of the tasks that have been counted, 200 of each at most."""
    among = None if visiting.who.everywhere else [plain(one.location) for one in await visiting.visible()]
    counts = visiting.service.counts
    return Choices(
        models=await counts.names(among, "model"),
        people=await counts.names(among, "person"),
        labels=await counts.names(among, "label"),
    )


csv_router = APIRouter(tags=["insight"])


@csv_router.get("/insight.csv", summary="The same as a table", response_class=Csv, responses=CSV)
async def table(visiting: Visiting, asked: Annotated[Table, Query()]) -> Csv:
    """For spreadsheets: days, groups, causes or times. What is not known is an empty cell."""
    found = await _insight(visiting, asked)
    head, rows = _tables(found)[asked.table]
    return sheet(f"midwatch-{asked.table}-{found.first}-{found.last}", head, rows)


async def _insight(visiting: Visit, asked: Asked) -> Insight:
    reach = await _reach(visiting, asked)
    found = await visiting.service.counts.figures(reach.span, reach.only, asked.by)
    about = (reach.span.first.isoformat(), reach.span.last.isoformat(), asked.zone, asked.by)
    return insight(found, about, reach.known if asked.by == "repository" else None)


async def _reach(visiting: Visit, asked: Asked) -> _Reach:
    """Raises Problem 404 for a repository that the caller may not see."""
    visible = await visiting.visible()
    known = {plain(one.location): one for one in visible}
    one = plain(visiting.picked(visible, asked.repository, "viewer").location) if asked.repository else ""
    among = None if visiting.who.everywhere else list(known)
    only = Only(among, one, asked.model, asked.person, asked.label)
    return _Reach(known, span(asked.first, asked.last, asked.zone), only)


def _tables(found: Insight) -> Mapping[str, tuple[list[str], list[list[Cell]]]]:
    groups: list[list[Cell]] = [
        [
            *(one.name, one.tasks, one.opened, one.merged, one.closed, one.merge_rate, _dollars(one.cost_microusd)),
            *(one.unpriced, _dollars(one.cost_per_merged_microusd)),
        ]
        for one in found.groups
    ]
    lapses = {"queue": found.queue, "to_pull_request": found.to_pull_request, "to_merge": found.to_merge}
    return {
        "days": (
            ["day", "opened", "merged", "closed"],
            [[one.day, one.opened, one.merged, one.closed] for one in found.days],
        ),
        "groups": (
            [
                *(found.by, "tasks", "opened", "merged", "closed", "merge_rate", "cost_usd", "tasks_of_unknown_cost"),
                "cost_per_merged_usd",
            ],
            groups,
        ),
        "causes": (["cause", "tasks", "example"], [[one.cause, one.tasks, one.example] for one in found.causes]),
        "times": (
            ["what", "tasks", "median_seconds", "p90_seconds"],
            [[name, one.count, one.median, one.p90] for name, one in lapses.items()],
        ),
    }


def _dollars(microusd: int | None) -> float | None:
    return None if microusd is None else microusd / 1e6
