"""A further message to the task that a pull request of ours comes from."""

from __future__ import annotations

from typing import TYPE_CHECKING

from midwatch.arriving import words
from midwatch.domain.errors import InputError
from midwatch.engine.forges.arrivals import LOOKED, TOLD, Delivery, End, named
from midwatch.engine.turns import Asked, Turns
from midwatch.given import given
from midwatch.succeeding import latest
from midwatch.workflows.reopening import another_kind

if TYPE_CHECKING:
    from collections.abc import Sequence

    from midwatch.arriving.case import Case
    from midwatch.arriving.who import Person
    from midwatch.domain.forge import Remark
    from midwatch.domain.task import Task
    from midwatch.engine.effects.base import Wanted
    from midwatch.engine.turns import Turn


async def follow(
    case: Case, person: Person, task: Task, text: str, *, said: bool = True, along: Sequence[Remark] = ()
) -> None:
    """Say it to the task: a running attempt hears it, else a turn is opened; the same branch, the same pull request.
    `said`: a person did, and sees that it was heard. `along`: remarks that are in the text, and are not told again by
    themselves. Raises InputError for what cannot be said to it by them."""
    await require_steerable(case, person, task)

    def effects(_: Turn) -> Sequence[Wanted]:
        return [words.seen(case, task.id)] if said else []

    def end(turn: Turn) -> End:
        return End("done", TOLD, task.id, turn.id)

    claimed = [_claimed(case, one) for one in along]
    look = await latest(case.home, task)
    await Turns(case.settling(end, effects, claims=claimed, also=look)).say(task, text, person.name, Asked(person.name))


def _claimed(case: Case, remark: Remark) -> Delivery:
    key = named(f"remark {case.told.slug.lower()} {remark.id}")
    return Delivery(
        case.heard.id, named(f"{LOOKED}along {key}"), "remark", case.arrival.slug, case.told.number, key, "{}", "done",
        "told with its review",
    )  # fmt: skip


async def require_steerable(case: Case, person: Person, task: Task) -> None:
    """As over the API: no member steers what only a maintainer, or an administrator, could have submitted. Raises
    InputError."""
    if task.kind != "task":
        raise another_kind(task)
    if task.sandbox == "process" and case.home.settings.sandbox.driver != "process":
        raise InputError("this task has no sandbox: it is for administrators of the server", "say it on its page")
    if person.maintainer:
        return
    if found := await given(case.home, task):
        raise InputError(
            f"a maintainer has given this task {'; '.join(found)}", "ask one of them to say it, or ask in an issue"
        )
