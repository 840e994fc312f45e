"""Which pull request a person means: numbers are per repository."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from midwatch import wiring
from midwatch.cli import arguments, words
from midwatch.domain.errors import InputError, MidwatchError
from midwatch.domain.pull_request import PullRequest


def pull_request_arguments(parser: arguments.Parser) -> None:
    """`NUMBER` and `--repo`."""
    parser.add_argument("number", metavar="NUMBER", help="the pull request's number, or the id of its task")
    parser.add_argument("--repo", metavar="PATH", help="its repository (default: the one of the current folder)")
    arguments.server_option(parser)


async def find(home: wiring.Home, wanted: str, repository: str | None) -> PullRequest:
    """The pull request by number or task id. A number that the current folder's repository does not have may still
    mean the only one of that number anywhere. Raises InputError that names the candidates."""
    number = wanted.removeprefix("#")
    if not (number.isascii() and number.isdigit() and len(number) < 10):
        return await _of_task(home, wanted)
    same = [request for request in await home.forge.list() if request.number == int(number)]
    there = _of_repository(same, repository or ".")
    if there:
        return there[0]
    if repository is not None or not same:
        where = f" in {words.line(repository)}" if repository is not None else ""
        raise InputError(f"there is no pull request #{number}{where}", "`midwatch pr list --all` shows all of them")
    if len(same) > 1:
        names = ", ".join(words.line(request.proposal.repository) for request in same)
        raise InputError(
            f"pull request #{number} could be one of several repositories: {names}",
            "add --repo PATH, or give the task's id instead of the number",
        )
    return same[0]


async def refreshed(home: wiring.Home, request: PullRequest) -> tuple[PullRequest, str]:
    """The pull request as its forge has it now, and an empty word; where the forge cannot be asked, as it was known
    last, and why. Blocks on the network for one at a forge that is connected."""
    try:
        return await home.forge.get(request.proposal.repository, request.number), ""
    except MidwatchError as error:
        return request, f"as it was known last: {words.line(error.message)}"


async def _of_task(home: wiring.Home, wanted: str) -> PullRequest:
    try:
        row = await home.store.find(wanted)
    except InputError as error:
        raise InputError(
            f"{words.line(wanted)!r} is no number of a pull request and no task's id: {error.message}", error.mend
        ) from None
    request = await home.forge.of_task(row.task.id)
    if request is None:
        raise InputError(f"task {row.task.id} has no pull request", f"`midwatch show {row.task.id}` says why")
    return request


async def choose(home: wiring.Home, repository: str | None, *, everywhere: bool) -> tuple[str, Sequence[PullRequest]]:
    """The pull requests of a repository (the current folder's by default) and its name, newest first; of all
    repositories, with an empty name, when `everywhere` or when the current folder is in no repository."""
    requests = await home.forge.list()
    if everywhere or (repository is None and not _in_repository(Path.cwd())):
        return "", requests
    return repository or str(Path.cwd()), _of_repository(requests, repository or ".")


def _of_repository(requests: Sequence[PullRequest], repository: str) -> list[PullRequest]:
    from midwatch.workspace.location import is_url, repository_key

    key = repository_key(repository if is_url(repository) else str(Path(repository).absolute()))
    return [request for request in requests if repository_key(request.proposal.repository) == key]


def _in_repository(folder: Path) -> bool:
    return any((parent / ".git").exists() or (parent / "objects").is_dir() for parent in (folder, *folder.parents))
