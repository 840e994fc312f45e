"""Titles that make a draft: Forgejo and GitLab read from the beginning of a title whether a pull request is one."""

from __future__ import annotations

import re
from dataclasses import dataclass

from midwatch.forges.site import Edit, Seen

_LONGEST = 255
"""Characters of a title."""


@dataclass(frozen=True, slots=True)
class Titles:
    """Those of one kind of forge."""

    draft: str
    """The beginning that we give a draft's."""
    drafts: re.Pattern[str]
    """All beginnings that the forge takes for a draft's."""

    def title(self, text: str, *, draft: bool) -> str:
        """A title that makes a draft exactly when it shall."""
        said = self.bare(text)
        return f"{self.draft} {said}"[:_LONGEST] if draft else said[:_LONGEST]

    def bare(self, text: str) -> str:
        """A title without what makes a draft."""
        said = " ".join(text.split())
        while found := self.drafts.match(said):
            said = said[found.end() :]
        return said or "Change"

    def edited(self, seen: Seen, edit: Edit) -> str | None:
        """The title with which an edit leaves a pull request; None where it touches neither title nor draft."""
        if edit.title is None and edit.draft is None:
            return None
        text = seen.title if edit.title is None else edit.title
        return self.title(text, draft=seen.draft if edit.draft is None else edit.draft)
