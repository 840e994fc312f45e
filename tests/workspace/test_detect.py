"""Detection of checks. Where a command is Python's own, it is run on the files that it was found for."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from midwatch.workspace.detect import Detected, detect

CASE = "import unittest\nimport app\nclass T(unittest.TestCase):\n    def test_it(self): self.assertEqual(app.X, 1)\n"
PLAIN = "def test_it():\n    assert True\n"
PYTEST = "python -m pytest -q"

Files = dict[str, str]


def detected(files: Files) -> Detected:
    return detect([path.encode() for path in files], lambda path: files[path].encode() if path in files else None)


@pytest.mark.parametrize(
    ("files", "check", "what"),
    [
        ({"pyproject.toml": "[tool.pytest.ini_options]\n", "tests/test_a.py": CASE}, PYTEST,
         "pytest: [tool.pytest.ini_options] in pyproject.toml"),
        ({"pyproject.toml": "[tool.pytest]\n", "test_a.py": ""}, PYTEST, "pytest: [tool.pytest] in pyproject.toml"),
        ({"pytest.ini": "[pytest]\n", "test_a.py": CASE}, PYTEST, "pytest: pytest.ini"),
        ({"setup.cfg": "[tool:pytest]\n", "test_a.py": CASE}, PYTEST, "pytest: [tool:pytest] in setup.cfg"),
        ({"tox.ini": "[tox]\n[pytest]\n", "test_a.py": CASE}, PYTEST, "pytest: [pytest] in tox.ini"),
        ({"tests/conftest.py": "", "tests/test_a.py": CASE}, PYTEST, "pytest: tests/conftest.py"),
        ({"tests/test_a.py": "import pytest\n" + CASE}, PYTEST, "pytest: tests/test_a.py uses pytest"),
        ({"tests/test_a.py": PLAIN}, PYTEST, "pytest: tests/test_a.py has plain test functions"),
        ({"a_test.py": "class TestA:\n    def test_it(self): pass\n"}, PYTEST,
         "pytest: a_test.py has plain test functions"),
        ({"src/app/__init__.py": "", "tests/test_a.py": PLAIN}, f"PYTHONPATH=src {PYTEST}",
         "pytest: tests/test_a.py has plain test functions"),
        ({"tests/test_a.py": CASE}, "python -m unittest discover -s tests", "unittest: TestCase in tests/test_a.py"),
        ({"manage.py": "import django", "app/tests.py": CASE}, "python manage.py test", "Django: manage.py"),
        ({"package.json": '{"scripts": {"test": "vitest run"}}'}, "npm test --silent",
         "npm: scripts.test in package.json (vitest run)"),
        ({"Makefile": "all: build\n\nlint test: build\n\tgo vet\n"}, "make test", "make: target test in Makefile"),
        ({"Cargo.toml": "[package]\n"}, "cargo test", "cargo: Cargo.toml"),
        ({"go.mod": "module x\n", "a_test.go": ""}, "go test ./...", "go: go.mod"),
        ({"build.gradle.kts": "", "gradlew": ""}, "./gradlew test --offline", "Gradle: build.gradle.kts"),
        ({"pom.xml": "<project/>"}, "mvn -q -o test", "Maven: pom.xml"),
        ({"composer.json": '{"scripts": {"test": "phpunit"}}'}, "composer test",
         "Composer: scripts.test in composer.json"),
        ({"mix.exs": ""}, "mix test", "Mix: mix.exs"),
        ({"Rakefile": "", "spec/a_spec.rb": ""}, "rake spec", "Rake: Rakefile and spec/"),
        ({"package.json": '{"scripts": {"test": "jest"}}', "tests/test_a.py": PLAIN}, PYTEST,
         "pytest: tests/test_a.py has plain test functions"),
    ],
)  # fmt: skip
def test_the_check_of_a_tree_is_found_with_the_reason(files: Files, check: str, what: str) -> None:
    assert detected(files) == Detected((check,), what)


@pytest.mark.parametrize(
    "files",
    [
        {},
        {"README.md": "run make test"},
        {"package.json": '{"scripts": {"test": "echo \\"Error: no test specified\\" && exit 1"}}'},
        {"package.json": "{broken"},
        {"package.json": '["test"]'},
        {"Makefile": "test := 1\n.PHONY: test\nlatest: x\n"},
        {"pyproject.toml": "[tool.pytest.ini_options]\n", "src/a.py": ""},  # settings, but no test
        {"pyproject.toml": "broken ["},
        {"src/jinja/tests.py": "def test_odd(value):\n    return value % 2\n"},
        {"node_modules/x/test_a.py": PLAIN},
        {"vendor/b/tests/test_b.py": CASE},
    ],
)
def test_nothing_is_made_up(files: Files) -> None:
    assert detected(files) == Detected()


@pytest.mark.parametrize(
    ("files", "checks"),
    [
        ({"app.py": "X = 1\n", "test_app.py": CASE}, ["python -m unittest discover"]),
        ({"app.py": "X = 1\n", "tests/test_app.py": CASE}, ["python -m unittest discover -s tests"]),
        ({"app.py": "X = 1\n", "tests/__init__.py": "", "tests/test_app.py": "from . import *\n" + CASE},
         ["python -m unittest discover -s tests -t ."]),
        ({"app.py": "X = 1\n", "tests/__init__.py": "", "tests/unit/__init__.py": "", "tests/unit/test_app.py": CASE},
         ["python -m unittest discover -s tests -t ."]),
        ({"app.py": "X = 1\n", "tests/unit/__init__.py": "", "tests/unit/test_app.py": "from . import *\n" + CASE},
         ["python -m unittest discover -s tests/unit -t tests"]),
        ({"app/__init__.py": "X = 1\n", "app/tests/__init__.py": "", "app/tests/test_app.py": CASE},
         ["python -m unittest discover -s app -t ."]),
        ({"app.py": "X = 1\n", "tests/app_test.py": CASE}, ["python -m unittest discover -s tests -p '*_test.py'"]),
        ({"src/app/__init__.py": "X = 1\n", "tests/test_app.py": CASE},
         ["PYTHONPATH=src python -m unittest discover -s tests"]),
        ({"app.py": "X = 1\n", "tests/a/test_a.py": CASE, "tests/b/test_b.py": CASE},
         ["python -m unittest discover -s tests/a", "python -m unittest discover -s tests/b"]),
        ({"app.py": "X = 1\n", "odd name/test_app.py": CASE}, ["python -m unittest discover -s 'odd name'"]),
    ],
)  # fmt: skip
def test_unittest_commands_fit_the_layout_and_really_find_the_tests(
    files: Files, checks: list[str], tmp_path: Path
) -> None:
    assert list(detected(files).checks) == checks
    for name, text in files.items():
        path = tmp_path / "tree" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    (tmp_path / "bin").mkdir()
    (tmp_path / "bin/python").symlink_to(sys.executable)
    environment = {"PATH": f"{tmp_path}/bin:{os.defpath}", "PYTHONDONTWRITEBYTECODE": "1"}
    for check in checks:
        done = subprocess.run(
            check, shell=True, cwd=tmp_path / "tree", env=environment, capture_output=True, text=True, check=False
        )
        assert done.returncode == 0, done.stderr
        assert "Ran 1 test " in done.stderr


def test_file_names_that_are_not_utf8_do_no_harm() -> None:
    assert detect([b"caf\xe9.py", b"test_\xff.py"], lambda path: b"def test_x(): pass\n").checks == (PYTEST,)


def test_few_files_are_read_of_a_large_tree() -> None:
    read: list[str] = []

    def content(path: str) -> bytes:
        read.append(path)
        return b""

    assert detect([f"tests/test_{n}.py" for n in range(5000)], content) == Detected()
    assert len(read) < 60
