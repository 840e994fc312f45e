"""The shell tool: real commands in a folder."""

from __future__ import annotations

import json
import shutil
from dataclasses import replace
from pathlib import Path

import pytest

from midwatch.domain.limits import Limits
from midwatch.engine.blobs import Blobs
from midwatch.tools.base import Bench, ToolResult
from midwatch.tools.rules import parse
from midwatch.tools.shell import Shell
from tests.tools.folder_box import WatchedBox, bench, folder_box


async def run(table: Bench, command: object, **more: object) -> ToolResult:
    return await Shell().run(json.dumps({"command": command, **more}), table)


async def test_a_result_tells_exit_code_time_and_output(table: Bench) -> None:
    result = await run(table, "echo out; echo err >&2; exit 3")
    status, _, output = result.output.partition("\n")
    assert status.startswith("exit 3 · ")
    assert status.endswith(" s")
    assert output == "out\nerr\n"
    assert (result.ok, result.exit_code, result.ended, result.lines, result.bytes) == (False, 3, "exit 3", 2, 8)
    assert result.command == "echo out; echo err >&2; exit 3"
    assert not result.truncated


async def test_a_command_without_output_says_so(table: Bench) -> None:
    result = await run(table, "true")
    assert result.ok
    assert result.output.endswith("\n(no output)")


async def test_a_command_that_a_rule_forbids_is_not_run_and_says_why(box: WatchedBox, table: Bench) -> None:
    rules = parse(b'[[rule]]\nprefix = ["touch"]\ndecision = "forbid"\nreason = "make no files"', "rules.toml")
    result = await Shell(rules).run(json.dumps({"command": "true && touch made"}), table)
    assert not result.ok
    assert "forbidden by the rule on `touch`: make no files" in result.output
    assert box.commands == []
    assert (await Shell(rules).run(json.dumps({"command": "true"}), table)).ok


async def test_what_was_left_in_the_background_is_named(table: Bench) -> None:
    result = await run(table, "sleep 987 & sleep 0.3; echo started")
    assert result.output.endswith("started\n\n[ended with the command: sleep 987]")


async def test_the_full_output_is_kept_as_bytes_and_shown_live(box: WatchedBox, tmp_path: Path) -> None:
    live = bytearray()
    blobs = Blobs(tmp_path / "blobs")
    table = Bench(box, blobs, Limits(), lambda: 100.0, live.extend, 1)
    result = await run(table, r"printf '\033[31m\377\000red\r\n\tend'")
    raw = b"\x1b[31m\xff\x00red\r\n\tend"
    assert bytes(live) == blobs.read(result.digest) == raw
    assert result.output.partition("\n")[2] == "\\x1b[31m\ufffd\\x00red\\x0d\n\tend"


async def test_a_long_output_is_cut_in_the_middle_and_names_the_full_log(table: Bench) -> None:
    result = await run(table, "seq 1 100000")
    assert result.truncated
    assert len(result.output.encode()) < 41_000
    rows = result.output.split("\n")
    head = rows[1 : next(i for i, row in enumerate(rows) if row.startswith("…"))]
    tail = rows[len(head) + 2 : -1]
    note = rows[len(head) + 1]
    assert head == [str(n) for n in range(1, len(head) + 1)]
    assert tail == [str(n) for n in range(100_001 - len(tail), 100_001)]
    assert f"{100_000 - len(head) - len(tail):,} lines left out" in note
    assert "the full log is command 7: read more of it with the tool `log`" in note
    assert result.lines == 100_000


async def test_time_limits_are_capped_by_the_limits_and_by_the_time_that_is_left(
    box: WatchedBox, tmp_path: Path
) -> None:
    cases: list[tuple[int, float, dict[str, object], float]] = [
        (600, 1000.0, {}, 120),
        (600, 1000.0, {"timeout_seconds": 300}, 300),
        (600, 1000.0, {"timeout_seconds": 9999}, 600),
        (600, 40.0, {}, 40),
        (600, -5.0, {}, 0.1),
        (600, 1000.0, {"timeout_seconds": "30"}, 30),
        (600, 1000.0, {"timeout_ms": 5000}, 5),
    ]
    for seconds, left, asked, expected in cases:
        await run(bench(box, tmp_path, Limits(command_seconds=seconds), left), "true", **asked)
        assert box.timeouts[-1] == expected


async def test_a_command_past_its_time_says_what_ended_it(box: WatchedBox, tmp_path: Path) -> None:
    table = bench(box, tmp_path, Limits(command_seconds=1))
    result = await run(table, "echo first; sleep 60", timeout_seconds=30)
    assert result.output == "ended by the time limit of 1 s; 30 s were asked for, 1 s is the most\nfirst\n"
    assert (result.ok, result.exit_code) == (False, None)


async def test_a_command_past_its_output_says_what_ended_it(box: WatchedBox, tmp_path: Path) -> None:
    result = await run(bench(box, tmp_path, Limits(output_bytes=100_000)), "yes")
    assert result.output.startswith("ended by the output limit of ")
    assert result.bytes >= 100_000
    assert result.exit_code is None


async def test_a_command_that_is_killed_says_by_what(table: Bench) -> None:
    assert (await run(table, "kill -9 $$")).output.startswith("killed by signal 9 (SIGKILL) · ")


async def test_it_runs_in_the_folder_that_is_asked_for(box: WatchedBox, table: Bench) -> None:
    (Path(box.workdir) / "-a b").mkdir()
    for folder in ("-a b", "./-a b/", f"{box.workdir}/-a b"):
        assert (await run(table, 'basename "$PWD"', workdir=folder)).output.endswith("\n-a b\n")
    result = await run(table, "echo ran", workdir="nowhere")
    assert not result.ok
    assert "nowhere" in result.output
    assert "\nran" not in result.output


@pytest.mark.parametrize("folder", ["..", "a/../..", "/etc", "/"])
async def test_a_folder_outside_the_workspace_is_refused(folder: str, box: WatchedBox, table: Bench) -> None:
    result = await run(table, "true", workdir=folder)
    assert "outside the workspace" in result.output
    assert box.commands == []


@pytest.mark.parametrize(
    "command", [["bash", "-lc", "echo a | tr a b"], ["/bin/sh", "-c", "echo b"], ["printf", "%s\n", "b"], "echo b"]
)
async def test_a_command_may_come_as_a_list(command: object, table: Bench) -> None:
    assert (await run(table, command)).output.endswith("\nb\n")


async def test_bash_is_taken_where_there_is_one(table: Bench) -> None:
    assert (await run(table, "[[ -n $BASH_VERSION ]] && echo bash")).ok


async def test_sh_is_taken_where_there_is_no_bash(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "bin").mkdir()
    (tmp_path / "bin/sh").symlink_to(shutil.which("dash") or shutil.which("sh") or "/bin/sh")
    monkeypatch.setenv("PATH", str(tmp_path / "bin"))
    async with folder_box(tmp_path) as plain:
        assert (await run(bench(plain, tmp_path), "echo plain")).output.endswith("\nplain\n")


async def test_a_very_long_command_runs(table: Bench) -> None:
    command = "set -e\nx='" + "a" * 300_000 + "'\necho ${#x}"
    assert (await run(table, command)).output.endswith("\n300000\n")


@pytest.mark.parametrize(
    ("arguments", "what"),
    [
        ("{", "not valid JSON"),
        ("[]", "must be a JSON object"),
        ("{}", '"command" is missing'),
        ('{"command": "  "}', '"command" is missing or empty'),
        ('{"command": 3}', '"command" must be a string'),
        ('{"command": ["a", 3]}', '"command" must be a string'),
        ('{"command": "a\\u0000b"}', "NUL"),
        ('{"command": "a\\ud800b"}', "surrogate"),
        ('{"command": "a", "timeout_seconds": 0}', '"timeout_seconds" must be a number above 0'),
        ('{"command": "a", "timeout_seconds": true}', '"timeout_seconds" must be a number above 0'),
        ('{"command": "a", "timeout_seconds": NaN}', '"timeout_seconds" must be a number above 0'),
        ('{"command": "a", "workdir": 3}', '"workdir" must be a string'),
    ],
)
async def test_bad_arguments_run_nothing_and_are_answered_with_the_form(
    arguments: str, what: str, box: WatchedBox, table: Bench
) -> None:
    result = await Shell().run(arguments, table)
    assert what in result.output
    assert '{"command": "ls -la"' in result.output
    assert (result.ok, result.exit_code, result.command) == (False, None, "")
    assert box.commands == []
    assert len(Shell().summary(arguments)) <= 200


PATCH = "*** Begin Patch\n*** Add File: new.txt\n+a $HOME line\n*** End Patch"


@pytest.mark.parametrize(
    ("command", "workdir", "path"),
    [
        (f"apply_patch <<'EOF'\n{PATCH}\nEOF", ".", "new.txt"),
        (f"apply_patch <<EOF\n{PATCH}\nEOF\n", "sub", "sub/new.txt"),
        (f"cd sub && apply_patch <<'PATCH'\n{PATCH}\nPATCH", ".", "sub/new.txt"),
        (f'cd "a dir" && apply_patch << "EOF"\n{PATCH}\nEOF', "sub", "sub/a dir/new.txt"),
        (["apply_patch", PATCH], ".", "new.txt"),
        (["bash", "-lc", f"applypatch <<'EOF'\n{PATCH}\nEOF"], ".", "new.txt"),
    ],
)
async def test_an_apply_patch_here_document_is_applied_as_a_patch(
    command: object, workdir: str, path: str, box: WatchedBox, table: Bench
) -> None:
    result = await run(table, command, workdir=workdir)
    assert result.output == f"Success. Updated the following files:\nA {path}"
    assert (Path(box.workdir) / path).read_text() == "a $HOME line\n"
    assert (result.command, box.commands) == ("", [])
    assert Shell().summary(json.dumps({"command": command})) == "apply_patch: A new.txt"


async def test_a_here_document_cannot_leave_the_workspace(box: WatchedBox, table: Bench) -> None:
    result = await run(table, f"cd .. && apply_patch <<'EOF'\n{PATCH}\nEOF")
    assert not result.ok
    assert "'..' is not allowed" in result.output


async def test_apply_patch_among_other_commands_is_refused_before_anything_runs(box: WatchedBox, table: Bench) -> None:
    result = await run(table, f"touch ran\napply_patch <<'EOF'\n{PATCH}\nEOF\nls")
    assert "Nothing was run" in result.output
    assert box.commands == []


def test_a_summary_is_the_first_line_made_harmless() -> None:
    summary = Shell().summary
    assert summary('{"command": "pytest -q"}') == "pytest -q"
    assert summary('{"command": "pytest -q", "workdir": "sub"}') == "(sub) pytest -q"
    assert summary('{"command": "a\\u001b[2J\\nb"}') == "a\\x1b[2J …"
    assert len(summary(json.dumps({"command": "x" * 1000}))) == 200


@pytest.mark.parametrize("filler", ["\n", " ", "\n ", ";", "apply_patch <", "cd a "])
async def test_looking_for_a_patch_takes_linear_time(filler: str, table: Bench) -> None:
    command = "true\n: '" + filler * (600_000 // len(filler)) + "'"  # what is quadratic takes half an hour
    assert (await run(table, command)).ok


async def test_folders_start_in_that_of_the_task(box: WatchedBox, table: Bench) -> None:
    (Path(box.workdir) / "sub/deep").mkdir(parents=True)
    table = replace(table, folder="sub")
    for workdir, name in ((".", "sub"), ("deep", "deep"), ("..", "workspace"), (f"{box.workdir}/sub", "sub")):
        assert (await run(table, 'basename "$PWD"', workdir=workdir)).output.endswith(f"\n{name}\n")
    assert "outside the workspace" in (await run(table, "true", workdir="../..")).output
    result = await run(table, f"cd deep && apply_patch <<'EOF'\n{PATCH}\nEOF")
    assert result.detail == {"files": [{"path": "sub/deep/new.txt", "kind": "add"}]}


async def test_less_output_is_shown_where_less_is_asked_for(table: Bench) -> None:
    result = await run(table, "seq 1000", max_output_tokens=100)
    assert result.truncated
    assert len(result.output.encode()) < 700
    assert (await run(table, "seq 100000", max_output_tokens=1_000_000)).truncated
