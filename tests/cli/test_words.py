"""Words for a person: harmless, and no wider than the room."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from midwatch.cli import words
from tests.cli.samples import EVIL

KEEP_NOTHING = settings(database=None)
ANY_TEXT = st.text(st.characters(codec=None), max_size=200)


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("plain", "plain"),
        ("\x1b[31mred\x1b[0m", "red"),
        ("\x1b]0;a title\x07after", "after"),
        ("\x1b]8;;https://example.org\x1b\\link\x1b]8;;\x1b\\", "link"),
        ("\x1bPdevice string\x1b\\after", "after"),
        ("\x9b31mred", "red"),
        ("\x1b(Bx\x1bcy", "xy"),
        ("a\x00b\x07c\x7fd\x85e", "abcde"),
        ("user\u202egpj.exe", "user<U+202E>gpj.exe"),
        ("\u2066a\u2069", "<U+2066>a<U+2069>"),
        ("caf\udce9", "caf\\xe9"),
        ("\ud800", "<U+D800>"),
        ("10 %\r20 %\r\n30 %", "10 %\n20 %\n30 %"),
        ("a\tb", "a   b"),
        ("naïve 漢字 ✓", "naïve 漢字 ✓"),
        ("\x1b", ""),
        ("\x1b]0;never ended", ""),
    ],
)
def test_clean_text_is_shown_and_not_obeyed(text: str, shown: str) -> None:
    assert words.clean(text) == shown


@KEEP_NOTHING
@given(ANY_TEXT)
def test_no_text_whatever_brings_a_control_character_to_the_terminal(text: str) -> None:
    shown = words.clean(text)
    assert all(char == "\n" or (char >= " " and not "\x7f" <= char <= "\x9f") for char in shown)
    assert not set(shown) & set("\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069")
    shown.encode("utf-8")


@KEEP_NOTHING
@given(ANY_TEXT)
def test_a_line_has_no_line_break(text: str) -> None:
    assert "\n" not in words.line(text)


@KEEP_NOTHING
@given(ANY_TEXT, st.integers(0, 60))
def test_cut_text_fits_and_its_beginning_is_kept(text: str, width: int) -> None:
    line = words.line(text)
    short = words.cut(line, width)
    assert words.cells(short) <= width
    assert short == line or (width == 0 and short == "") or line.startswith(short.removesuffix("…"))


@KEEP_NOTHING
@given(ANY_TEXT, st.integers(1, 60))
def test_a_cut_path_fits_and_keeps_its_end(text: str, width: int) -> None:
    line = words.line(text)
    short = words.cut_path(line, width)
    assert words.cells(short) <= width
    assert line.endswith(short.removeprefix("…"))


@KEEP_NOTHING
@given(ANY_TEXT, st.integers(20, 80))
def test_wrapped_text_fits_and_loses_no_word(text: str, width: int) -> None:
    lines = words.wrap(text, width, "  ")
    assert all(words.cells(line) <= width for line in lines)
    assert "".join("".join(lines).split()) == "".join(words.clean(text).split())


def test_wrapped_text_keeps_paragraphs_and_indented_lines() -> None:
    text = "One two three four.\n\n    code stays\n- a list item that is longer than the line"
    assert words.wrap(text, 24) == [
        "One two three four.",
        "",
        "    code stays",
        "- a list item that is",
        "longer than the line",
    ]


def test_wide_characters_take_two_columns_and_combining_ones_none() -> None:
    assert words.cells("漢字") == 4
    assert words.cells("e\u0301") == 1
    assert words.cut("漢字漢字", 5) == "漢字…"


def test_bytes_that_are_no_utf8_are_shown_as_bytes() -> None:
    assert words.decode(b"ok \xff\xfe") == "ok \\xff\\xfe"


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (-1, "0 ms"),
        (0.004, "4 ms"),
        (0.0996, "0.1 s"),
        (3.42, "3.4 s"),
        (9.96, "10 s"),
        (59.4, "59 s"),
        (59.6, "1 min 0 s"),
        (252, "4 min 12 s"),
        (7500, "2 h 5 min"),
    ],
)
def test_a_duration_is_given_in_the_unit_that_fits_it(seconds: float, text: str) -> None:
    assert words.duration(seconds) == text


@pytest.mark.parametrize(
    ("time", "text"),
    [
        ("2026-11-23T11:59:30.000Z", "now"),
        ("2026-11-23T11:30:00.000Z", "30 min"),
        ("2026-11-23T09:00:00+00:00", "3 h"),
        ("2026-11-11T12:00:00.000Z", "12 d"),
        ("2026-11-24T12:00:00.000Z", "now"),
        ("nonsense", "?"),
        ("", ""),
    ],
)
def test_an_age_is_how_long_ago(time: str, text: str) -> None:
    assert words.age(time, datetime(2026, 11, 23, 12, tzinfo=UTC)) == text


def test_a_price_says_when_it_is_not_known_and_when_there_was_no_language_model() -> None:
    assert words.price("openai/gpt-5", None) == "price not known"
    assert words.price("openai/gpt-5", 1_234_567) == "$1.23"
    assert words.price("openai/gpt-5", 1234) == "$0.0012"
    assert words.price("repair", 0) == "free: no language model was used"


def test_sizes_and_counts_are_short() -> None:
    assert [words.size(n) for n in (812, 3480, 64 << 20, 5 << 40)] == ["812 B", "3.4 KiB", "64 MiB", "5120 GiB"]
    assert [words.compact(n) for n in (812, 12_345, 4_100_000)] == ["812", "12.3k", "4.1M"]
    assert [words.count(1, "line"), words.count(1200, "line")] == ["1 line", "1,200 lines"]


def test_the_worst_text_is_harmless_on_one_line() -> None:
    assert words.line(EVIL) == "red <U+202E>gpj.exe<U+2066> \\xff"


def test_what_a_task_waits_for_is_told_with_a_time_of_this_machine() -> None:
    then = datetime(2026, 12, 1, 2, 0, tzinfo=UTC)
    here = f"{then.astimezone():%Y-%m-%d %H:%M}"
    assert words.waits("its time", "2026-12-01T02:00:00Z") == f"begins at {here}"
    assert words.waits("its user has begun 2/1h", "2026-12-01T02:00:00Z").endswith(f" 2/1h, not before {here}")
    assert words.waits("no worker runs", "") == "no worker runs"
    assert words.waits("", "") == ""
    assert "\x1b" not in words.waits("x", "s\x1b[2Joon")  # no time, and nothing for a terminal
