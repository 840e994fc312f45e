"""The environment recipe: what it may say, and what is said about everything else."""

from __future__ import annotations

import pytest

from midwatch.domain.errors import InputError
from midwatch.workspace.recipe import Recipe, parse


def test_checks_and_variables_are_read() -> None:
    data = b'checks = ["python -m pytest -q", "make lint"]\n[variables]\nTZ = "UTC"\nMODE = ""\n'
    assert parse(data) == Recipe(("python -m pytest -q", "make lint"), (("TZ", "UTC"), ("MODE", "")))


def test_an_empty_recipe_is_a_recipe() -> None:
    assert parse(b"") == parse(b"# nothing yet\n") == Recipe()


@pytest.mark.parametrize(
    ("data", "message", "mend"),
    [
        (b"checks = [", "not valid TOML", "mend the line"),
        (b"checks = [\xff]", "not UTF-8 (byte 10)", "save it as UTF-8"),
        (b'setup = ["pip install x"]', "unknown key 'setup'", "knows `checks` and `[variables]`"),
        (b'check = "x"', "unknown key 'check'", "correct its name"),
        (b'checks = "pytest"', "`checks` must be a list of strings, not str", 'checks = ["'),
        (b'checks = ["a", 3]', "entry 2 of `checks` must be a string, not int", 'checks = ["'),
        (b'checks = [""]', "check 1 is empty", "give a command"),
        (b'variables = "A=b"', "`variables` must be a table, not str", "[variables]"),
        (b"[variables]\nPORT = 8080", "the variable PORT must be a string, not int", 'PORT = "'),
        (b"[variables.A]\nb = 1", "the variable A must be a string, not dict", "in quotes"),
        (b'[variables]\n"A-B" = "x"', "'A-B' cannot be the name of a variable", "letters, digits"),
        (b'[variables]\nPATH = "/x"', "PATH is set by Midwatch itself", "take it out"),
        (b'[variables]\nMIDWATCH_X = "y"', "MIDWATCH_X is set by Midwatch itself", "take it out"),
        (b'[variables]\nA = "\\u0000"', "the value of A holds a NUL", "take it out"),
    ],
)
def test_what_is_wrong_is_named_with_the_file_the_key_and_the_fix(data: bytes, message: str, mend: str) -> None:
    with pytest.raises(InputError) as caught:
        parse(data)
    assert caught.value.message.startswith(".midwatch/environment.toml")
    assert message in caught.value.message
    assert mend in caught.value.mend
