"""A recipe's text with single values changed, and where its keys stand."""

from __future__ import annotations

import pytest

from midwatch.domain.errors import InputError
from midwatch.workspace.recipe import parse
from midwatch.workspace.recipe_edit import edited
from midwatch.workspace.recipe_lines import checked, line_of
from midwatch.workspace.recipe_text import DEEPEST, scanned

TEXT = """\
# what it needs
setup = [  # in order
  "npm ci",  # "not one, of two"
  'echo "a" [x] # no comment',
]
checks = ["npm test"]

# hosts
[network]
setup = ["preset:node"] # registries

[variables]
A = "1"
"B-is.quoted" = 2
"""


def test_a_value_is_replaced_and_all_else_stays() -> None:
    text = TEXT.replace('"B-is.quoted" = 2\n', "")
    changed = edited(
        text,
        {
            ("setup",): ["npm ci", 'say "it\'s"'],
            ("maintenance",): ["make\ttidy"],
            ("network", "setup"): ["preset:common"],
            ("network", "agent"): ["docs.example.org read-only"],
            ("variables", "A"): None,
            ("variables", "C"): "two\nlines",
            ("limits", "memory_mib"): 512,
            ("cache_by_commit",): True,
        },
    )
    recipe = parse(changed.encode())
    assert recipe.setup == ("npm ci", 'say "it\'s"')
    assert recipe.maintenance == ("make\ttidy",)
    assert recipe.network.setup == ("preset:common",)
    assert recipe.network.agent == ("docs.example.org read-only",)
    assert recipe.variables == (("C", "two\nlines"),)
    assert (recipe.limits.memory_mib, recipe.cache_by_commit, recipe.checks) == (512, True, ("npm test",))
    for comment in ("# what it needs\n", "\n# hosts\n[network]\n", " # registries\n"):
        assert comment in changed
    assert edited(text, {("lock_files",): [], ("labels",): None}) == text


def test_a_new_text_is_made_of_nothing() -> None:
    text = edited("", {("checks",): ["true"], ("network", "setup"): ["preset:common"], ("setup",): ["make"]})
    assert text == 'checks = ["true"]\nsetup = ["make"]\n\n[network]\nsetup = ["preset:common"]\n'


def test_what_cannot_be_changed_by_itself_is_said() -> None:
    with pytest.raises(InputError, match="in one line"):
        edited('network = { setup = ["a.example"] }\n', {("network", "agent"): ["b.example"]})
    with pytest.raises(InputError, match="in one line"):
        edited('network.setup = ["a.example"]\n', {("network", "agent"): ["b.example"]})
    with pytest.raises(InputError, match="not valid TOML"):
        edited("setup = [\n", {("checks",): ["true"]})


@pytest.mark.parametrize(
    ("place", "line"),
    [
        (("setup",), 2),
        (("setup", 0), 3),
        (("setup", 1), 4),
        (("setup", 7), 2),
        (("checks", 0), 6),
        (("network",), 9),
        (("network", "setup", 0), 10),
        (("variables", "A"), 13),
        (("variables", "B-is.quoted"), 14),
        (("nothing",), 0),
    ],
)
def test_keys_and_entries_have_lines(place: tuple[str | int, ...], line: int) -> None:
    assert line_of(TEXT, *place) == line


@pytest.mark.parametrize(
    "text", ["", "[", '"', "a = ", "a = [", "a = {", "= 1", "[a\nb = ]", "a.b = [{c = 1}, {d = [2]}]", "'''"]
)
def test_no_text_is_too_broken_to_look_for_a_line(text: str) -> None:
    assert line_of(text, "z") == 0


@pytest.mark.parametrize(
    "text",
    ["a=" + "[" * 9000, "a={" * 9000, f"b = 1\n{'a.' * 9000}a = 1", f"[{'a.' * 9000}a]", f"#{'x' * (128 << 10)}"],
)
def test_a_text_that_is_meant_to_take_long_is_refused_at_once(text: str) -> None:
    assert all(len(place) <= DEEPEST + 3 for place in scanned(text).lines)
    recipe, fault = checked(text)
    assert recipe is None
    assert fault is not None
    assert fault.line == (2 if text.startswith("b") else fault.line)
    assert fault.text.startswith(("is not valid TOML", "has more than 500 dots", "is larger than"))


def test_a_text_that_has_become_too_large_is_changed_no_further() -> None:
    with pytest.raises(InputError, match="is larger than 128 KiB"):
        edited("a = {b = 1}\n", {("setup",): ["x" * (200 << 10)], ("a", "c"): 2})  # the second is another fault
