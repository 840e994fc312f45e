"""The repository's template for pull requests: where it is found, and what of it stays."""

from __future__ import annotations

from pathlib import Path

import pytest

from midwatch.domain.task import Words
from midwatch.workflows import template
from midwatch.workspace import objects
from midwatch.workspace.repository import Repository
from tests.support.place import make_repository

PARTS = {
    "closes": "Closes #7", "summary": "Asked for: a fix", "changes": "## What changed\n\na.py",
    "evidence": "## Evidence\n\nAll", "commands": "", "provenance": "Task x",
}  # fmt: skip
TEMPLATE = (
    "<!-- Thank you! -->\nRead CONTRIBUTING first.\n\n## Description\n<!-- what? -->\n\n## How was this tested?\n\n"
    "```\n# no heading\n```\n\n## Checklist\n\n- [ ] I have signed\n\n# Related issue\n"
)


def test_headings_stay_and_our_parts_come_below_those_that_they_belong_to() -> None:
    assert template.filled(TEMPLATE, PARTS) == (
        "Read CONTRIBUTING first.\n\n## Description\n\nAsked for: a fix\n\n## How was this tested?\n\n"
        "## Evidence\n\nAll\n\n"
        "```\n# no heading\n```\n\n## Checklist\n\n- [ ] I have signed\n\n# Related issue\n\nCloses #7\n\n"
        "## What changed\n\na.py\n\nTask x"
    )
    assert template.filled("", PARTS) == "\n\n".join(text for text in PARTS.values() if text)
    assert template.filled("Plain words", PARTS).startswith("Asked for: a fix\n\nPlain words\n\nCloses #7")
    assert template.filled("<!-- only a hint", {"summary": "S", "evidence": "E"}) == "S\n\nE"


@pytest.mark.parametrize("name", [".github/PULL_REQUEST_TEMPLATE.md", "docs/pull_request_template.md", "notes.md"])
async def test_it_is_read_from_the_base_commit_of_what_is_not_a_folder_of_this_machine(
    tmp_path: Path, name: str
) -> None:
    folder = make_repository(tmp_path / "repo", {"a.py": "1\n", name: "## Why\0\n"})
    for location, wanted in ((str(folder), ""), (f"file://{folder}", "" if name == "notes.md" else "## Why")):
        repository = await Repository.open(tmp_path / "state", location)
        base = await repository.resolve(None)
        files = await objects.files(repository.git, base.commit)
        found = await template.found(repository, base.commit, files, Words(closes="#1"))
        assert found == Words("#1", wanted)


async def test_one_that_is_too_large_is_left_out(tmp_path: Path) -> None:
    large = "x" * (template.LARGEST + 1)
    repository = await Repository.open(
        tmp_path / "state", f"file://{make_repository(tmp_path / 'repo', {'pull_request_template.md': large})}"
    )
    base = await repository.resolve(None)
    assert await template.found(repository, base.commit, ["pull_request_template.md"], Words()) == Words()
