"""What a repository's `.midwatch` sets: only in repositories that the person trusts, and only narrower."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from midwatch.domain.conversation import Answered
from midwatch.domain.errors import InputError
from midwatch.domain.guard import Guard, Hook
from midwatch.domain.limits import Limits
from midwatch.domain.task import Task
from midwatch.models.fake import FakeModel, calls, says
from midwatch.tools.rules import Rule, Rules
from midwatch.workflows.start import Request
from tests.support.place import Place, git, make_repository

RULES = '[[rule]]\nprefix = ["make"]\ndecision = "forbid"\nreason = "it takes a day"\n'
HOOKS = '[[hooks]]\nevent = "before_tool"\ncommand = "exit 0"\ntools = ["shell"]\ntimeout_seconds = 5\n'
SETTINGS = "[limits]\nturns = 3\nseconds = 999999\ncost_usd = 0.5\n"
FILES = {
    "count.txt": "zero\n",
    ".midwatch/rules.toml": RULES,
    ".midwatch/hooks.toml": HOOKS,
    ".midwatch/settings.toml": SETTINGS,
    ".midwatch/prompts/more.md": "Count $1 further.",
    ".midwatch/prompts/Odd.md": "Never a prompt.",
}


def place_with(tmp_path: Path, **changed: str) -> Place:
    files = FILES | {f".midwatch/{name}.toml": text for name, text in changed.items()}
    return Place(tmp_path, make_repository(tmp_path / "repo", files))


async def task_of(place: Place, prompt: str = "Count", *, trusted: bool = True, **asked: Any) -> Task:
    request = Request(prompt, str(place.repository), trust_project=trusted, **asked)
    return await place.begin(request, Limits(turns=50))


async def test_a_trusted_repository_adds_rules_hooks_and_lower_limits(tmp_path: Path) -> None:
    place = place_with(tmp_path)
    own = Hook("after_tool", "true")
    place.settings = {"rules": Rules([Rule(("git", "push"), "ask")]), "hooks": (own,)}
    task = await task_of(place)
    assert [(rule.prefix, rule.decision) for rule in task.guard.rules] == [
        ((("git",), ("push",)), "ask"),
        ((("make",),), "forbid"),
    ]
    assert task.guard.hooks == (own, Hook("before_tool", "exit 0", ("shell",), 5.0))
    assert (task.limits.turns, task.limits.seconds, task.limits.cost_microusd) == (3, 3600, 500_000)
    assert "the repository has 1 hook of its own" in task.notes


async def test_in_one_that_is_not_trusted_nothing_is_read_and_the_task_says_what_was_there(tmp_path: Path) -> None:
    place = place_with(tmp_path, rules="no TOML at all [")
    task = await task_of(place, trusted=False)
    assert task.guard == Guard()
    assert task.limits.turns == 50
    note = task.notes[-1]
    assert note.startswith(
        ".midwatch/hooks.toml, .midwatch/prompts/more.md, .midwatch/rules.toml, .midwatch/settings.toml: there and not "
        "read, because you have not said that you trust this repository"
    )


async def test_what_is_not_committed_does_not_count(tmp_path: Path) -> None:
    place = place_with(tmp_path)
    (place.repository / ".midwatch/rules.toml").write_text("")
    (place.repository / ".midwatch/hooks.toml").unlink()
    task = await task_of(place)
    assert len(task.guard.rules) == len(task.guard.hooks) == 1


async def test_a_task_keeps_the_rules_that_it_was_made_with(tmp_path: Path) -> None:
    place = place_with(tmp_path)
    task = await task_of(place)
    git(place.repository, "rm", "-q", "-r", ".midwatch")
    git(place.repository, "commit", "-q", "-m", "No rules")
    model = FakeModel([calls("shell", command="rm -r .midwatch; make all"), says("No.")])
    await place.solve(task, model)
    answer = model.asked[1][0].items[-1]
    assert isinstance(answer, Answered)
    assert "is forbidden by the rule on `make`: it takes a day" in answer.output


@pytest.mark.parametrize(
    ("file", "text", "wrong"),
    [
        ("settings", 'model = "openai/gpt-5"', "a repository cannot set 'model'"),
        ("settings", "[providers.x]\nbase_url = 'https://example.com'", "a repository cannot set 'providers'"),
        ("settings", "[limits]\nturns = 0", "limits.turns: "),
        ("settings", "[limits", "settings.toml cannot be read"),
        ("rules", '[[rule]]\nprefix = []\ndecision = "ask"', "rules.toml: rule 1: prefix must be a list"),
        ("hooks", '[[hooks]]\nevent = "at_night"\ncommand = "true"', "hooks.toml: hooks.0.event: "),
        ("hooks", '[[hooks]]\nevent = "before_tool"\ncommand = " "', "hooks.toml: hook 1 has no usable command"),
        ("hooks", '[[hooks]]\nevent = "before_finish"\ncommand = "true"\ntools = ["shell"]', "is about no tool"),
        ("hooks", "model = 1", "a repository cannot set 'model'"),
    ],
)
async def test_what_is_wrong_in_a_trusted_repository_is_an_error_that_names_it(
    tmp_path: Path, file: str, text: str, wrong: str
) -> None:
    with pytest.raises(InputError) as raised:
        await task_of(place_with(tmp_path, **{file: text}))
    assert wrong in raised.value.message
    assert raised.value.mend


async def test_a_file_that_is_too_large_is_not_passed_over(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"\.midwatch/rules\.toml is larger than 1 MiB"):
        await task_of(place_with(tmp_path, rules="#" * (1 << 20) + "\n"))


async def test_less_time_for_the_task_is_less_for_each_command(tmp_path: Path) -> None:
    task = await task_of(place_with(tmp_path, settings="[limits]\nseconds = 30\n"))
    assert (task.limits.seconds, task.limits.command_seconds, task.limits.check_seconds) == (30, 30, 30)


async def test_a_prompt_of_a_trusted_repository_is_called_by_its_name(tmp_path: Path) -> None:
    task = await task_of(place_with(tmp_path), "/more twice", commands=True)
    assert task.prompt == "Count twice further."
    assert "count-twice" in task.branch


async def test_a_prompt_of_one_that_is_not_trusted_is_an_error_that_says_why(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="a prompt of the repository, which is not read") as raised:
        await task_of(place_with(tmp_path), "/more twice", commands=True, trusted=False)
    assert "--trust-project" in raised.value.mend


async def test_a_prompt_that_was_not_typed_calls_nothing(tmp_path: Path) -> None:
    assert (await task_of(place_with(tmp_path), "/more twice")).prompt == "/more twice"
