"""What the modes of a task allow, with the real sandbox; the model tries what it may not."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from midwatch.domain.conversation import Answered, Said, View
from midwatch.domain.errors import InputError
from midwatch.domain.limits import Limits
from midwatch.domain.task import Task
from midwatch.models.fake import FakeModel, calls, says
from midwatch.sandbox.base import Sandbox
from midwatch.workflows.start import Request
from tests.support.drivers import DRIVERS
from tests.support.place import Place, git, make_repository
from tests.workflows.test_environment import Copying

PATCH = "*** Begin Patch\n*** Update File: count.txt\n@@\n-zero\n+one\n*** End Patch"
CHANGES = "echo one >> count.txt; rm keep.txt; mkdir new; echo x > new/file; chmod +x run.sh; ln -s count.txt link"


@pytest.fixture
def place(tmp_path: Path) -> Place:
    files = {"count.txt": "zero\n", "keep.txt": "kept\n", "run.sh": "true\n", ".gitignore": "build/\n"}
    return Place(tmp_path, make_repository(tmp_path / "repo", files))


async def task_of(place: Place, mode: str, **asked: Any) -> Task:
    return await place.begin(Request("Count", str(place.repository), mode=mode, **asked))


def answers(view: View) -> list[str]:
    """What the model has been told of its calls."""
    return [item.output for item in view.items if isinstance(item, Answered)]


EVERY = [*(pytest.param(driver.required, id=driver.name) for driver in DRIVERS), pytest.param(Copying, id="copies")]


@pytest.mark.parametrize("make", EVERY)
async def test_a_read_only_task_puts_back_what_a_command_changes_and_ends_with_its_answer(
    place: Place, make: Callable[[], Sandbox]
) -> None:
    place.sandbox = make()
    task = await task_of(place, "read-only", checks=("true",))
    look = "git status --porcelain; cat count.txt keep.txt; test -x run.sh || echo plain"
    script = [calls("shell", command=CHANGES), calls("shell", command=look), says("It counts to zero.")]
    model = FakeModel(script)
    report = await place.solve(task, model)
    first, second = answers(model.asked[-1][0])
    assert "read-only, so these files are as they were before: count.txt, keep.txt, link, new/file, run.sh" in first
    assert second.endswith("zero\nkept\nplain\n")
    assert "?? " not in second
    assert " M " not in second
    assert (report.status, report.exit_code, report.chosen.detail) == ("answered", 0, "It counts to zero.")
    assert (report.pull_request, report.changes, report.chosen.evidence) == (None, (), None)
    assert git(place.repository, "branch", "--list", "midwatch/*") == ""
    again = FakeModel([])
    assert (await place.solve(task, again)).status == "answered"  # nothing is left to do
    assert again.asked == []


async def test_a_read_only_task_may_write_what_is_no_part_of_the_work_and_finds_it_again(place: Place) -> None:
    task = await task_of(place, "read-only")
    script = [
        calls("shell", command="mkdir build; echo built > build/log; echo noted > /tmp/note; echo home > ~/home"),
        calls("shell", command="echo one > count.txt"),
        calls("shell", command="cat build/log /tmp/note ~/home count.txt"),
        says("Done."),
    ]
    model = FakeModel(script)
    await place.solve(task, model)
    outputs = answers(model.asked[-1][0])
    assert "as they were before" not in outputs[0]
    assert "as they were before: count.txt" in outputs[1]
    assert outputs[2].endswith("built\nnoted\nhome\nzero\n")


@pytest.mark.parametrize("form", ["tool", "here-document"])
async def test_a_patch_is_refused_in_a_read_only_task(place: Place, form: str) -> None:
    task = await task_of(place, "read-only")
    heredoc = calls("shell", command=f"apply_patch <<'EOF'\n{PATCH}\nEOF")
    call = calls("apply_patch", patch=PATCH) if form == "tool" else heredoc
    model = FakeModel([call, calls("shell", command="cat count.txt"), says("Done.")])
    report = await place.solve(task, model)
    refused, after = answers(model.asked[-1][0])
    assert refused.startswith("This task is read-only")
    assert after.endswith("zero\n")
    assert report.status == "answered"


async def test_the_model_is_told_the_mode_and_in_the_usual_one_nothing_is_said(place: Place) -> None:
    openings = []
    for mode in ("read-only", "workspace"):
        model = FakeModel([says("Done.")])
        await place.solve(await task_of(place, mode), model)
        opening = model.asked[0][0].items[0]
        assert isinstance(opening, Said)
        openings.append(opening.text)
    assert "mode: read-only" in openings[0]
    assert "mode:" not in openings[1]


async def test_a_read_only_task_that_a_limit_ends_has_no_answer(place: Place) -> None:
    task = await place.begin(Request("Count", str(place.repository), mode="read-only"), Limits(turns=1))
    report = await place.solve(task, FakeModel([calls("shell", command="cat count.txt")]))
    assert (report.status, report.exit_code, report.pull_request) == ("no change", 1, None)


async def test_the_full_mode_takes_no_sandbox_and_says_so_loudly(place: Place) -> None:
    task = await task_of(place, "full")
    assert (task.sandbox, task.mode) == ("process", "full")
    assert any("NO SANDBOX" in note for note in task.notes)


async def test_the_full_mode_with_a_sandbox_and_an_unknown_mode_are_errors(place: Place) -> None:
    with pytest.raises(InputError, match="without a sandbox, and --sandbox bubblewrap"):
        await task_of(place, "full", sandbox="bubblewrap")
    with pytest.raises(InputError, match="there is no mode 'root'"):
        await task_of(place, "root")


async def test_the_mode_of_the_settings_counts_where_the_command_says_nothing(place: Place) -> None:
    place.settings = {"mode": "read-only"}
    assert (await task_of(place, "")).mode == "read-only"
    assert (await task_of(place, "workspace")).mode == "workspace"
