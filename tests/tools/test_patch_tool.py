"""The patch tool around its cases: forms of arguments, taking back, what is shown."""

from __future__ import annotations

import errno
import json
from dataclasses import replace
from pathlib import Path

import pytest

from midwatch.tools.base import Bench
from midwatch.tools.patch.tool import ApplyPatch
from tests.tools.folder_box import WatchedBox
from tests.tools.test_patch_cases import tree

PATCH = "*** Begin Patch\n*** Add File: new.txt\n+hello\n*** End Patch\n"


@pytest.mark.parametrize(
    "arguments",
    [
        json.dumps({"patch": PATCH}),
        json.dumps({"input": PATCH}),
        json.dumps(PATCH),
        json.dumps({"command": ["apply_patch", PATCH]}),
        PATCH,
        f"<<'EOF'\n{PATCH}EOF",
        '{"patch": "' + PATCH + '"}',  # line breaks inside a JSON string
    ],
)
async def test_every_form_in_which_models_send_a_patch_is_taken(arguments: str, box: WatchedBox, table: Bench) -> None:
    result = await ApplyPatch().run(arguments, table)
    assert result.output == "Success. Updated the following files:\nA new.txt"
    assert (Path(box.workdir) / "new.txt").read_text() == "hello\n"
    assert ApplyPatch().summary(arguments).startswith("apply_patch: A new.txt")


@pytest.mark.parametrize("arguments", ["", "{", "[]", "3", "{}", '{"patch": 3}', '{"patch": "*** Begin', "\ud800"])
async def test_bad_arguments_are_answered_with_the_form(arguments: str, table: Bench) -> None:
    result = await ApplyPatch().run(arguments, table)
    assert not result.ok
    assert '{"patch": "*** Begin Patch' in result.output
    assert "Nothing was changed" in result.output
    assert len(ApplyPatch().summary(arguments)) <= 200


async def test_an_absolute_path_inside_the_workspace_is_taken(box: WatchedBox, table: Bench) -> None:
    patch = PATCH.replace("new.txt", f"{box.workdir}/sub/new.txt")
    assert (await ApplyPatch().run(patch, table)).output.endswith("\nA sub/new.txt")


async def test_a_write_that_fails_takes_everything_back(box: WatchedBox, table: Bench) -> None:
    folder = Path(box.workdir)
    (folder / "gone.sh").write_text("gone\n")
    (folder / "gone.sh").chmod(0o755)
    (folder / "kept.txt").write_text("before\n")
    before = tree(folder)

    def spoil(path: bytes) -> None:
        if path == b"last.txt":
            raise OSError(errno.ENOSPC, "No space left on device")

    box.spoil = spoil
    patch = (
        "*** Begin Patch\n*** Delete File: gone.sh\n*** Update File: kept.txt\n-before\n+after\n"
        "*** Add File: a/b.txt\n+x\n*** Add File: last.txt\n+x\n*** End Patch"
    )
    result = await ApplyPatch().run(patch, table)
    assert not result.ok
    assert result.output.startswith("Failed to write last.txt: No space left on device.")
    assert tree(folder) == before


async def test_files_that_cannot_be_put_back_are_named(box: WatchedBox, table: Bench) -> None:
    (Path(box.workdir) / "gone.txt").write_text("gone\n")

    def spoil(path: bytes) -> None:
        raise OSError(errno.EIO, "Input/output error")

    box.spoil = spoil
    patch = "*** Begin Patch\n*** Delete File: gone.txt\n*** Add File: new.txt\n+x\n*** End Patch"
    output = (await ApplyPatch().run(patch, table)).output
    assert "could not be put back: gone.txt" in output
    assert "Nothing was changed" not in output


async def test_a_file_that_moves_stays_executable(box: WatchedBox, table: Bench) -> None:
    path = Path(box.workdir) / "-odd name.sh"
    path.write_text("x\n")
    path.chmod(0o755)
    (Path(box.workdir) / "plain.txt").write_text("x\n")
    patch = (
        "*** Begin Patch\n*** Update File: -odd name.sh\n*** Move to: a.sh\n"
        "*** Update File: plain.txt\n*** Move to: b.txt\n*** End Patch"
    )
    assert (await ApplyPatch().run(patch, table)).ok
    assert tree(Path(box.workdir)) == {"a.sh": ("executable", b"x\n"), "b.txt": ("file", b"x\n")}


async def test_bytes_that_are_not_utf8_can_be_matched_and_written(box: WatchedBox, table: Bench) -> None:
    path = Path(box.workdir) / "latin.txt"
    path.write_bytes(b"caf\xe9\n")
    patch = "*** Begin Patch\n*** Update File: latin.txt\n-caf\udce9\n+th\udce9\n*** End Patch"
    result = await ApplyPatch().run(json.dumps({"patch": patch}), table)
    assert result.ok, result.output
    assert path.read_bytes() == b"th\xe9\n"


async def test_half_a_surrogate_pair_is_refused(table: Bench) -> None:
    result = await ApplyPatch().run(json.dumps({"patch": PATCH.replace("hello", "\ud83d")}), table)
    assert not result.ok
    assert "surrogate" in result.output


async def test_control_characters_of_a_file_do_not_reach_the_reader(box: WatchedBox, table: Bench) -> None:
    (Path(box.workdir) / "f.txt").write_bytes(b"\x1b[31mred\n")
    result = await ApplyPatch().run("*** Begin Patch\n*** Update File: f.txt\n-\x1b[31mrad\n*** End Patch", table)
    assert not result.ok
    assert "\x1b" not in result.output
    assert "\\x1b[31mred" in result.output


def test_a_summary_is_one_short_line() -> None:
    patch = "".join(f"*** Update File: some/long/folder/name/file{n}.py\n" for n in range(40))
    line = ApplyPatch().summary(json.dumps({"patch": patch}))
    assert len(line) == 200
    assert line.startswith("apply_patch: M some/long/folder/name/file0.py, M ")


def test_a_summary_takes_linear_time_and_finds_its_files() -> None:
    spaces = "*** Add File: a" + " " * 99_000 + "b"  # what is quadratic takes minutes
    assert ApplyPatch().summary(json.dumps({"patch": spaces})).startswith("apply_patch: A a  ")
    text = "*** Update File:  x y.txt \t\r\n*** Delete File:z\n*** Add File: \n"
    assert ApplyPatch().summary(json.dumps({"patch": text})) == "apply_patch: M x y.txt, D z"


async def test_programs_are_told_what_became_of_each_file(box: WatchedBox, table: Bench) -> None:
    folder = Path(box.workdir)
    for name in ("gone", "kept", "old name -> x", "same"):
        (folder / name).write_text(f"{name}\n")
    patch = (
        "*** Begin Patch\n*** Add File: sub/new\n+new\n*** Delete File: gone\n*** Update File: kept\n@@\n-kept\n+more\n"
        "*** Update File: old name -> x\n*** Move to: sub/moved\n@@\n-old name -> x\n+moved\n*** End Patch"
    )
    result = await ApplyPatch().run(patch, table)
    assert result.detail == {
        "files": [
            {"path": "sub/new", "kind": "add"},
            {"path": "gone", "kind": "delete"},
            {"path": "kept", "kind": "update"},
            {"path": "old name -> x", "kind": "update", "move_path": "sub/moved"},
        ]
    }
    assert not (await ApplyPatch().run(patch, table)).detail


async def test_paths_start_in_the_folder_of_the_task(box: WatchedBox, table: Bench) -> None:
    (Path(box.workdir) / "sub").mkdir()
    result = await ApplyPatch().run(PATCH, replace(table, folder="sub"))
    assert result.output.endswith("\nA sub/new.txt")
    assert result.detail == {"files": [{"path": "sub/new.txt", "kind": "add"}]}
