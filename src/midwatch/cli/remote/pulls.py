"""The pull requests that a server has."""

from __future__ import annotations

from argparse import Namespace
from collections.abc import Sequence
from typing import Literal

from midwatch.cli import words
from midwatch.cli.remote import address, repositories, tasks
from midwatch.cli.remote.client import Client
from midwatch.cli.remote.session import Session, opened
from midwatch.cli.screen import Screen
from midwatch.domain.errors import InputError
from midwatch.domain.pull_request import PullRequest

MOST = 200
"""The newest, as many as the server tells of."""


async def listed(session: Session, options: Namespace) -> tuple[str, Sequence[PullRequest]]:
    """Those of a repository (`--repo`, else the one that the current folder was cloned from), and what it is called;
    of all that one may see with `--all`, and where the folder is none of them; newest first."""
    where = "" if options.all else await _repository(session.client, options.repo)
    page = await session.client.get("pull-requests", limit=str(MOST), repository=where)
    found = [request for one in page["pull_requests"] if (request := tasks.pull_request(one))]
    return ("" if not where else options.repo or "this folder's repository"), found


async def find(session: Session, wanted: str, repository: str | None) -> PullRequest:
    """The pull request of a number or of a task. Raises InputError that names the candidates."""
    number = wanted.removeprefix("#")
    if not (number.isascii() and number.isdigit() and len(number) < 10):
        return await _of_task(session, wanted)
    where = await _repository(session.client, repository)
    page = await session.client.get("pull-requests", limit=str(MOST), repository=where)
    told = [request for one in page["pull_requests"] if (request := tasks.pull_request(one))]
    same = [request for request in told if request.number == int(number)]
    if len(same) == 1:
        return same[0]
    if same:
        names = ", ".join(words.line(request.proposal.repository) for request in same)
        raise InputError(
            f"pull request #{number} could be one of several repositories: {names}",
            "add --repo, or give the task's id instead of the number",
        )
    among = f" among the newest {MOST}" if len(told) == MOST else ""
    raise InputError(
        f"there is no pull request #{number}{among} at {session.client.address.url}",
        f"`midwatch pr list --all{session.at}` shows them; the id of its task names one as well",
    )


async def settled(
    options: Namespace, screen: Screen, where: address.Address, how: Literal["merge", "close"]
) -> tuple[PullRequest, PullRequest]:
    """Merge or close the one that the options name, as it was before and as it is then; for maintainers of its
    repository."""
    async with opened(options, screen, where) as session:
        found = await find(session, options.number, options.repo)
        posted = await session.client.post(tasks.path("tasks", found.proposal.task_id, "pull-request", how), None)
    after = tasks.pull_request(posted.value)
    assert after is not None
    return found, after


async def _of_task(session: Session, name: str) -> PullRequest:
    task_id, _ = await tasks.named(session.client, name)
    answer = await session.client.get(tasks.path("tasks", task_id))
    if not answer["pull_request"]:
        raise InputError(f"task {task_id} has no pull request", f"`midwatch show {task_id}{session.at}` says why")
    found = tasks.pull_request(await session.client.get(tasks.path("tasks", task_id, "pull-request")))
    assert found is not None
    return found


async def _repository(client: Client, given: str | None) -> str:
    """The id of the server's repository; empty when none was named and the current folder is none of them."""
    try:
        return await repositories.meant(client, given or ".")
    except InputError:
        if given is not None:
            raise
        return ""
