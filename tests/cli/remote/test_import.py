"""Many tasks from a file."""

from __future__ import annotations

import json
from pathlib import Path

from midwatch.cli.remote import bulk
from tests.cli.remote.conftest import Shell, World
from tests.cli.remote.faulty import answers, faulty

ONE = {"prompt": "Mend the sum", "checks": ["true"], "after": "2h"}
TWO = {"prompt": "Mend the sum again", "repository": "calc", "limits": {"turns": 3}}


def file_of(folder: Path, *lines: object) -> str:
    path = folder / "tasks.jsonl"
    path.write_text("\n".join(line if isinstance(line, str) else json.dumps(line) for line in lines) + "\n")
    return str(path)


async def test_a_bad_line_is_named_and_holds_back_no_other(world: World) -> None:
    bad = {"prompt": "x", "promt": "y"}
    file = file_of(world.folder, ONE, "{", "", TWO, bad, {**TWO, "repository": "nowhere"}, {**TWO, "attempts": 99})
    ran = await world.run("import", file, "--repo", "calc", "--json")
    assert ran.code == 2
    said = {line["line"]: line["type"] for line in ran.lines[:-1]}
    assert said == {1: "imported", 2: "refused", 4: "imported", 5: "refused", 6: "refused", 7: "refused"}
    assert ran.lines[-1] == {"type": "result", "made": 2, "known": 0, "refused": 4, "lines": 6, "exit_code": 2}
    for part in ("line 2:", "there is no field 'promt'", "line 6:", "line 7:", "2 tasks submitted, 4 refused"):
        assert part in ran.err, part
    listed = json.loads((await world.run("list", "--json")).out)
    assert sorted(one["prompt"] for one in listed) == [ONE["prompt"], TWO["prompt"]]


async def test_a_line_makes_its_task_once_however_often_it_is_imported(world: World) -> None:
    first = await world.run("import", file_of(world.folder, TWO, TWO, ONE), "--repo", "calc", "--json")
    ids = [line["id"] for line in first.lines[:-1]]
    assert (first.code, len(set(ids))) == (0, 3), first.err
    more = file_of(world.folder, {"prompt": "A new one", "repository": "calc"}, ONE, TWO, TWO)
    again = await world.run("import", more, "--repo", "calc", "--json")
    assert [line["id"] for line in again.lines[1:-1]] == [ids[2], ids[0], ids[1]]
    assert [line["known"] for line in again.lines[:-1]] == [False, True, True, True]
    other = await world.run("import", more, "--repo", "calc", "--batch", "tomorrow", "--json")
    assert not any(line["known"] for line in other.lines[:-1])
    assert len(json.loads((await world.run("list", "--json")).out)) == 8


async def test_strictly_nothing_is_submitted_when_a_line_cannot_be_read(world: World) -> None:
    ran = await world.run("import", file_of(world.folder, TWO, "[]"), "--strict")
    assert (ran.code, "line 2:" in ran.err, "nothing was submitted" in ran.err) == (2, True, True)
    refused = await world.run("import", file_of(world.folder, {**TWO, "repository": "no"}, TWO), "--strict", "--json")
    assert (refused.code, refused.lines[-1]["refused"]) == (2, 1)
    assert refused.lines[-1]["made"] == 0
    missing = await world.run("import", str(world.folder / "none.jsonl"))
    assert (missing.code, "cannot be read" in missing.err) == (2, True)


async def test_a_server_that_breaks_down_is_said_with_how_far_it_came(shell: Shell, tmp_path: Path) -> None:
    async with faulty() as server:
        server.script = [answers(200, {}), answers(201, {"id": "0123456789ab"}), answers(500, {"detail": "a bug"})]
        ran = await shell("import", file_of(tmp_path, *[TWO] * 9), "--server", server.url)
    assert ran.code == 1
    assert "import the file again: what is there already is not made twice" in ran.err


def test_a_key_is_of_what_is_asked_for_and_not_of_where_it_stands() -> None:
    lines = bulk.lines_of(b'{"prompt": "a"}\n\n{"prompt": "b"}\n{"prompt": "a"}\n')
    assert [line.number for line in lines] == [1, 3, 4]
    first, second, third = bulk.keys(lines, "")
    assert len({first, second, third}) == 3
    assert bulk.keys(bulk.lines_of(b'{"prompt": "b"}\r\n{"prompt":"a"}'), "") == [second, first]
