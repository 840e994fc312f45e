"""What is written at a forge about a request, and what of a forge's texts goes along with a task."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from midwatch.answering import link, public
from midwatch.domain.guard import Context
from midwatch.forges import outgoing
from midwatch.forges.marks import is_ours
from midwatch.workspace.names import shown

if TYPE_CHECKING:
    from midwatch.arriving.case import Case
    from midwatch.domain.errors import InputError
    from midwatch.domain.forge import Issue, Remark
    from midwatch.engine.effects.base import Wanted

MOST_REMARKS = 40
MOST = 64_000
"""Characters of all of them."""
MOST_TEXT = 16_000
"""Characters of one remark that go along."""


def seen(case: Case, task: str = "") -> Wanted:
    """The eyes that say: it was heard."""
    remark = case.told.subject if case.told.what in ("remark", "review") else ""
    remark = "" if " " in remark else remark  # Forgejo does not tell the name of a review
    return outgoing.react(case.thing, remark, "eyes", task)


def begun(case: Case, task: str, what: str) -> Wanted:
    """Where the work can be looked at."""
    return outgoing.comment(case.thing, task, "begun", f"{what}: {link(case.home, task)}.")


def refused(case: Case, error: InputError) -> Wanted:
    """Why it cannot be done, for somebody who may ask for it."""
    mend = f" To mend it: {public(error.mend)}." if error.mend and public(error.mend) else ""
    why = public(error.message) or f"an administrator finds why under `{case.arrival.id}` in what has come in"
    text = f"I cannot do this: {why}.{mend}"
    return outgoing.comment(case.thing, "", f"refused-{case.arrival.id}", text)


def of_issue(case: Case, issue: Issue, remarks: Sequence[Remark]) -> tuple[Context, ...]:
    """The issue and what stands below it, as data."""
    text = f"{issue.title}\n\n{issue.body}"[:MOST_TEXT]
    return (Context(f"issue {case.place} by {issue.author}", text), *of_remarks(case, remarks))


def of_remarks(case: Case, remarks: Sequence[Remark]) -> tuple[Context, ...]:
    """The latest of them, as data; but not our own, and not the one that asked."""
    own = case.told.subject if case.told.what == "remark" else ""
    found, left = list[Context](), MOST
    for one in reversed([one for one in remarks if not is_ours(one.body) and one.id != own and one.body.strip()]):
        text = one.body[:MOST_TEXT]
        left -= len(text)
        if left < 0 or len(found) == MOST_REMARKS:
            break
        found.append(Context(_source(one), text))
    return tuple(reversed(found))


def beside(remark: Remark) -> str:
    """A remark on a line, in the words of whoever made it."""
    if not remark.path:
        return remark.body.strip()
    place = f"{shown(remark.path)}, line {remark.line}" if remark.line else shown(remark.path)
    return f"On {place}:\n{remark.body.strip()}"


def _source(remark: Remark) -> str:
    place = f" on {remark.path}:{remark.line}" if remark.path else ""
    return f"remark by {remark.author}{place}"
