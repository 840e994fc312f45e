"""`midwatch admin orphans`: the real program after a run that was killed."""

from __future__ import annotations

from tests.cli.conftest import Program


def test_what_a_killed_run_left_is_shown_then_removed_then_gone(program: Program) -> None:
    state = program.folder / "state/midwatch"
    folder = state / "attempts" / "0123456789ab.1"
    (folder / "upper").mkdir(parents=True)
    (state / "locks").mkdir()
    (state / "locks" / "0123456789ab.1.lock").write_text("4194303")
    (state / "blobs").mkdir()
    (state / "blobs" / "incoming-x").write_text("half")

    shown = program("admin", "orphans")
    text = shown.stdout.decode()
    assert shown.returncode == 1
    assert f"folder {folder} (no process works on attempt 0123456789ab.1)" in text
    assert "incoming-x (whoever wrote this output is dead)" in text
    assert "midwatch admin orphans --remove" in text
    assert folder.exists()

    removed = program("admin", "orphans", "--remove", "--json")
    assert b'"folder"' in removed.stdout
    assert not folder.exists()
    assert list((state / "blobs").iterdir()) == []
    assert not (state / "locks" / "0123456789ab.1.lock").exists()
    assert str(state) not in program("admin", "orphans").stdout.decode()
