"""A review of a pull request: a task that only reads, on a turn of its own."""

from __future__ import annotations

from typing import TYPE_CHECKING

from midwatch import wiring
from midwatch.arriving import words
from midwatch.arriving.case import Already
from midwatch.domain.errors import InputError
from midwatch.engine.forges.arrivals import End
from midwatch.engine.forges.origins import Origin
from midwatch.engine.turns import INTERACTIVE, Asked, Turns
from midwatch.models.config import EMBEDDED
from midwatch.workflows.reviewed import Wish, make_review

if TYPE_CHECKING:
    from collections.abc import Sequence

    from midwatch.arriving.case import Case
    from midwatch.domain.pull_request import PullRequest
    from midwatch.engine.effects.base import Wanted
    from midwatch.engine.turns import Turn


async def start(case: Case, pull: PullRequest, owner: str, login: str, *, everything: bool, focus: str = "") -> None:
    """Review the pull request's head as it is now. What is read comes from whoever wrote the change, so the review may
    only read, has no network, no secret and nothing of what a setup leaves, whosever branch it is. `owner`: whose the
    turn is; `focus`: what to look at, in
    the words of somebody who may ask for it. Raises InputError for what cannot be reviewed."""
    home, settings, proposal = case.home, case.home.settings, pull.proposal
    name = settings.models.model
    if name == EMBEDDED:
        raise InputError(
            f"the embedded model {EMBEDDED!r} searches for edits; it cannot review",
            "an administrator names a language model in the server's settings",
        )
    await (await wiring.named_model(home, name)).close()
    repository = await home.repository(case.location)
    means = settings.means(home.state, home.environ)
    around = settings.surroundings(home.state, means, name, None, settings.limits.fill({}))
    wish = Wish(base=proposal.base, head=proposal.commit, focus=focus)
    task = await make_review(wish, repository, around)
    key = f"{case.heard.id} {case.told.slug.lower()} review {case.arrival.key or case.arrival.id}"
    origin = Origin(
        task.id, case.heard.id, case.told.slug, case.told.number, 1, "", proposal.commit, login,
        "review-all" if everything else "review", key,
    )  # fmt: skip

    def effects(_: Turn) -> Sequence[Wanted]:
        return [words.seen(case, task.id)]

    def end(turn: Turn) -> End:
        return End("done", "review started", task.id, turn.id)

    try:
        await Turns(case.settling(end, effects, origin)).submit(task, (), Asked(owner, INTERACTIVE))
    except Already:
        await case.end(End("done", "there is a review of it already"))
