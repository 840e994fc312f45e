"""The size check finds what it is there to find: each rule on a planted violation, and none on what is allowed."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from scripts import check_architecture as architecture

Plant = Callable[[str, str], None]
WORK = "work"
"""A folder of one machine, which stands in no file as a path."""


@pytest.fixture
def plant(tmp_path: Path) -> Plant:
    """Puts a file into an otherwise empty project."""

    def put(name: str, text: str) -> None:
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")

    return put


def found(root: Path) -> list[str]:
    """The violations, as they are printed."""
    return [str(violation) for violation in architecture.check(root)]


def function(lines: int, name: str = "long") -> str:
    """A function of so many lines."""
    return f"def {name}():\n" + "    x = 1\n" * (lines - 1)


@pytest.mark.parametrize(
    ("name", "allowed"),
    [
        ("src/midwatch/agent/loop.py", 400),
        ("src/midwatch/agent/base.py", 120),
        ("src/midwatch/wiring.py", 200),
        ("tests/agent/test_loop.py", 500),
        ("scripts/thing.py", 400),
    ],
)
def test_a_module_may_be_as_long_as_its_limit_and_not_a_line_longer(
    name: str, allowed: int, plant: Plant, tmp_path: Path
) -> None:
    plant(name, "x = 1\n" * allowed)
    assert found(tmp_path) == []
    plant(name, "x = 1\n" * (allowed + 1))
    assert found(tmp_path) == [f"{name}:1: the module has {allowed + 1} lines, at most {allowed} are allowed"]


def test_a_function_of_fifty_one_lines_is_reported_where_it_starts(plant: Plant, tmp_path: Path) -> None:
    plant("src/midwatch/a.py", "\n" + function(50, "fits") + function(51, "long"))
    assert found(tmp_path) == ["src/midwatch/a.py:52: function long has 51 lines, at most 50 are allowed"]


def test_functions_inside_classes_and_functions_are_measured_too(plant: Plant, tmp_path: Path) -> None:
    body = "".join(f"    {line}\n" for line in function(51).splitlines())
    plant("src/midwatch/a.py", "class A:\n" + body)
    assert found(tmp_path) == ["src/midwatch/a.py:2: function long has 51 lines, at most 50 are allowed"]


def test_six_parameters_are_allowed_and_seven_are_not_however_they_are_written(plant: Plant, tmp_path: Path) -> None:
    plant("src/midwatch/a.py", "class A:\n    def f(self, a, b, /, c, *d, e, **f): ...\n")
    assert found(tmp_path) == []
    plant("src/midwatch/a.py", "def f(a, b, /, c, d, *e, f, **g): ...\n")
    assert found(tmp_path) == ["src/midwatch/a.py:1: function f has 7 parameters, at most 6 are allowed"]


@pytest.mark.parametrize(
    "import_back",
    [
        "from midwatch.agent.a import x\n",
        "from midwatch.agent import a\n",
        "import midwatch.agent.a\n",
        "from . import a\n",
        "from .a import x\n",
        "from typing import TYPE_CHECKING\nif TYPE_CHECKING:\n    from midwatch.agent.a import x\n",
        "def f():\n    from midwatch.agent.a import x\n",
    ],
)
def test_an_import_cycle_is_found_however_the_import_is_written(import_back: str, plant: Plant, tmp_path: Path) -> None:
    plant("src/midwatch/agent/a.py", "from midwatch.agent.b import y\n")
    plant("src/midwatch/agent/b.py", "x = 1\n")
    assert found(tmp_path) == []
    plant("src/midwatch/agent/b.py", import_back)
    assert found(tmp_path) == ["src/midwatch/agent/a.py:1: import cycle of midwatch.agent.a, midwatch.agent.b"]


def test_a_cycle_over_three_modules_is_reported_once(plant: Plant, tmp_path: Path) -> None:
    for here, there in ("ab", "bc", "ca"):
        plant(f"src/midwatch/{here}.py", f"import midwatch.{there}\n")
    assert found(tmp_path) == ["src/midwatch/a.py:1: import cycle of midwatch.a, midwatch.b, midwatch.c"]


@pytest.mark.parametrize("name", ["utils", "helpers", "common", "manager"])
def test_modules_and_folders_with_names_that_say_nothing_are_refused(name: str, plant: Plant, tmp_path: Path) -> None:
    plant(f"src/midwatch/{name}.py", "")
    plant(f"src/midwatch/{name}/a.py", "")
    assert len(found(tmp_path)) == 2


def test_only_the_command_line_and_the_programs_in_the_box_may_print(plant: Plant, tmp_path: Path) -> None:
    for name in ("cli/show.py", "models/repair/box/search.py", "agent/loop.py"):
        plant(f"src/midwatch/{name}", "x = 1\nprint(x)\n")
    assert [line.split(" ")[0] for line in found(tmp_path)] == ["src/midwatch/agent/loop.py:2:"]


def test_nothing_below_imports_the_command_line_but_main_may(plant: Plant, tmp_path: Path) -> None:
    plant("src/midwatch/cli/main.py", "")
    plant("src/midwatch/__main__.py", "from midwatch.cli.main import main\n")
    assert found(tmp_path) == []
    plant("src/midwatch/wiring.py", "def f():\n    from midwatch.cli import main\n")
    assert found(tmp_path) == [
        "src/midwatch/wiring.py:2: imports midwatch.cli.main: nothing below knows the command line"
    ]


@pytest.mark.parametrize("folder", ["root", "work", "home/somebody", "tmp/lab"])
def test_folders_of_one_machine_are_found_in_code_and_pages(folder: str, plant: Plant, tmp_path: Path) -> None:
    path = f"/{folder}/thing"
    plant("src/midwatch/a.py", f'x = 1\ny = "{path}"\n')
    plant("docs/index.md", f"Look into `{path}`.\n")
    assert [line.split(" ")[0] for line in found(tmp_path)] == ["docs/index.md:1:", "src/midwatch/a.py:2:"]


@pytest.mark.parametrize(
    "path", ["/workspace/a", "/home/agent/a", f"https://example.org/{WORK}/a", f"src/{WORK}/a", f"~/{WORK}/a"]
)
def test_other_paths_are_left_alone(path: str, plant: Plant, tmp_path: Path) -> None:
    plant("docs/index.md", f"Look into `{path}`.\n")
    assert found(tmp_path) == []


def test_tests_may_make_up_homes_but_not_name_this_machines_folders(plant: Plant, tmp_path: Path) -> None:
    plant("tests/test_a.py", 'x = "{}"\ny = "{}"\n'.format("/root/x", "/home/ada/x"))
    assert found(tmp_path) == []
    plant("tests/test_a.py", 'x = "{}"\n'.format(f"/{WORK}/x"))
    assert len(found(tmp_path)) == 1


def test_a_guide_for_agents_that_nobody_can_read_in_one_go_is_refused(plant: Plant, tmp_path: Path) -> None:
    plant("AGENTS.md", "a line\n" * 121)
    assert found(tmp_path) == ["AGENTS.md:1: the guide has 121 lines, at most 120 are allowed"]


def test_a_file_that_is_no_python_is_a_violation_and_no_crash(plant: Plant, tmp_path: Path) -> None:
    plant("src/midwatch/a.py", "def f(:\n")
    assert found(tmp_path)[0].startswith("src/midwatch/a.py:1: cannot be read")


def test_the_script_exits_with_one_and_counts(plant: Plant, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    plant("src/midwatch/utils.py", "")
    assert architecture.main([str(tmp_path)]) == 1
    assert "1 files, 1 violations" in capsys.readouterr().out
