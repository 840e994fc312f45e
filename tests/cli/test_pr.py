"""`midwatch pr`: which pull request is meant, and what becomes of it."""

from __future__ import annotations

import shutil
from dataclasses import replace
from pathlib import Path

import pytest

from midwatch import wiring
from midwatch.cli import pulls, render
from midwatch.cli.commands.pr_list import table
from midwatch.cli.commands.pr_show import markdown_lines, request_lines
from midwatch.cli.screen import Look
from midwatch.forges.book import Book
from midwatch.workspace.location import repository_key
from tests.cli.conftest import Program, mending
from tests.cli.samples import pull_request
from tests.support.model_server import ModelServer


@pytest.fixture
def offered(program: Program, server: ModelServer) -> Program:
    """A program with one open pull request."""
    program.base_url = server.script(*mending())
    assert program.run().returncode == 0
    return program


def other_repository(program: Program) -> Path:
    """A second repository with its own pull request of the same number."""
    other = program.folder / "other"
    shutil.copytree(program.repo, other)
    program("run", "Mend", "--repo", str(other), *program.run_options)
    return other


def test_a_pull_request_is_shown_with_head_text_change_and_evidence(offered: Program) -> None:
    text = offered("pr", "show", "#1").stdout.decode()
    for part in (
        "  #1 ready  Sum the last value too",
        "  main ← midwatch/mend-the-sum-",
        str(offered.repo),
        "> Mend the sum",
        "The loop left it out.",
        "calc.py | 2 +-",
        "--check 1",
        "pr merge 1 merges it",
    ):
        assert part in text
    assert "\x1b" not in text
    assert "\u202e" not in text
    value = offered.json("pr", "show", "1")
    assert (value["number"], value["state"], value["proposal"]["draft"]) == (1, "open", False)
    assert value["evidence"]["checks"][0]["exit_code"] == 0


def test_a_merge_reaches_the_base_branch_and_may_be_repeated(offered: Program) -> None:
    merged = offered("pr", "merge", "1")
    assert merged.returncode == 0, merged.stderr.decode()
    assert "#1 merged into main" in merged.stdout.decode()
    assert "range(len(values))" in offered.git("show", "main:calc.py")
    assert "#1 was already merged" in offered("pr", "merge", "1").stdout.decode()
    assert offered.json("pr", "list", "--state", "merged")[0]["number"] == 1
    assert offered("pr", "list", "--state", "open").stdout.startswith(b"no open pull requests of ")


def test_a_closed_pull_request_cannot_be_merged_and_its_branch_stays(offered: Program) -> None:
    assert "closed without merging" in offered("pr", "close", "1").stdout.decode()
    assert "was already closed" in offered("pr", "close", "1").stdout.decode()
    refused = offered("pr", "merge", "1")
    assert refused.returncode == 2
    assert b"closed" in refused.stderr
    assert "midwatch/mend-the-sum" in offered.git("branch", "--list", "midwatch/*")


def test_a_number_means_the_current_repositorys_or_the_only_one_there_is(offered: Program, tmp_path: Path) -> None:
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    assert offered("pr", "show", "1", cwd=elsewhere).returncode == 0
    other = other_repository(offered)
    refused = offered("pr", "show", "1", cwd=elsewhere)
    assert refused.returncode == 2
    assert str(offered.repo) in refused.stderr.decode()
    assert str(other) in refused.stderr.decode()
    assert "--repo PATH" in refused.stderr.decode()
    shown = {
        offered.json("pr", "show", "1")["proposal"]["repository"],
        offered.json("pr", "show", "1", "--repo", str(other))["proposal"]["repository"],
    }
    assert shown == {str(offered.repo), str(other)}
    (below := other / "deep/er").mkdir(parents=True)
    assert b"/other" in offered("pr", "show", "1", cwd=below).stdout


def test_a_list_is_of_one_repository_or_of_all(offered: Program, tmp_path: Path) -> None:
    other_repository(offered)
    assert len(offered.json("pr", "list")) == 1
    assert len(offered.json("pr", "list", "--all")) == 2
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    text = offered("pr", "list", cwd=elsewhere).stdout.decode()
    assert str(offered.repo) in text
    assert "#1  ready  checks pass" in text


def test_markdown_is_shown_as_text_and_code_is_left_alone() -> None:
    lines = markdown_lines("# Head\n\nsome **text**\n\n```\n# no head\n```\n> quoted", Look(width=60, colour=True))
    assert lines[0] == "  \x1b[1mHead\x1b[0m"
    assert "  # no head" in lines
    assert lines[-1] == "\x1b[2m  > quoted\x1b[0m"


def test_the_texts_own_tables_are_left_out() -> None:
    lines = request_lines(pull_request(), Look(width=80))
    assert "  It works." in lines
    assert not any("| a |" in line or "What changed" in line for line in lines)


def test_one_at_a_forge_is_shown_with_its_page() -> None:
    page = "https://github.com/ann/shelf/pull/4"
    shown = replace(pull_request(), url=page)
    assert f"  {page}" in request_lines(shown, Look(width=80))
    assert "\x1b" not in render.page_of(replace(shown, url=f"{page}\x1b[2J"))[0]
    assert render.page_of(pull_request()) == []


async def test_what_its_forge_cannot_be_asked_about_is_shown_as_it_was_known(tmp_path: Path) -> None:
    async with wiring.home({"XDG_STATE_HOME": str(tmp_path)}) as home:
        known = pull_request()
        stale, why = await pulls.refreshed(home, known)
        assert (stale, why.partition(":")[0]) == (known, "as it was known last")
        made = Book(home.state / "forge.db").put(repository_key(known.proposal.repository), known.proposal)
        assert await pulls.refreshed(home, replace(made, state="merged")) == (made, "")


def test_a_draft_is_told_from_what_is_ready_and_narrow_lists_fit() -> None:
    rows = [pull_request(draft=True), pull_request(state="merged", title="A long title " * 9)]
    lines = table(rows, Look(width=40), everywhere=False)
    assert lines[0].startswith("#4  draft ")
    assert lines[1].startswith("#4  merged")
    assert all(len(line) <= 40 for line in lines)
