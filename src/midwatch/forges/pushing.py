"""Bringing a commit to a branch at a forge: ours alone, and only over what we have put there ourselves."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

from midwatch.domain.errors import InputError, OperationError
from midwatch.domain.ids import BRANCHES
from midwatch.domain.pull_request import Proposal
from midwatch.workspace import lent
from midwatch.workspace.git import Answer, Git, last_words
from midwatch.workspace.names import shown, without_secret
from midwatch.workspace.remote import protocols

_STALE = ("stale info", "fetch first", "non-fast-forward", "cannot lock ref", "failed to update ref", "already exists")
_PROTECTED = (
    "GH006",
    "GH013",
    "protected branch",
    "rule violations",
    "not allowed to push",
    "not allowed to force push",
)
_HOOK = ("hook declined", "GH001", "GH009", "GH007", "exceeds", "larger than")
_KEY = ("Authentication failed", "could not read Username", "could not read Password", "HTTP 401", "error: 401")
_NO = ("error: 403", "HTTP 403", "Permission to", "not authorized", "You are not allowed")
_GONE = ("not found", "error: 404", "HTTP 404", "error: 410")


@dataclass(frozen=True, slots=True)
class Destination:
    """Where a push goes."""

    name: str
    """The connection's, for messages."""
    url: str
    """Of the repository, without a user."""
    web: str
    """Of the forge: the token is lent for what lies below it."""
    user: str
    token: str = field(repr=False)
    tip: str
    """The commit that the branch has there now; empty for none. Only over this one is pushed."""


async def push(store: Path, proposal: Proposal, to: Destination) -> None:
    """Make the branch have the commit. Refused, with InputError, when somebody has moved it since `to.tip` was seen,
    when it is protected, or the credential does not allow it; OperationError when the forge cannot be reached. It may
    have been done all the same then: look before pushing again."""
    require_ours(proposal.branch)
    ref = f"refs/heads/{proposal.branch}"
    settings = (
        *protocols(to.url),
        "http.followRedirects=false",  # the name that the repository has now is known: nobody else is shown the token
        f"url.{to.url}.insteadOf={to.url}",  # the person's own rewriting of addresses would lead past the token
        f"url.{to.url}.pushInsteadOf={to.url}",
        f"remote.midwatch.url={to.url}",  # what a partial store lacks comes from there
        "push.recurseSubmodules=no",
        "push.gpgSign=false",
        "push.followTags=false",
        "push.pushOption=",
    )
    environment = lent.environment(to.web, to.user, to.token)
    git = Git(git_dir=store, cwd=store, trusted=True, settings=settings, environment=environment)
    lease = f"--force-with-lease={ref}:{to.tip}"
    answer = await git.ask("push", "--porcelain", "--no-verify", lease, "--", to.url, f"{proposal.commit}:{ref}")
    if answer.code != 0:
        raise _refused(proposal.branch, to, answer)


def require_ours(branch: str) -> None:
    """Raises InputError for a branch that is none of ours by its name."""
    if not branch.startswith(BRANCHES) or branch == BRANCHES:
        raise InputError(
            f"{shown(branch)} is no branch of Midwatch's, and it pushes to no other",
            f"its branches begin with {BRANCHES}: start the task anew",
        )


def _refused(branch: str, to: Destination, answer: Answer) -> InputError | OperationError:
    said = (answer.stdout + b"\n" + answer.stderr).decode("utf-8", "replace")
    reason = without_secret(_reason(answer).replace(to.token, "[hidden]"))
    what = f"the branch {shown(branch)} cannot be pushed to {to.url}: {reason}"

    def has(words: tuple[str, ...]) -> bool:
        return any(word.lower() in said.lower() for word in words)

    if has(_PROTECTED):
        return InputError(
            what, f"leave {BRANCHES}* out of the forge's rules for branches, or let the connection pass them"
        )
    if has(_STALE):
        return InputError(what, "somebody has moved that branch just now: look at it there, then `midwatch resume`")
    if "archived" in said or "read-only" in said:
        return InputError(what, "take the repository out of the archive at the forge, then `midwatch resume`")
    if has(_HOOK):
        return InputError(what, "the forge's own checks of pushes refuse it: mend that, then `midwatch resume`")
    if has(_KEY):
        return InputError(what, f"give the connection {to.name} a new token: the forge does not take this one for git")
    if has(_NO):
        return InputError(what, f"give the token of the connection {to.name} the right to write contents there")
    if has(_GONE):
        return InputError(what, f"check that it is there, and that the token of the connection {to.name} opens it")
    if "certificate" in said.lower():
        return OperationError(what, "name your authority's certificate in the git setting http.sslCAInfo")
    return OperationError(what, "check the network, then `midwatch resume`: what was pushed already is found")


def _reason(answer: Answer) -> str:
    """What the server or git says, in one line."""
    lines = answer.stderr.decode("utf-8", "replace").splitlines()
    words = [line.removeprefix("remote:").strip() for line in lines if line.startswith("remote:")]
    told = "; ".join(word for word in words if word)[:400]
    refs = [line for line in answer.stdout.decode("utf-8", "replace").splitlines() if line.startswith("!")]
    ref = refs[0].rpartition("\t")[2] if refs else ""
    return shown("; ".join(part for part in (ref, told) if part) or last_words(answer.stderr))
