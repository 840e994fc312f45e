"""Recipes for repositories that have none."""

from __future__ import annotations

import tomllib

import pytest

from midwatch.sandbox.egress.rules import rules
from midwatch.workspace.recipe import parse
from midwatch.workspace.suggest import Suggestion, suggest, wanted


def made(**files: str) -> Suggestion:
    named = {name.replace("__", "."): text.encode() for name, text in files.items()}
    return suggest(list(named), named.get)


@pytest.mark.parametrize(
    ("files", "found", "setup", "presets"),
    [
        (
            {"uv__lock": "", "pyproject__toml": "[project]"},
            "Python with uv: uv.lock",
            ["python3 -m venv ~/.uv", "~/.uv/bin/pip install uv", "~/.uv/bin/uv sync --frozen"],
            ["preset:python"],
        ),
        ({"poetry__lock": ""}, "Python with Poetry: poetry.lock", None, ["preset:python"]),
        ({"Pipfile__lock": ""}, "Python with Pipenv: Pipfile.lock", None, ["preset:python"]),
        (
            {"requirements__txt": "", "requirements-dev__txt": ""},
            "Python with pip: requirements-dev.txt, requirements.txt",
            ["python3 -m venv .venv", ".venv/bin/pip install -r requirements-dev.txt -r requirements.txt"],
            ["preset:python"],
        ),
        (
            {"pyproject__toml": "[project]\n[project.optional-dependencies]\ntest = []\ndocs = []"},
            "Python with pip: pyproject.toml",
            ["python3 -m venv .venv", ".venv/bin/pip install -e '.[test]'"],
            ["preset:python"],
        ),
        ({"package__json": "{}"}, "Node with npm: package.json", ["npm install"], ["preset:node"]),
        ({"package__json": "{}", "package-lock__json": ""}, "Node with npm: package-lock.json", ["npm ci"], None),
        ({"package__json": "{}", "pnpm-lock__yaml": ""}, "Node with pnpm: pnpm-lock.yaml", None, ["preset:node"]),
        ({"package__json": "{}", "yarn__lock": ""}, "Node with yarn: yarn.lock", None, ["preset:node"]),
        (
            {"Cargo__toml": "", "Cargo__lock": ""},
            "Rust with Cargo: Cargo.toml",
            ["cargo fetch --locked"],
            ["preset:rust"],
        ),
        ({"go__mod": ""}, "Go: go.mod", ["go mod download"], ["preset:go"]),
        ({"Gemfile": "", "Gemfile__lock": ""}, "Ruby with Bundler: Gemfile.lock", ["bundle install"], ["preset:ruby"]),
        ({"pom__xml": ""}, "Java with Maven: pom.xml", ["mvn -q -B dependency:go-offline"], ["preset:java"]),
        ({"build__gradle": "", "gradlew": ""}, "Java with Gradle: build.gradle", None, ["preset:java"]),
    ],
)
def test_an_ecosystem_is_found_by_its_files(
    files: dict[str, str], found: str, setup: list[str] | None, presets: list[str] | None
) -> None:
    suggestion = made(**files)
    assert suggestion.found == [found]
    assert setup is None or suggestion.setup == setup
    assert presets is None or suggestion.presets == presets
    recipe = parse(suggestion.text().encode())
    assert recipe.setup == tuple(suggestion.setup)
    assert rules(recipe.network.setup)


def test_several_ecosystems_stand_side_by_side_and_checks_are_those_that_are_detected() -> None:
    suggestion = made(requirements__txt="", package__json="{}", Cargo__toml="", test_a__py="import pytest\n")
    assert len(suggestion.found) == 3
    recipe = parse(suggestion.text().encode())
    assert recipe.checks == ("python -m pytest -q",)
    assert ".venv/bin/pip install pytest" in recipe.setup


def test_pytest_is_not_added_where_something_asks_for_it() -> None:
    suggestion = made(requirements__txt="pytest>=8\n", test_a__py="import pytest\n")
    assert ".venv/bin/pip install pytest" not in suggestion.setup


def test_cargo_checks_without_a_network() -> None:
    assert made(Cargo__toml="").checks == ("cargo test --offline",)


def test_submodules_and_large_files_are_seen() -> None:
    recipe = parse(made(__gitmodules="", __gitattributes="*.bin filter=lfs").text().encode())
    assert (recipe.repository.submodules, recipe.repository.lfs) == (True, True)


def test_a_repository_that_nothing_is_known_of_gets_examples_only() -> None:
    text = made(notes__txt="x").text()
    assert parse(text.encode()).setup == ()
    assert '# setup = ["npm ci"]' in text
    # with the comment signs of single settings taken away, what is left is a recipe too
    lines = [
        line.removeprefix("# ") if line.startswith("# ") and " = [" in line else line for line in text.splitlines()
    ]
    assert parse("\n".join(lines).encode()).setup == ("npm ci",)


def test_text_from_the_repository_stays_a_string_of_the_recipe() -> None:
    suggestion = Suggestion(setup=['echo "a\\b"\n[network]'], checks=("x\ty",), checks_from="z")
    values = tomllib.loads(suggestion.text())
    assert (values["setup"], values["checks"]) == (['echo "a\\b"\n[network]'], ["x\ty"])


def test_only_files_that_are_looked_into_are_asked_for() -> None:
    assert wanted(["a.py", "sub/package.json", "package.json", "requirements/dev.txt"]) == [
        "package.json",
        "requirements/dev.txt",
    ]
