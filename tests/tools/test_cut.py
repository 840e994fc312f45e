"""Cutting outputs to size."""

from __future__ import annotations

import random
from pathlib import Path

import pytest

from midwatch.tools.cut import fit, harmless


def cut(tmp_path: Path, data: bytes, cap: int) -> tuple[str, bool]:
    path = tmp_path / "log"
    path.write_bytes(data)
    lines = data.count(b"\n") + (not data.endswith(b"\n") and bool(data))
    result = fit(path, lines, 3, cap)
    return result.text, result.truncated


def test_what_fits_is_given_whole(tmp_path: Path) -> None:
    text = "one\ntwo\n" * 10
    assert cut(tmp_path, text.encode(), 80) == (text, False)
    assert cut(tmp_path, b"", 80) == ("", False)


def test_head_and_tail_are_cut_between_lines(tmp_path: Path) -> None:
    data = "".join(f"line {n:03}\n" for n in range(100)).encode()
    text, truncated = cut(tmp_path, data, 100)
    head, note, tail = text.partition("\n…")[0], text.split("\n")[5], text.split("\n")[6:]
    assert truncated
    assert head.split("\n") == [f"line {n:03}" for n in range(5)]
    assert note.startswith("… 90 lines left out here (900 bytes in all); the full log is command 3: ")
    assert tail == [*(f"line {n:03}" for n in range(95, 100)), ""]


def test_one_enormous_line_is_cut_inside(tmp_path: Path) -> None:
    text, truncated = cut(tmp_path, b"a" * 10_000 + b"b" * 10_000, 100)
    assert truncated
    assert text.startswith("a" * 50 + "\n… part of a line left out")
    assert text.endswith("…\n" + "b" * 50)


@pytest.mark.parametrize("shift", range(4))
def test_a_character_is_never_cut_in_two(shift: int, tmp_path: Path) -> None:
    text, _ = cut(tmp_path, b"x" * shift + "🍵".encode() * 1000, 100)
    assert "\ufffd" not in text
    assert text.count("🍵") >= 23


def test_control_characters_that_take_more_room_do_not_pass_the_cap(tmp_path: Path) -> None:
    text, truncated = cut(tmp_path, b"\0" * 90 + b"\n", 100)
    assert truncated
    assert len(text.encode()) < 100 + 300
    data = random.Random(1).randbytes(100_000)
    text, _ = cut(tmp_path, data, 10_000)
    assert len(text.encode()) < 10_000 + 300
    assert not set(map(chr, range(32))) - {"\n", "\t"} & set(text)


def test_harmless_keeps_tabs_lines_and_letters_only() -> None:
    assert harmless("a\tb\nc\r\x1b]0;x\x07é🍵\x7f\x9b") == "a\tb\nc\\x0d\\x1b]0;x\\x07é🍵\\x7f\\x9b"
    assert harmless("a\tb\n", newlines=False) == "a\\x09b\\x0a"
    assert harmless("\ud800") == "?"
