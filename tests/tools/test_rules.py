"""Rules on commands."""

from __future__ import annotations

import pytest

from midwatch.domain.errors import InputError
from midwatch.tools.rules import Rules, parse, simple_commands

TEXT = b"""
[[rule]]
prefix = ["git", ["push", "fetch"]]
decision = "forbid"
reason = "the harness pushes"
match = ["git push origin main", "cd x && git fetch"]
not_match = ["git status", "echo git push"]

[[rule]]
prefix = ["git"]
decision = "allow"

[[rule]]
prefix = ["rm", "-rf"]
decision = "ask"
"""


@pytest.fixture
def rules() -> Rules:
    return parse(TEXT, "rules.toml")


@pytest.mark.parametrize(
    "command",
    [
        "git push",
        "/usr/bin/git push --force",
        "true; git fetch origin",
        "make&&git push",
        "GIT_DIR=x git push",
        "echo $(git push)",
        'echo "$(cd a; git push)"',
        "echo `git push`",
        'bash -lc "cd a && git push"',
        "eval 'git push'",
        "if true; then git push; fi",
        "(git push)",
        "echo a\ngit push",
        "env git push",
        "git status | git push 'unclosed",
    ],
)
def test_a_forbidden_command_is_found_wherever_it_stands(rules: Rules, command: str) -> None:
    assert rules.decide(command).decision == "forbid"


@pytest.mark.parametrize("command", ["git status", "echo git push", "ls", "python push.py git", 'grep "git push" a'])
def test_what_only_looks_like_it_is_allowed(rules: Rules, command: str) -> None:
    assert rules.decide(command).decision == "allow"


def test_the_strictest_of_all_that_match_wins_and_says_why(rules: Rules) -> None:
    assert rules.decide("rm -rf build").decision == "ask"
    verdict = rules.decide("rm -rf build && git push")
    assert verdict.decision == "forbid"
    assert verdict.words() == "the rule on `git push|fetch`: the harness pushes"


def test_without_a_rule_everything_is_allowed() -> None:
    assert Rules().decide("git push").rule is None


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ('[[rule]]\nprefix = ["a"]\ndecision = "allow"\nmatch = ["b"]', "does not match its own example `b`"),
        ('[[rule]]\nprefix = ["a"]\ndecision = "allow"\nnot_match = ["a b"]', "matches its own example `a b`"),
        ('[[rule]]\nprefix = ["a"]\ndecision = "maybe"', "decision must be one of allow, ask, forbid"),
        ('[[rule]]\nprefix = "a"\ndecision = "allow"', "prefix must be a list"),
        ('[[rule]]\nprefix = [1]\ndecision = "allow"', "neither a word nor a list"),
        ('[[rule]]\nprefix = ["a"]\ndecision = "allow"\nwhy = "x"', "unknown key 'why'"),
        ('[[rule]]\nprefix = ["a"]\ndecision = "allow"\nmatch = "a"', "must be a list of command lines"),
        ('[[rules]]\nprefix = ["a"]', "'rules' is not a list of rules"),
        ("rule = 1", "'rule' is not a list of rules"),
        ("[[rule", "cannot be read"),
    ],
)
def test_a_mistake_in_the_file_is_named(text: str, said: str) -> None:
    with pytest.raises(InputError, match=r"rules\.toml") as caught:
        parse(text.encode(), "rules.toml")
    assert said in caught.value.message
    assert caught.value.mend


def test_deep_nesting_ends() -> None:
    assert list(simple_commands("echo " + "$(" * 200 + ")" * 200))
