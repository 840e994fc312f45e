"""The search program as the box runs it: real programs of tests/cases/repair, real interpreters, nothing written."""

from __future__ import annotations

import ast
import hashlib
import json
import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from midwatch.models.repair import box

BOX = Path(box.__file__).parent
CASES = Path(__file__).parents[2] / "cases" / "repair"
NO_PLUGIN = "-p no:schemathesis"
"""It happens to be installed beside our pytest, and would be imported at each start: nearly half of what that takes."""


def search(root: Path, *checks: str, seconds: float = 40, **environment: str) -> tuple[dict[str, Any], str]:
    """(the machine-readable answer, everything that was printed)."""
    scratch = root.parent / "scratch"
    scratch.mkdir(exist_ok=True)
    clean = {k: v for k, v in os.environ.items() if not k.startswith(("PYTEST_", "COV", "PYTHON"))}
    done = subprocess.run(
        [sys.executable, str(BOX / "search.py"), "--seconds", str(seconds), "--extra", "0.3", "--workers", "2"]
        + [part for check in checks for part in ("--check", check)],
        cwd=root,
        env={**clean, "TMPDIR": str(scratch), "PYTEST_ADDOPTS": NO_PLUGIN, **environment},
        capture_output=True,
        text=True,
        timeout=seconds + 30,
    )
    assert done.returncode in (0, 1), done.stdout + done.stderr
    assert list(scratch.iterdir()) == []
    answer: dict[str, Any] = json.loads(done.stdout.splitlines()[-1].removeprefix("MIDWATCH-REPAIR "))
    return answer, done.stdout


def laid_out(name: str, tmp_path: Path) -> tuple[Path, str]:
    """A copy of a case, and its check."""
    root = tmp_path / name
    shutil.copytree(CASES / name, root)
    check = (root / "check.txt").read_text().strip().replace("{python}", sys.executable)
    (root / "check.txt").unlink()
    return root, check


def content(root: Path) -> dict[str, str]:
    """Every file under `root` with its digest."""
    files = [path for path in root.rglob("*") if path.is_file()]
    return {str(p.relative_to(root)): hashlib.sha256(p.read_bytes()).hexdigest() for p in files}


def patched(root: Path, patch: str) -> None:
    """Apply a patch of updates whose old lines occur once, as the search promises."""
    path = None
    for part in patch.split("\n*** ")[1:]:
        if not part.startswith("Update File: "):
            continue
        head, *chunks = part.split("\n@@\n")
        path = root / head.removeprefix("Update File: ")
        text = path.read_text()
        for chunk in chunks:
            lines = chunk.splitlines()
            old = "".join(line[1:] + "\n" for line in lines if line[:1] in "- ")
            new = "".join(line[1:] + "\n" for line in lines if line[:1] in "+ ")
            assert text.count(old) == 1
            text = text.replace(old, new)
        path.write_text(text)
    assert path is not None


@pytest.mark.parametrize("name", ["common_divisor", "nested_lists", "halving", "set_bits", "breadth", "sorting"])
def test_an_edit_is_found_that_makes_the_check_pass_and_the_tree_stays_as_it_was(name: str, tmp_path: Path) -> None:
    root, check = laid_out(name, tmp_path)
    before = content(root)
    answer, said = search(root, check)
    assert answer["found"], said
    assert content(root) == before
    assert answer["tried"] >= 1
    assert answer["plausible"] == 1 + len(answer["others"]) or answer["plausible"] > 10
    assert answer["failing"]
    patched(root, answer["patch"])
    assert subprocess.run(check, shell=True, cwd=root, capture_output=True).returncode == 0


def test_candidates_that_kill_hang_flood_and_hoard_are_survived(tmp_path: Path) -> None:
    root, check = laid_out("bombs", tmp_path)
    before = content(root)
    answer, said = search(root, check)
    assert "+    return 2 * level + 1" in answer["patch"], said
    assert content(root) == before
    assert len(said) < 8000


def test_nothing_is_sought_where_nothing_fails(tmp_path: Path) -> None:
    root = tmp_path / "fine"
    root.mkdir()
    (root / "test_fine.py").write_text("def test_fine():\n    assert True\n")
    answer, _ = search(root, f"{sys.executable} -m pytest -q")
    assert (answer["found"], answer["passing"]) == (False, True)


def test_a_fault_out_of_reach_is_said_to_be_so(tmp_path: Path) -> None:
    root = tmp_path / "far"
    root.mkdir()
    (root / "far.py").write_text("def far():\n    return 'a'\n")
    (root / "test_far.py").write_text("import far\n\n\ndef test_far():\n    assert far.far() == 'quite other'\n")
    answer, _ = search(root, f"{sys.executable} -m pytest -q", seconds=12)
    assert not answer["found"]
    assert answer["reason"]
    assert answer["tried"] > 0


def test_a_name_that_is_missing_at_import_is_found(tmp_path: Path) -> None:
    root = tmp_path / "broken"
    root.mkdir()
    table = "BASE = 2\nDOUBLE = BASE * 2\nTRIPLE = BASES * 3\n\n\ndef triple():\n    return TRIPLE\n"
    (root / "table.py").write_text(table)
    (root / "test_table.py").write_text("from table import triple\n\n\ndef test():\n    assert triple() == 6\n")
    answer, said = search(root, f"{sys.executable} -m pytest -q")
    assert "+TRIPLE = BASE * 3" in answer.get("patch", ""), said


def test_programs_that_the_tests_start_run_the_edited_source_too(tmp_path: Path) -> None:
    root = tmp_path / "command"
    root.mkdir()
    (root / "tool.py").write_text("import sys\n\n\ndef main():\n    print(int(sys.argv[1]) - 1)\n\n\nmain()\n")
    (root / "test_tool.py").write_text(
        "import subprocess, sys\n\n\ndef test_tool():\n"
        "    out = subprocess.run([sys.executable, 'tool.py', '4'], capture_output=True, text=True).stdout\n"
        "    assert out == '5\\n'\n"
    )
    answer, said = search(root, f"{sys.executable} -m pytest -q")
    assert "+    print(int(sys.argv[1]) + 1)" in answer.get("patch", ""), said


def test_of_several_sessions_in_one_check_the_later_one_is_mended(tmp_path: Path) -> None:
    root = tmp_path / "two"
    root.mkdir()
    (root / "one.py").write_text("def one():\n    return 1\n")
    (root / "two.py").write_text("def two():\n    return 3\n")
    for name, value in (("one", 1), ("two", 2)):
        test = f"import {name}\n\n\ndef test():\n    assert {name}.{name}() == {value}\n"
        (root / f"test_{name}.py").write_text(test)
    run = f"PYTHONPATH=. {sys.executable} -m pytest -q"
    answer, said = search(root, f"{run} test_one.py && {run} test_two.py", f"{sys.executable} -c 'import one'")
    assert answer.get("path") == "two.py", said


def test_a_check_that_is_no_python_is_run_whole_for_each_candidate(tmp_path: Path) -> None:
    root = tmp_path / "whole"
    root.mkdir()
    (root / "sum.py").write_text("import sys\n\nprint(sum(map(int, sys.argv[1:])) - 1)\n")
    check = f'test "$({sys.executable} -I sum.py 1 2)" = 3'
    answer, said = search(root, check)
    assert answer["found"], said
    patched(root, answer["patch"])
    assert subprocess.run(check, shell=True, cwd=root).returncode == 0


@pytest.mark.parametrize("way", ["by its path", "by the interpreter's site"])
def test_what_is_installed_for_editing_is_taken_from_the_copy(way: str, tmp_path: Path) -> None:
    root = tmp_path / "edited"
    (root / "src" / "near").mkdir(parents=True)
    (root / "src" / "near" / "__init__.py").write_text("def near():\n    return 4 - 1\n")
    (root / "test_near.py").write_text("import near\n\n\ndef test_near():\n    assert near.near() == 5\n")
    site = tmp_path / "site"
    site.mkdir()
    (site / "sitecustomize.py").write_text(f"import sys\nsys.path.append({str(root / 'src')!r})\n")
    path = root / "src" if way == "by its path" else site
    answer, said = search(root, f"{sys.executable} -m pytest -q", PYTHONPATH=str(path))
    assert "+    return 4 + 1" in answer.get("patch", ""), said


def test_a_program_in_the_file_of_its_own_tests_is_mended_and_the_tests_are_left_alone(tmp_path: Path) -> None:
    root = tmp_path / "one"
    root.mkdir()
    program = "def area(w, h):\n    return w + h\n\n\ndef test_area():\n    assert area(3, 4) == 12\n"
    (root / "test_area.py").write_text(program)
    answer, said = search(root, f"{sys.executable} -m pytest -q test_area.py")
    assert "+    return w * h" in answer.get("patch", ""), said


def test_failing_doctests_are_mended_in_the_code_not_in_the_example(tmp_path: Path) -> None:
    root = tmp_path / "shown"
    root.mkdir()
    program = 'def last(things):\n    """The last.\n\n    >>> last("abc")\n    \'c\'\n    """\n    return things[0]\n'
    (root / "shown.py").write_text(program)
    answer, said = search(root, f"{sys.executable} -m pytest -q --doctest-modules shown.py")
    assert "+    return things[-1]" in answer.get("patch", ""), said


def test_a_configuration_with_worker_processes_and_a_time_limit_is_tamed(tmp_path: Path) -> None:
    root = tmp_path / "tamed"
    root.mkdir()
    (root / "pytest.ini").write_text("[pytest]\naddopts = -n 2 --maxfail=1\n")
    (root / "odd.py").write_text("def odd(n):\n    return n % 2 == 0\n")
    tests = "from odd import odd\n\n\ndef test_odd():\n    assert odd(3)\n\n\ndef test_even():\n    assert not odd(4)\n"
    (root / "test_odd.py").write_text(tests)
    answer, said = search(root, f"{sys.executable} -m pytest -q")
    assert answer["found"], said
    assert answer["tests"] == 2


@pytest.mark.parametrize("path", sorted(BOX.rglob("*.py")), ids=lambda p: str(p.relative_to(BOX)))
def test_what_runs_in_the_box_reads_as_python_3_8_and_imports_nothing_of_the_rest(path: Path) -> None:
    tree = ast.parse(path.read_text(), feature_version=(3, 8))
    for node in ast.walk(tree):
        if isinstance(node, ast.ImportFrom) and node.level == 0:
            assert not (node.module or "").startswith("midwatch")
