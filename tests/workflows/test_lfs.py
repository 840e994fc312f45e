"""Files of Git LFS through a whole task: contents in the boxes, pointers in what is offered, objects beside it."""

from __future__ import annotations

import hashlib
from pathlib import Path

from midwatch.engine.blobs import Blobs
from midwatch.models.fake import FakeModel, calls, says
from midwatch.workflows.read import apply, attempt_difference
from midwatch.workflows.verify import verify_task
from midwatch.workspace.lfs import place as place_of
from midwatch.workspace.lfs import pointer_of
from tests.support.git_servers import put_lfs_object
from tests.support.place import Place, git, make_repository

ATTRIBUTES = "*.png filter=lfs diff=lfs merge=lfs -text\n"
OLD, NEW = b"old\n", b"old\nmore\n"


def repository(folder: Path, recipe: str) -> Path:
    """One where git-lfs keeps a picture."""
    pointer = pointer_of(hashlib.sha256(OLD).hexdigest(), len(OLD)).decode()
    files = {".gitattributes": ATTRIBUTES, "old.png": pointer, ".midwatch/environment.toml": recipe}
    made = make_repository(folder / "repo", files)
    put_lfs_object(made / ".git", OLD)
    return made


async def test_pictures_are_contents_in_the_boxes_and_offered_as_git_lfs_would(tmp_path: Path) -> None:
    place = Place(tmp_path, repository(tmp_path, "[repository]\nlfs = true\n"))
    task = await place.task(["grep -qx more old.png && grep -qx drawn new.png"])
    draw = calls("shell", command="echo more >> old.png; echo drawn > new.png")
    report = await place.solve(task, FakeModel([draw, says("Drawn.")]))
    evidence = report.chosen.evidence
    assert (report.status, report.exit_code) == ("done", 0)
    assert evidence is not None
    mine = place.repository / ".git/lfs/objects"
    for name, data in (("old.png", NEW), ("new.png", b"drawn\n")):
        oid = hashlib.sha256(data).hexdigest()
        assert git(place.repository, "show", f"{task.branch}:{name}").encode() + b"\n" == pointer_of(oid, len(data))
        assert place_of(mine, oid).read_bytes() == data
    assert git(place.repository, "rev-parse", f"{task.branch}^{{tree}}") == evidence.tree == report.chosen.tree
    drawn = place_of(mine, hashlib.sha256(b"drawn\n").hexdigest())
    drawn.unlink()
    async with place.store() as store:
        found = await verify_task(store, Blobs(place.state / "blobs"), place.state, place.forge, task.id)
        assert found.faults == ()
        since = await attempt_difference(store, place.state, report.chosen.attempt, report.chosen.seq - 1)
        assert since == b"", "nothing was changed since the work was saved"
        await apply(store, place.state, place.forge, task.id, None)
    assert (place.repository / "new.png").is_file()
    assert drawn.read_bytes() == b"drawn\n", "what is put into the person's files is there for their git-lfs"
