"""What has happened at a forge, in one shape for all of them.

It says which thing something has happened to, and who did it. How that thing stands is read from the forge when
something is done about it, so it does no harm when this comes late, twice, or in another order.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

What = Literal["labelled", "assigned", "mentioned", "remark", "review", "opened", "ready", "changed", "run"]
"""`labelled`, `assigned`: an issue was. `mentioned`: an issue was opened, and its words may call us. `remark`:
something was written below an issue or a pull request. `review`: a review was handed in. `opened`, `ready`: a pull
request was, or is no draft any more. `changed`: it was closed, merged, opened again, or pushed to. `run`: a CI run on
one of our branches has ended."""

MOST_TEXT = 64 << 10
"""Characters of a text that are kept."""
OURS = "midwatch/"
"""How our branches begin: of runs on others nothing is kept."""
_MARK = "<!-- midwatch:"
"""How the last line of everything begins that we write at a forge; see `forges.marks`."""


def is_ours(text: str) -> bool:
    """Whether we have written it: it is never heard as somebody's words. One that quotes us further up is theirs."""
    return text.rstrip().rpartition("\n")[2].lstrip().startswith(_MARK)


@dataclass(frozen=True, slots=True)
class Arrived:
    """One thing. Its texts are data."""

    what: What
    slug: str
    """The repository, as the forge calls it: OWNER/NAME, or with more parts."""
    number: int
    """Of the issue or the pull request; 0 where the forge does not say."""
    pull: bool
    actor: str
    """The login of whoever did it."""
    bot: bool = False
    """The forge says that this is no person."""
    subject: str = ""
    """The label; the login that was assigned; the id of the remark, the review or the run."""
    text: str = ""
    """What was written; the end of a run's log where it is told."""
    name: str = ""
    """Of the run."""
    asks: bool = False
    """Of a review: it asks for changes."""
    job: str = ""
    """The number of the job whose log tells why; empty where the forge does not say."""
    failed: bool = False
    """Of a run."""
    commit: str = ""
    """The head of the pull request, or what the run was for."""
    branch: str = ""
    """And its branch."""
    fork: bool = False
    """The head is in another repository."""
    url: str = ""
    actor_id: str = ""
    """What `domain.forge.identity` makes of the actor's number there."""

    @property
    def key(self) -> str:
        """The same however it is heard of; empty for what does no harm when it is told twice."""
        place = f"{self.slug.lower()}#{self.number}"
        match self.what:
            case "remark" | "review":  # a review is found as a remark, too, by looking
                return f"remark {self.slug.lower()} {self.subject}"
            case "run":
                return f"run {self.slug.lower()} {self.subject}"
            case "mentioned":
                return f"mentioned {place}"
            case "labelled" | "assigned":
                return f"{self.what} {place} {self.subject.lower()} {self.actor.lower()}"
            case "opened" | "ready":
                return f"opened {place} {self.commit}"
        return ""


class Unreadable(Exception):
    """The payload is not what the forge's documents say, in a part that is needed."""
