"""Reading an earlier command's full log."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest

from midwatch.domain.events import ToolFinished
from midwatch.domain.evidence import Checkpoint
from midwatch.tools.base import Bench, ToolResult
from midwatch.tools.read_log import ReadLog

PLACE = Checkpoint("a" * 40, "b" * 40)


def ran(table: Bench, **logs: bytes) -> Bench:
    """The bench after commands 1, 2, 3 … that printed these."""
    done = []
    for number, (name, data) in enumerate(logs.items(), 1):
        blob = table.blobs.put(data)
        done.append(
            ToolFinished(
                name, "shell", True, "", "exit 0", 1, PLACE, number, name, 0, blob.digest, blob.bytes, blob.lines
            )
        )
    return replace(table, commands=tuple(done))


async def log(table: Bench, **arguments: object) -> ToolResult:
    return await ReadLog().run(json.dumps(arguments), table)


async def test_lines_have_the_numbers_that_they_are_cited_by(table: Bench) -> None:
    table = ran(table, ls=b"a\n", seq="".join(f"line {n}\n" for n in range(1, 2001)).encode())
    result = await log(table, command=2, from_line=12, to_line=14)
    assert result.output == "command 2: seq · exit 0 · 2,000 lines\n12: line 12\n13: line 13\n14: line 14"
    assert (result.ok, result.command, result.truncated) == (True, "", False)
    assert (await log(table, command=1)).output.endswith("\n1: a")
    assert (await log(table, command=2, from_line=2000)).output.endswith("\n2000: line 2000")
    assert (await log(table, command=2, from_line=2001)).output.endswith("\n(no such lines)")


async def test_only_lines_that_match_are_shown(table: Bench) -> None:
    table = ran(table, seq="".join(f"line {n}\n" for n in range(1, 101)).encode())
    assert (await log(table, command=1, grep="line (7|42)$")).output.split("\n")[1:] == ["7: line 7", "42: line 42"]
    found = await log(table, command=1, grep="[05]$", from_line=50, to_line=60)
    assert found.output.split("\n")[1:] == ["50: line 50", "55: line 55", "60: line 60"]
    assert (await log(table, command=1, grep="none")).output.endswith("\n(no line matches)")
    assert (await log(table, command=1, grep="--help")).output.endswith("\n(no line matches)")
    bad = await log(table, command=1, grep="(")
    assert not bad.ok
    assert "grep did not end well" in bad.output


async def test_a_long_piece_is_cut_and_says_where_to_go_on(table: Bench) -> None:
    table = ran(table, seq="".join(f"{n:0100}\n" for n in range(1, 2001)).encode(), line=b"x" * 100_000)
    result = await log(table, command=1)
    assert result.truncated
    assert len(result.output.encode()) < 41_000
    rows = result.output.split("\n")
    number = int(rows[-1].split("from_line=")[1].rstrip(")"))
    assert rows[-2].startswith(f"{number - 1}: ")
    assert (await log(table, command=1, from_line=number)).output.split("\n")[1].startswith(f"{number}: ")
    assert len((await log(table, command=2)).output) < 2100


async def test_what_is_shown_is_harmless(table: Bench) -> None:
    table = ran(table, show=b"\x1b[2J\xff\r\n\0b\n")
    assert (await log(table, command=1)).output.split("\n")[1:] == ["1: \\x1b[2J\ufffd", "2: \\x00b"]
    assert (await log(table, command=1, grep="b")).output.split("\n")[1:] == ["2: \\x00b"]


async def test_a_command_that_is_not_there_is_said(table: Bench) -> None:
    assert (await log(table, command=1)).output == "There is no command 1: none was run yet."
    table = ran(table, a=b"", b=b"b")
    assert (await log(table, command=9)).output == "There is no command 9: the last one is 2."
    assert (await log(table, command=1)).output == "command 1: a · exit 0 · 0 lines\n(no output)"


@pytest.mark.parametrize(
    ("arguments", "what"),
    [
        ("{", "not valid JSON"),
        ("{}", '"command" is missing'),
        ('{"command": 0}', '"command" must be a whole number above 0'),
        ('{"command": 1, "from_line": 0}', '"from_line" must be a whole number above 0'),
        ('{"command": 1, "from_line": 5, "to_line": 4}', '"to_line" is before "from_line"'),
        ('{"command": 1, "grep": "a\\nb"}', '"grep" must be one line'),
        ('{"command": 1, "grep": 3}', '"grep" must be a string'),
    ],
)
async def test_bad_arguments_are_answered_with_the_form(arguments: str, what: str, table: Bench) -> None:
    result = await ReadLog().run(arguments, table)
    assert what in result.output
    assert '{"command": 7' in result.output
    assert ReadLog().summary(arguments).startswith("log")
