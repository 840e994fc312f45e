"""Figures as clients are told of them."""

from __future__ import annotations

import json
from collections.abc import Mapping

from pydantic import BaseModel, Field

from midwatch.engine.accounts.repositories import Registered
from midwatch.engine.insight.figures import Figures, Group, Lapse
from midwatch.workspace.names import without_secret


class DayAnswer(BaseModel):
    """What happened to pull requests on a day."""

    day: str
    opened: int
    merged: int
    closed: int = Field(description="Without being merged.")


class GroupAnswer(BaseModel):
    """Tasks that were submitted in the span and have something in common."""

    name: str = Field(description="Of what they have in common; empty for those that have nothing of the kind.")
    id: str = Field(description="Of a registered repository; empty for all else.")
    tasks: int
    opened: int = Field(description="Pull requests of theirs.")
    merged: int
    closed: int
    merge_rate: float | None = Field(description="merged / opened; null where none was opened.")
    cost_microusd: int = Field(description="Of all these tasks, as far as it is known.")
    unpriced: int = Field(description="Tasks whose cost is not known.")
    cost_per_merged_microusd: int | None = Field(
        description="cost_microusd / merged; null where none was merged, or the cost of a task is not known."
    )


class LapseAnswer(BaseModel):
    """How long something took, in seconds."""

    count: int = Field(description="Tasks that it is known of.")
    median: int | None = Field(description="null where count is 0.")
    p90: int | None


class CauseAnswer(BaseModel):
    """Why tasks have no pull request whose checks passed."""

    cause: str
    tasks: int
    example: str = Field(description="What was said of one of them.")


class NowAnswer(BaseModel):
    """What is under way."""

    queued: int
    running: int
    longest_seconds: int | None = Field(description="That the longest of the queued ones waits; null for none.")


class Insight(BaseModel):
    """What has come of the tasks that one may see."""

    first: str = Field(description="The first day of the span.")
    last: str
    zone: str
    by: str
    days: list[DayAnswer]
    total: GroupAnswer
    groups: list[GroupAnswer] = Field(description="Those with the most tasks first.")
    more: int = Field(description="Groups that are left out.")
    queue: LapseAnswer = Field(description="From when the work could begin until it did.")
    to_pull_request: LapseAnswer = Field(description="From the submission.")
    to_merge: LapseAnswer = Field(description="From the pull request.")
    causes: list[CauseAnswer]
    now: NowAnswer


class Choices(BaseModel):
    """What figures can be narrowed down to."""

    models: list[str]
    people: list[str]
    labels: list[str]


def insight(found: Figures, about: tuple[str, str, str, str], known: Mapping[str, Registered] | None) -> Insight:
    """`about`: the first and the last day, the zone, and what the groups are by; `known`: repositories by what stands
    for them in outcomes, None where the groups are no repositories."""
    first, last, zone, by = about
    return Insight(
        first=first,
        last=last,
        zone=zone,
        by=by,
        days=[DayAnswer(day=d.day, opened=d.opened, merged=d.merged, closed=d.closed) for d in found.days],
        total=_group(found.total, None),
        groups=[_group(group, known) for group in found.groups],
        more=found.more,
        queue=_lapse(found.lapses.queue),
        to_pull_request=_lapse(found.lapses.to_pull_request),
        to_merge=_lapse(found.lapses.to_merge),
        causes=[CauseAnswer(cause=c.cause, tasks=c.tasks, example=c.example) for c in found.causes],
        now=NowAnswer(queued=found.now.queued, running=found.now.running, longest_seconds=found.now.longest),
    )


def _group(group: Group, known: Mapping[str, Registered] | None) -> GroupAnswer:
    name, repository = group.name, ""
    if known is not None:
        registered = known.get(name)
        name, repository = (registered.name, registered.id) if registered else (_location(name), "")
    return GroupAnswer(
        name=name, id=repository, tasks=group.tasks, opened=group.opened, merged=group.merged, closed=group.closed,
        merge_rate=None if group.merge_rate is None else round(group.merge_rate, 4), cost_microusd=group.cost,
        unpriced=group.unpriced, cost_per_merged_microusd=group.cost_per_merged,
    )  # fmt: skip


def _location(kept: str) -> str:
    """From the ASCII form in which it is kept."""
    return without_secret(str(json.loads(f'"{kept}"'))).encode("utf-8", "replace").decode()


def _lapse(found: Lapse) -> LapseAnswer:
    return LapseAnswer(count=found.count, median=found.median, p90=found.p90)
