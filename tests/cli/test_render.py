"""Reports as lines: what is said, and that it fits and obeys nobody."""

from __future__ import annotations

import pytest

from midwatch.cli import render, words
from midwatch.cli.screen import Look
from midwatch.domain.conversation import Usage
from midwatch.domain.evidence import Evidence, FileChange
from midwatch.workflows.report import Report
from tests.cli import samples
from tests.cli.samples import EVIL, ID, attempt, check_run, pull_request, report, task

WIDE = Look(width=100)


def text(shown: Report, look: Look = WIDE, here: str = "") -> str:
    return "\n".join(render.report_lines(shown, look, here))


def test_a_report_has_change_evidence_words_pull_request_cost_and_what_to_type_next() -> None:
    shown = text(report(), here="/home/dev/repo/src")
    for part in (
        "calc.py       |      2 +-",
        "docs/logo.png | binary added",
        "2 files changed, 1 line added, 1 line removed",
        "tree dddddddddddd, in a fresh sandbox",
        "✓ python -m pytest -q",
        "exit 0 · 3.4 s · log cccccccccccc (7 lines)",
        f"midwatch log {ID} --check 1",
        "The loop left the last value out.",
        "#4 ready  Sum the last value too",
        f"main ← midwatch/make-the-failing-test-pass-{ID}",
        "midwatch pr show 4",
        "midwatch pr merge 4",
        "4 turns · 12,320 tokens · $0.0123 · 16 s",
        f"midwatch apply {ID}",
        f"midwatch verify {ID}",
    ):
        assert part in shown
    assert shown.splitlines()[-1] == "✓ pull request #4 is ready: every check passes on the final tree"


def test_outside_the_repository_a_pull_request_is_named_by_its_task() -> None:
    shown = text(report(), here="/home/dev/repository-of-another")
    assert f"midwatch pr show {ID}" in shown
    assert "pr show 4" not in shown


@pytest.mark.parametrize(
    ("shown", "ending"),
    [
        (
            report(attempt(evidence=Evidence("d" * 40, (check_run(1, "exit 1"),))), pull_request(draft=True)),
            "✗ pull request #4 is a draft: a check fails on the final tree",
        ),
        (
            report(request=pull_request(draft=True)),
            "✓ pull request #4 is a draft: the checks pass, and a person should look before it is merged",
        ),
        (
            report(attempt(evidence=Evidence("d" * 40, ()))),
            "· pull request #4 is open, but no check was run: nothing proves it",
        ),
        (
            report(attempt(status="no change", evidence=None)),
            "✗ no file was changed, so there is no pull request",
        ),
        (
            report(attempt(status="limit", detail="the limit of 4 turns was reached"), pull_request(draft=True)),
            "✗ a limit was reached; the work so far is offered as pull request #4: the limit of 4 turns was reached",
        ),
        (report(attempt(status="running", evidence=None)), "· being worked on by another process"),
        (report(attempt(status="interrupted", evidence=None)), "· interrupted before it was finished"),
    ],
)
def test_the_last_words_say_how_it_ended(shown: Report, ending: str) -> None:
    assert text(shown, Look(width=140)).splitlines()[-1] == ending


def test_a_failed_task_says_why_how_to_mend_it_and_how_to_go_on() -> None:
    shown = text(report(attempt(status="failed", detail="the endpoint is down", mend="start it", evidence=None)))
    assert shown.endswith("✗ it could not go on: the endpoint is down\n  → start it")
    assert f"midwatch resume {ID}" in shown


def test_a_check_that_fails_is_marked_and_says_how_it_ended() -> None:
    failing = Evidence("d" * 40, (check_run(), check_run(None, "time limit of 900 s", "make slow")))
    lines = render.evidence_section(task(), failing, WIDE)
    assert "  ✗ make slow" in lines
    assert any("time limit of 900 s" in line for line in lines)
    assert f"    midwatch log {ID} --check 2" in lines


def test_without_isolation_the_evidence_says_so() -> None:
    lines = render.evidence_section(task(sandbox="process"), attempt().evidence, WIDE)
    assert "without isolation" in lines[0]


def test_repair_is_never_called_a_language_model_and_costs_nothing() -> None:
    shown = report(made=task(model="repair"))
    assert "free: no language model was used" in text(shown)
    assert any("no language model" in line for line in render.task_lines(shown.task, WIDE))


def test_a_price_that_is_not_known_is_not_shown_as_nothing() -> None:
    assert "price not known" in text(report(attempt(cost_microusd=None)))


@pytest.mark.parametrize("width", [30, 50, 80, 140])
@pytest.mark.parametrize("unicode", [True, False])
def test_lines_fit_the_terminal_except_what_is_to_be_copied(width: int, unicode: bool) -> None:
    look = Look(width=width, unicode=unicode)
    long = "漢字 and words " * 20
    shown = report(
        attempt(text=long, evidence=Evidence("d" * 40, (check_run(command=long),))),
        pull_request(title=long),
        task(prompt=long, notes=(long,)),
    )
    lines = [*render.report_lines(shown, look), *render.task_lines(shown.task, look)]
    assert [line for line in lines if words.cells(line) > width and "midwatch " not in line] == []


@pytest.mark.parametrize("colour", [False, True])
def test_nothing_that_others_wrote_reaches_the_terminal_as_control(colour: bool) -> None:
    look = Look(width=80, colour=colour)
    made = task(prompt=EVIL, repository="/tmp/" + EVIL, checks=(EVIL,), checks_from=EVIL, notes=(EVIL,), model=EVIL)
    chosen = attempt(
        status="failed", detail=EVIL, mend=EVIL, text=EVIL, evidence=Evidence("d" * 40, (check_run(1, EVIL, EVIL),))
    )
    shown = Report(made, (chosen,), chosen, (FileChange(EVIL, "R", 1, 0, EVIL),), pull_request(title=EVIL))
    output = "\n".join([*render.report_lines(shown, look), *render.task_lines(made, look)])
    for ours in ("\x1b[0m", *(f"\x1b[{code}m" for code in (1, 2, 31, 32, 33, 36))):
        output = output.replace(ours, "")
    assert words.clean(output) == output
    assert "<U+202E>" in output


def test_a_path_that_is_not_utf8_is_shown_with_its_bytes() -> None:
    lines = render.diffstat_lines((FileChange("caf\udce9.txt", "M", 3, 0),), WIDE)
    assert lines[0] == "  caf\\xe9.txt | 3 +++"


def test_a_long_diffstat_is_scaled_to_the_width_and_cut_in_the_middle_of_nothing() -> None:
    changes = tuple(
        FileChange(f"a/folder/with/a/rather/long/name/in/it/file{n}.py", "M", n * 50, n * 10) for n in range(60)
    )
    lines = render.diffstat_lines(changes, Look(width=60))
    assert len(lines) == render.MOST_FILES + 2
    assert all(words.cells(line) <= 60 for line in lines)
    assert lines[0].startswith("  …")
    assert lines[-2] == "  … and 20 more files"


def test_a_rename_names_both_paths() -> None:
    lines = render.diffstat_lines((FileChange("new.py", "R", 0, 0, "old.py"),), WIDE)
    assert lines[0] == "  old.py => new.py | 0 renamed"


def test_several_attempts_are_summed_up_and_each_of_the_others_has_its_line() -> None:
    other = attempt(attempt=f"{ID}.2", status="not chosen", turns=3, seconds=2.0)
    chosen = attempt()
    shown = Report(task(attempts=2), (chosen, other), chosen, samples.CHANGES, pull_request())
    lines = render.report_lines(shown, WIDE)
    assert "  2: not chosen · checks passed · 3 turns · 2.0 s" in lines
    assert "  7 turns · 24,640 tokens · $0.0246 · 18 s" in lines


def test_how_much_of_the_input_came_from_the_providers_cache_is_told() -> None:
    first = attempt(usage=Usage(10_000, 9_000, 0, 500))
    other = attempt(attempt=f"{ID}.2", usage=Usage(10_000, 8_000, 0, 500))
    line = render.cost_line(Report(task(attempts=2), (first, other), first, (), None), WIDE)
    assert "21,000 tokens (85 % of the input cached)" in line
    none = attempt(usage=Usage(10_000, 0, 10_000, 500))
    assert "10,500 tokens ·" in render.cost_line(Report(task(), (none,), none, (), None), WIDE)
