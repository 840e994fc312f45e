"""What an agent leaves in a person's folder, and what that does when the folder is looked at again."""

from __future__ import annotations

from pathlib import Path

import pytest

from midwatch.domain.conversation import Answered
from midwatch.domain.task import Task
from midwatch.models.fake import FakeModel, Step, calls, says
from midwatch.workflows.conversation import converse
from midwatch.workflows.start import Request
from tests.support.place import Place, make_repository

SECRET = "TOKEN=hunter2"
LOOK = calls("shell", command="cat .env conf/.env; ls -A . conf; true")


async def talk(place: Place, task: Task, *turns: list[Step]) -> str:
    """Everything that the commands of these turns showed the model; each turn is a process of its own."""
    script: list[Step] = []
    for steps in turns:
        script += steps
        model = FakeModel(script)
        async with place.store() as store, converse(task, await place.parts(store, task, model)) as conversation:
            await conversation.turn("go on")
    return "".join(item.output for item in model.asked[-1][0].items if isinstance(item, Answered))


@pytest.mark.parametrize("kind", ["committed", "untracked", "own", "loose"])
async def test_what_a_folder_ignores_stays_unseen_when_the_agent_has_changed_the_rules(
    tmp_path: Path, kind: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = tmp_path / "folder"
    committed = {".gitignore": ".env\n"} if kind == "committed" else {}
    place = Place(tmp_path, make_repository(tmp_path / "repo", {"a.txt": "a\n", **committed}))
    folder = place.repository
    if kind == "loose":
        folder = tmp_path / "loose"
        folder.mkdir()
    if kind in ("untracked", "loose"):
        (folder / ".gitignore").write_text(".env\n")
    if kind == "own":
        (folder / ".git" / "info" / "exclude").write_text(".env\n")
    (folder / ".env").write_text(SECRET)
    (folder / "conf").mkdir()
    (folder / "conf" / ".env").write_text(SECRET)
    (folder / "conf" / "new.txt").write_text("to be seen\n")
    task = await place.begin(Request("talk", str(folder), kind="conversation", mode="workspace"))
    rules = calls("shell", command="echo '!.env' > .gitignore")
    file = calls("shell", command="cat conf/.env; echo mine > conf/.env")
    seen = await talk(place, task, [rules, says("ok")], [LOOK, file, says("ok")], [LOOK, says("ok")])
    assert "new.txt" in seen
    assert (folder / ".gitignore").read_text() == "!.env\n"
    assert SECRET not in seen
    assert (folder / ".env").read_text() == (folder / "conf" / ".env").read_text() == SECRET


async def test_files_that_the_agent_makes_where_rules_ignored_stay_its_own(tmp_path: Path) -> None:
    place = Place(tmp_path, make_repository(tmp_path / "repo", {".gitignore": "dist/\n"}))
    task = await place.begin(Request("talk", str(place.repository), kind="conversation", mode="workspace"))
    make = calls("shell", command="echo > .gitignore; mkdir dist; echo 1 > dist/a.txt")
    more = calls("shell", command="cat dist/a.txt; echo 2 >> dist/a.txt")
    seen = await talk(place, task, [make, says("ok")], [more, says("ok")], [LOOK, says("ok")])
    assert (place.repository / "dist" / "a.txt").read_text() == "1\n2\n"
    assert "dist" in seen
