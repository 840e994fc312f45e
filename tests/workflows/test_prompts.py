"""Custom prompts: when a text calls one, and what it becomes."""

from __future__ import annotations

from pathlib import Path

import pytest

from midwatch.domain.errors import InputError
from midwatch.workflows.prompts import called, expand, fill, listed, of_repository, parse, personal

REVIEW = parse("review", b"---\ndescription: Look at one module\nargument-hint: MODULE\n---\nReview $1.\n", "review.md")
OTHER = parse("review", b"The repository's.", ".midwatch/prompts/review.md")


def test_the_front_matter_describes_a_prompt_and_is_no_part_of_it() -> None:
    assert (REVIEW.description, REVIEW.hint, REVIEW.text) == ("Look at one module", "MODULE", "Review $1.")


@pytest.mark.parametrize(
    ("text", "given", "expected"),
    [
        ("Do $1 and $2.", "'a b' c d", "Do a b and c."),
        ("All: $ARGUMENTS", "'a b'  c", "All: 'a b'  c"),
        ("$3|$9|", "a b", "||"),
        ("$$1 costs $$", "", "$1 costs $"),
        ("$$1 costs", "5", "$1 costs\n\n5"),
        ("$ARGUMENTSX $0 $x", "", "$ARGUMENTSX $0 $x"),
        ("$1 $2", "$2 $ARGUMENTS", "$2 $ARGUMENTS"),
        ("$1", "it's", "it's"),
        ("Look.", "at this\nand that", "Look.\n\nat this\nand that"),
    ],
)
def test_arguments_are_filled_in_once(text: str, given: str, expected: str) -> None:
    assert fill(text, given) == expected


@pytest.mark.parametrize(
    ("text", "call"),
    [
        ("/review", ("review", "")),
        ("  /review shelf/fees.py  now ", ("review", "shelf/fees.py  now")),
        ("/review\nall of it now", ("review", "all of it now")),
        ("/review\tx", ("review", "x")),
        ("/review-2 x", ("review-2", "x")),
        ("/etc/hosts is wrong", None),
        ("/Review", None),
        ("/", None),
        ("/-x", None),
        ("//review", None),
        ("/a.b", None),
        ("look at /review", None),
        ("", None),
    ],
)
def test_a_text_calls_a_prompt_by_a_slash_and_nothing_but_a_name(text: str, call: tuple[str, str] | None) -> None:
    assert called(text) == call


def test_a_persons_own_prompt_wins_over_the_repositorys() -> None:
    assert listed([REVIEW], [OTHER]) == (REVIEW,)
    assert expand("/review x", [REVIEW], [OTHER]) == "Review x."
    assert expand("/review", [], [OTHER]) == "The repository's."


def test_a_name_that_there_is_not_is_an_error_with_the_nearest_ones() -> None:
    with pytest.raises(InputError, match="there is no prompt /reveiw") as raised:
        expand("/reveiw x", [REVIEW], [])
    assert raised.value.mend == "did you mean /review?"
    with pytest.raises(InputError) as raised:
        expand("/zzz", [], [])
    assert "none yet" in raised.value.mend


def test_an_empty_prompt_is_an_error_that_names_its_file() -> None:
    with pytest.raises(InputError, match="the prompt /none is empty") as raised:
        expand("/none x", [parse("none", b"---\ndescription: none\n---\n", "none.md")], [])
    assert "none.md" in raised.value.mend


def test_a_folder_that_every_system_has_is_no_name_unless_there_is_a_prompt_of_it() -> None:
    assert expand("/tmp is full", [REVIEW], []) == "/tmp is full"
    assert expand("/tmp is full", [parse("tmp", b"Clean up.", "tmp.md")], []) == "Clean up.\n\nis full"


def test_a_person_has_the_files_of_a_folder_and_those_with_odd_names_are_passed_over(tmp_path: Path) -> None:
    (tmp_path / "fix.md").write_text("Fix $1.")
    (tmp_path / "Odd name.md").write_text("no")
    (tmp_path / "notes.txt").write_text("no")
    (tmp_path / "folder.md").mkdir()
    assert [prompt.name for prompt in personal(tmp_path)] == ["fix"]
    assert personal(tmp_path / "missing") == ()


def test_a_repository_has_those_in_its_own_folder_and_not_in_folders_below() -> None:
    contents = {".midwatch/prompts/a.md": b"A", ".midwatch/prompts/b/c.md": b"C", "prompts/d.md": b"D"}
    assert [prompt.name for prompt in of_repository(contents)] == ["a"]
