"""Conflicts of a pull request of ours with its base. The change is put on the base as it is now: a task of its own with
the same branch and the same pull request, since what a task starts from never changes. What merges by itself is merged
by the harness; in the workspace are the files with what is left, between the usual marks."""

from __future__ import annotations

import os
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from midwatch import wiring
from midwatch.arriving import words
from midwatch.arriving.case import Already
from midwatch.arriving.following import require_steerable
from midwatch.domain.errors import InputError
from midwatch.domain.evidence import Checkpoint
from midwatch.domain.interventions import FilesImported
from midwatch.engine.forges.arrivals import End
from midwatch.engine.forges.origins import Origin
from midwatch.engine.store.records import now
from midwatch.engine.turns import INTERACTIVE, OPEN, Asked, Turns, newest
from midwatch.forges import outgoing
from midwatch.succeeding import successor
from midwatch.workflows.start import Request
from midwatch.workspace.git import GitError
from midwatch.workspace.names import shown

if TYPE_CHECKING:
    from collections.abc import Sequence

    from midwatch.arriving.case import Case
    from midwatch.arriving.who import Person
    from midwatch.domain.pull_request import PullRequest
    from midwatch.domain.task import Base, Task
    from midwatch.engine.database.base import Connection
    from midwatch.engine.effects.base import Wanted
    from midwatch.engine.turns import Turn
    from midwatch.workspace.repository import Repository

_MOST = 100
"""Files that are named."""


@dataclass(frozen=True, slots=True)
class Merged:
    """A change on another base."""

    base: Base
    files: Checkpoint
    conflicts: tuple[str, ...]


async def resolve(case: Case, person: Person, pull: PullRequest) -> None:
    """Put the change on its base as it is now. Raises InputError where that cannot be."""
    old = (await case.home.store.find(pull.proposal.task_id)).task
    await require_steerable(case, person, old)
    if pull.state != "open":
        raise InputError(f"this pull request is {pull.state}", "open it again first")
    if await successor(case.home, old):
        await case.end(End("done", "it is being done already", old.id), [words.seen(case, old.id)])
        return
    last = await Turns(case.home.store.database).newest(old.id)
    _require_ended(last)
    repository = await case.home.repository(case.location)
    base = await repository.resolve(pull.proposal.base)
    if base.commit == old.base.commit:
        text = f"`{pull.proposal.base}` has not moved since, so there is nothing to resolve."
        said = outgoing.comment(case.thing, old.id, f"resolve-{case.arrival.id}", text)
        await case.end(End("done", "the base has not moved", old.id), [words.seen(case, old.id), said])
        return
    await _begin(case, person, old, await merged(repository, base, pull.proposal.commit))


async def merged(repository: Repository, base: Base, commit: str) -> Merged:
    """The change of a commit on another base, as a checkpoint that is kept. Raises InputError where git cannot merge
    them."""
    done = await repository.git.ask(
        "merge-tree", "--write-tree", "--name-only", "--no-messages", "-z", base.commit, commit
    )
    tree, *files = [part for part in done.stdout.split(b"\0") if part] or [b""]
    if done.code not in (0, 1):
        raise GitError("merge-tree", done.code, done.stderr)
    kept = await repository.commit(tree.decode(), base.commit, "The change on its base as it is now\n", now())
    await repository.keep(f"merged/{kept}", kept)
    names = tuple(sorted({os.fsdecode(name) for name in files})) if done.code else ()
    return Merged(base, Checkpoint(tree.decode(), kept), names)


async def _begin(case: Case, person: Person, old: Task, change: Merged) -> None:
    told, home = case.told, case.home
    request = Request(
        _prompt(old, change),
        case.location,
        base=change.base.branch or change.base.commit,
        context=old.context,
        images=old.images,
        notes=(f"asked for by {person.login} in {case.place}", f"the change of task {old.id} on a later base"),
        words=old.words,
        limits=home.settings.limits.capped({}),
    )

    async def keep(made: Task) -> None:
        task = replace(made, branch=old.branch, checks=old.checks if old.checks_from == "option" else made.checks)
        if task.base.commit != change.base.commit:
            raise InputError(f"{change.base.branch} has moved once more", "ask again")
        key = f"{case.heard.id} {told.slug.lower()} remark {told.subject}"
        origin = Origin(task.id, case.heard.id, told.slug, told.number, 1, told.subject, "", person.login, "work", key)
        imported = FilesImported(change.files, change.conflicts[:_MOST])

        def effects(_: Turn) -> Sequence[Wanted]:
            return [words.seen(case, task.id), words.begun(case, task.id, "I put it on its base as it is now")]

        def end(turn: Turn) -> End:
            return End("done", "conflicts are being resolved", task.id, turn.id)

        def unmoved(db: Connection) -> None:
            _require_ended(newest(db, old.id, lock=True))

        asked = Asked(person.name, INTERACTIVE)
        await Turns(case.settling(end, effects, origin, also=unmoved)).submit(task, (imported,), asked)

    try:
        task = await wiring.start(home, request, keep)
    except Already:
        await case.end(End("done", "it is being done already"))
    else:
        home.opened.pop(task.id, None)


def _require_ended(last: Turn | None) -> None:
    """What it pushes later would be lost."""
    if last is not None and last.status in OPEN:
        raise InputError("the work on this pull request goes on", "ask again when it has ended")


def _prompt(old: Task, change: Merged) -> str:
    where = change.base.branch or change.base.commit
    asked = "\n".join(f"> {line}".rstrip() for line in old.prompt.strip().splitlines())
    if not change.conflicts:
        left = "Nothing conflicts. See whether the change is still right there, and mend what is not."
    else:
        names = "\n".join(f"- {shown(name)}" for name in change.conflicts[:_MOST])
        left = f"Resolve what conflicts, between the usual marks, in these files:\n{names}"
    return f"The files are a change that was put on {where} as it is now. {left}\nWhat the change is for:\n\n{asked}"
