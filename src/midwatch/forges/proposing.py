"""What a proposal comes to at a forge: where it goes, what must not be, and which words are to change."""

from __future__ import annotations

from midwatch.domain.errors import InputError
from midwatch.domain.pull_request import Proposal, PullRequest
from midwatch.forges.base import has_base_branch
from midwatch.forges.site import Branch, Edit, Place, Seen, Site
from midwatch.workspace.names import shown


def base_of(proposal: Proposal, place: Place) -> str:
    """The branch that it goes to: a forge has no pull request without one."""
    return proposal.base if has_base_branch(proposal) else place.default_branch


async def require_base(site: Site, place: Place, proposal: Proposal, *, known: bool) -> None:
    """Raises InputError when the base branch is gone or was written anew since the task began: the pull request would
    bring back what was taken out of it. `known` ones have been let through before."""
    if known or not has_base_branch(proposal):
        return
    base = await site.branch(place.slug, proposal.base)
    if not base.tip:
        raise InputError(
            f"there is no branch {shown(proposal.base)} at {site.name} any more",
            "push it there again, or fork the task (`midwatch fork`) with another base",
        )
    if base.tip != proposal.base_commit and not await site.contains(place.slug, base.tip, proposal.base_commit):
        raise InputError(
            f"the branch {shown(proposal.base)} was written anew at {site.name}: it no longer has the commit that the "
            f"task began from ({proposal.base_commit[:12]})",
            "start the task again on the branch as it is now; `midwatch diff` has what was done",
        )


def require_latest(before: PullRequest | None, proposal: Proposal) -> None:
    """Raises InputError when a later task has taken the pull request over: its commit would be pushed over. Ids of
    tasks are in the order in which these were made."""
    if before is not None and before.proposal.task_id > proposal.task_id:
        later = before.proposal.task_id
        raise InputError(f"pull request {before.number} is task {later}'s now", f"go on there: `midwatch tell {later}`")


def require_room(name: str, place: Place, proposal: Proposal, branch: Branch) -> None:
    """Raises InputError when nothing may be pushed to that branch."""
    if place.archived:
        raise InputError(
            f"{shown(place.slug)} is archived at {name}: nothing can be pushed there",
            "take it out of the archive at the forge, then `midwatch resume`",
        )
    if proposal.branch in (place.default_branch, proposal.base):
        raise InputError(
            f"{shown(proposal.branch)} is the branch that others start from, and Midwatch does not push to it",
            "rename it at the forge, or start the task anew",
        )
    if branch.protected:
        raise InputError(
            f"the branch {shown(proposal.branch)} is protected at {name}",
            "leave midwatch/* out of the forge's rules for branches, then `midwatch resume`",
        )


def wanted(proposal: Proposal, base: str) -> Seen:
    """The pull request as it is to be made."""
    return Seen(
        number=0, state="open", url="", title=proposal.title, body=proposal.body, draft=proposal.draft,
        branch=proposal.branch, commit=proposal.commit, base=base, base_commit=proposal.base_commit, author="",
        created="", updated="",
    )  # fmt: skip


def changes(seen: Seen, before: PullRequest | None, proposal: Proposal) -> Edit | None:
    """What is to be changed about it; None for nothing. Words of ours that are the same as last time are left as the
    forge has them: where those differ, a person has changed them."""
    last = before.proposal if before is not None and before.number == seen.number else None
    title = _new(seen.title, last.title if last else None, proposal.title)
    body = _new(_lines(seen.body), _lines(last.body) if last else None, _lines(proposal.body))
    draft = proposal.draft if seen.draft != proposal.draft and (last is None or last.draft != proposal.draft) else None
    base = None
    if has_base_branch(proposal):
        base = _new(seen.base, last.base if last else None, proposal.base)
    edit = Edit(title, None if body is None else proposal.body, base, draft)
    return None if edit == Edit() else edit


def _new(there: str, last: str | None, ours: str) -> str | None:
    return None if ours in (there, last) else ours


def _lines(text: str) -> str:
    """As forges may give it back: with their own line ends, without blanks at the end."""
    return text.replace("\r\n", "\n").rstrip()
