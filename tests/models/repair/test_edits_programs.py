"""Small faulty programs: the mend of each is among the first edits, though every line of it is equally suspicious."""

from __future__ import annotations

from pathlib import Path

import pytest

from midwatch.models.repair.box.edits import Context, apply, enumerate_edits, same_meaning

PROGRAMS = Path(__file__).parents[2] / "cases" / "edits" / "programs.txt"


def suite() -> list[tuple[str, int, str, str, str]]:
    """(name, how far down the mend may be, faulty text, right text, message) of every program."""
    found = []
    for part in PROGRAMS.read_text(encoding="utf-8").split("\n=== ")[1:]:
        head, _, body = part.partition("\n")
        name, within, message = head.split(" | ")
        lines = body.rstrip("\n").split("\n")
        bad = "".join(line[1:] + "\n" for line in lines if line[:1] != "+")
        good = "".join(line[1:] + "\n" for line in lines if line[:1] != "-")
        found.append((name, int(within), bad, good, message.strip()))
    return found


@pytest.mark.parametrize(("name", "within", "bad", "good", "message"), suite(), ids=[row[0] for row in suite()])
def test_the_mend_is_among_the_first_edits_when(name: str, within: int, bad: str, good: str, message: str) -> None:
    source, wanted = bad.encode(), good.encode()
    suspicion = dict.fromkeys(range(1, bad.count("\n") + 1), 1.0)
    edits = enumerate_edits("program.py", source, suspicion, Context(messages=(message,)))
    for _, edit in zip(range(within), edits, strict=False):
        if same_meaning(apply(source, edit), wanted):
            return
    pytest.fail(f"{name}: not among the first {within}")


def test_there_are_programs_to_try() -> None:
    assert len(suite()) > 60
