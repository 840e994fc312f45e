"""Pull requests at GitHub."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any
from urllib.parse import quote

from midwatch.domain.errors import InputError
from midwatch.domain.forge import Extras
from midwatch.forges import marks
from midwatch.forges.answered import read
from midwatch.forges.github.asking import graph
from midwatch.forges.github.shapes import Comparison, File, Pull, Repository
from midwatch.forges.http import Http, Refused
from midwatch.forges.once import Unsure
from midwatch.forges.site import Edit, Seen
from midwatch.workspace.names import shown

LONGEST_TITLE = 250
LONGEST_BODY = 65_000
"""Characters; GitHub takes 256 and 65,536."""

_READY = "mutation($id: ID!) { markPullRequestReadyForReview(input: {pullRequestId: $id}) { pullRequest { isDraft } } }"
_DRAFT = "mutation($id: ID!) { convertPullRequestToDraft(input: {pullRequestId: $id}) { pullRequest { isDraft } } }"


async def find(http: Http, slug: str, branch: str) -> Seen | None:
    """As `Site.find`."""
    head = f"{slug.partition('/')[0]}:{branch}"
    found = await http.pages(f"/repos/{slug}/pulls", slug=slug, params={"head": head, "state": "all"})
    pulls = [pull.seen() for pull in read(list[Pull], found, http.name)]
    mine = sorted((pull for pull in pulls if pull.branch == branch), key=lambda pull: -pull.number)
    return next((pull for pull in mine if pull.state == "open"), mine[0] if mine else None)


async def pull(http: Http, slug: str, number: int) -> Pull | None:
    """The pull request of that number."""
    reply = await http.request("GET", f"/repos/{slug}/pulls/{number}", slug=slug, taken=(404,))
    return None if reply.status == 404 else read(Pull, reply.data, http.name)


async def create(http: Http, slug: str, seen: Seen) -> Seen:
    """As `Site.create`. Where a repository takes no drafts it is made as one that is ready."""
    body: dict[str, Any] = {
        "title": _short(seen.title), "body": _fitting(seen.body), "head": seen.branch, "base": seen.base,
        "draft": seen.draft,
    }  # fmt: skip
    try:
        reply = await http.request("POST", f"/repos/{slug}/pulls", slug=slug, json=body)
    except Refused as error:
        if not (seen.draft and error.status == 422 and "draft" in error.message.lower()):
            raise _not_made(error, seen) from None
        reply = await http.request("POST", f"/repos/{slug}/pulls", slug=slug, json={**body, "draft": False})
    return read(Pull, reply.data, http.name).seen()


def _not_made(error: Refused, seen: Seen) -> InputError | Unsure:
    said = error.message
    if error.status != 422:
        return error
    if "already exists" in said:  # made by a request whose answer was lost, and not in the list yet
        return Unsure(said, f"look at the pull requests of {shown(seen.branch)}, then `midwatch resume`")
    if "No commits between" in said:
        mend = f"{shown(seen.base)} has that change already: look there, then `midwatch archive` the task"
    elif "base" in said and "invalid" in said:
        mend = f"push the branch {shown(seen.base)} there again, or fork the task with another base"
    elif "no history in common" in said:
        mend = f"{shown(seen.base)} was written anew: start the task again on the branch as it is now"
    else:
        return error
    return InputError(said, mend)


async def edit(http: Http, slug: str, seen: Seen, change: Edit) -> Seen:
    """As `Site.edit`. A repository that takes no drafts keeps it ready."""
    fields = {"title": None if change.title is None else _short(change.title), "base": change.base}
    fields["body"] = None if change.body is None else _fitting(change.body)
    body = {name: value for name, value in fields.items() if value is not None}
    path = f"/repos/{slug}/pulls/{seen.number}"
    reply = await http.request("PATCH" if body else "GET", path, slug=slug, json=body or None)
    there = read(Pull, reply.data, http.name)
    if change.draft is None or change.draft == there.draft:
        return there.seen()
    try:
        await graph(http, slug, _DRAFT if change.draft else _READY, id=there.node_id)
    except InputError as error:
        if not (change.draft and "not supported" in error.message):
            raise
    return read(Pull, (await http.request("GET", path, slug=slug)).data, http.name).seen()


async def set_state(http: Http, slug: str, number: int, state: str) -> Seen | None:
    """Open or close one; None where GitHub does not."""
    path = f"/repos/{slug}/pulls/{number}"
    reply = await http.request("PATCH", path, slug=slug, json={"state": state}, taken=(422,))
    return None if reply.status == 422 else read(Pull, reply.data, http.name).seen()


async def adorn(http: Http, slug: str, seen: Seen, extras: Extras) -> Sequence[str]:
    """As `Site.adorn`. Each reviewer is asked alone, so that one who cannot be asked keeps nobody else away."""
    refused: list[str] = []
    if extras.labels:
        path = f"/repos/{slug}/issues/{seen.number}/labels"
        await _tried(http, slug, path, {"labels": list(extras.labels)}, "the labels", refused)
    for reviewer in extras.reviewers:
        team = reviewer.startswith("team:")
        body = {"team_reviewers": [reviewer.removeprefix("team:")]} if team else {"reviewers": [reviewer]}
        path = f"/repos/{slug}/pulls/{seen.number}/requested_reviewers"
        await _tried(http, slug, path, body, f"the review of {reviewer}", refused)
    return refused


async def _tried(http: Http, slug: str, path: str, body: Any, what: str, refused: list[str]) -> None:
    try:
        await http.request("POST", path, slug=slug, json=body)
    except Refused as error:
        if error.status == 401:
            raise
        refused.append(f"{what}: {error.message}")


async def merge(http: Http, slug: str, seen: Seen) -> None:
    """As `Site.merge`."""
    reply = await http.request("GET", f"/repos/{slug}", slug=slug)
    body = {"sha": seen.commit, "merge_method": _method(read(Repository, reply.data, http.name))}
    path = f"/repos/{slug}/pulls/{seen.number}/merge"
    try:
        await http.request("PUT", path, slug=slug, json=body)
    except Refused as error:
        raise await _not_merged(http, slug, seen, error) from None


def _method(repository: Repository) -> str:
    """A merge commit is what the contract wants; a repository may allow other ways alone."""
    ways = {
        "merge": repository.allow_merge_commit,
        "squash": repository.allow_squash_merge,
        "rebase": repository.allow_rebase_merge,
    }
    return next((way for way, allowed in ways.items() if allowed), "merge")


async def _not_merged(http: Http, slug: str, seen: Seen, error: Refused) -> InputError:
    there = await _judged(http, slug, seen.number) if error.status in (405, 409, 422) else None
    if there is None:
        return error
    if there.head.sha != seen.commit:
        return InputError(
            f"pull request {seen.number} has got new commits while it was to be merged",
            "look at them, then merge again",
        )
    if there.mergeable is False or there.mergeable_state == "dirty":
        names = ", ".join(shown(name) for name in await _on_both_sides(http, slug, seen))
        return InputError(
            f"pull request {seen.number} conflicts with {shown(seen.base)}" + (f" in: {names}" if names else ""),
            f"merge {shown(seen.base)} into {shown(seen.branch)} and settle the conflict, or ask for it with a message",
        )
    return InputError(error.message, f"see at {seen.url} what the repository's rules still ask for, then merge again")


async def _judged(http: Http, slug: str, number: int) -> Pull | None:
    """The pull request once GitHub has found out whether it can be merged, which it does aside."""
    for _ in range(5):
        there = await pull(http, slug, number)
        if there is None or there.mergeable is not None:
            break
        await http.pause(1.0)
    return there


async def _on_both_sides(http: Http, slug: str, seen: Seen) -> list[str]:
    """The files that both the pull request and its base have changed: the conflict is in them. GitHub does not say
    more."""
    ours = read(
        list[File], await http.pages(f"/repos/{slug}/pulls/{seen.number}/files", slug=slug, taken=(404,)), http.name
    )
    theirs = await compared(http, slug, seen.commit, seen.base, files=True)
    changed = {name for file in (theirs.files if theirs else ()) for name in (file.filename, file.previous_filename)}
    return sorted(
        {name for file in ours for name in (file.filename, file.previous_filename) if name and name in changed}
    )


async def compared(http: Http, slug: str, old: str, new: str, *, files: bool) -> Comparison | None:
    """How two commits or branches stand to each other; None where one is not there. The files come with the first page
    alone, and they may be large."""
    basehead = f"{quote(old, '', errors='replace')}...{quote(new, '', errors='replace')}"
    params = {"per_page": 1, "page": 1 if files else 2}
    reply = await http.request("GET", f"/repos/{slug}/compare/{basehead}", slug=slug, params=params, taken=(404,))
    return None if reply.status == 404 else read(Comparison, reply.data, http.name)


def _short(title: str) -> str:
    return title if len(title) <= LONGEST_TITLE else f"{title[: LONGEST_TITLE - 1]}…"


def _fitting(body: str) -> str:
    return body if len(body) <= LONGEST_BODY else marks.with_end(body, "", LONGEST_BODY)
