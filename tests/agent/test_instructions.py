"""AGENTS.md and skills, as the model is told of them."""

from __future__ import annotations

from midwatch.agent.instructions import BUDGET, nearest, nested, skills, told, wanted


def test_the_override_takes_the_place_of_the_file_beside_it() -> None:
    contents = {"AGENTS.md": b"old", "AGENTS.override.md": b"new"}
    text = told(b"", contents)
    assert 'from="AGENTS.override.md"' in text
    assert "new" in text
    assert "old" not in text


def test_a_persons_own_words_come_first_and_share_the_budget() -> None:
    text = told(b"mine\n" * 10, {"AGENTS.md": b"line\n" * BUDGET})
    assert text.index("mine") < text.index('from="AGENTS.md"')
    assert len(text.encode()) < BUDGET + 500
    assert "bytes left out" in text


def test_nothing_is_told_where_there_is_nothing() -> None:
    assert told(b"", {}) == ""
    assert told(b" \n", {"AGENTS.md": b"\n"}) == ""


def test_the_nearest_file_of_a_folder_is_found() -> None:
    files = ["AGENTS.md", "web/AGENTS.md", "web/app/x.ts"]
    assert nearest("web", files) == "web/AGENTS.md"
    assert nearest("web/app", files) == ""
    assert nearest("", files) == "AGENTS.md"


def test_nested_instructions_name_their_folder_and_stop_at_the_budget() -> None:
    assert nested("web/AGENTS.md", b"use tabs", 0) == (
        '<instructions from="web/AGENTS.md" for="web/">\nuse tabs\n</instructions>'
    )
    assert "bytes left out" in nested("web/AGENTS.md", b"use tabs\nand more", BUDGET)


def test_skills_are_listed_by_name_and_description_and_not_read() -> None:
    contents = {
        ".agents/skills/release/SKILL.md": b'---\nname: release\ndescription: "How to cut a release"\n---\nSECRET BODY',
        ".midwatch/skills/db/SKILL.md": b"---\ndescription: >-\n  Change the\n  schema\nother: x\n---\nBODY",
        ".agents/skills/none/SKILL.md": b"no front matter",
    }
    assert [(s.name, s.description, s.path) for s in skills(contents)] == [
        ("db", "Change the schema", ".midwatch/skills/db/SKILL.md"),
        ("release", "How to cut a release", ".agents/skills/release/SKILL.md"),
    ]
    text = told(b"", contents)
    assert "- release: How to cut a release (.agents/skills/release/SKILL.md)" in text
    assert "BODY" not in text


def test_only_what_counts_is_read() -> None:
    files = ["AGENTS.md", "a/AGENTS.md", ".agents/skills/x/SKILL.md", ".agents/skills/x/y/SKILL.md", "SKILL.md"]
    assert wanted(files) == ["AGENTS.md", ".agents/skills/x/SKILL.md"]


def test_bytes_that_are_no_text_do_no_harm() -> None:
    text = told(b"\xff\0ok", {".agents/skills/x/SKILL.md": b"---\ndescription: \xff\n---"})
    assert "ok" in text
    assert "\0" not in text
