"""What is looked at before a change is taken: diffs of attempts and between steps, their evidence, the record."""

from __future__ import annotations

import asyncio
import threading
from pathlib import Path

import httpx2
import pytest

from midwatch.engine.blobs import Blobs
from tests.support.api import Api, serving
from tests.support.model_server import calls, says
from tests.support.model_server import serving as model
from tests.support.place import make_repository

MADE = [
    calls("shell", command="echo two >> a.txt"),
    calls("shell", command="echo three >> a.txt; echo new > b.txt"),
    says("Lines\n\nThey are there."),
]


async def made(api: Api, tmp_path: Path) -> tuple[str, str]:
    """A task of two attempts that was worked on, and the id of its repository."""
    repository = await api.registered("lines", make_repository(tmp_path / "lines", {"a.txt": "one\n"}))
    async with api.as_user("ada", {repository: "member"}) as ada:
        asked = {
            "prompt": "add lines", "repository": "lines", "model": "openai/scripted", "attempts": 2,
            "checks": ["grep -q three a.txt"],
        }  # fmt: skip
        answer = await ada.post("/tasks", json=asked)
        assert answer.status_code == 201, answer.text
        task = str(answer.json()["id"])
    await api.work(task)
    return task, repository


async def test_each_attempt_has_its_diff_its_evidence_and_its_steps_and_the_record_is_computed_once_more(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    threads, real = set[str](), Blobs.verify

    def verified(self: Blobs, digest: str) -> str:
        threads.add(threading.current_thread().name)
        return real(self, digest)

    monkeypatch.setattr(Blobs, "verify", verified)
    with model() as server:
        environ = {
            "PATH": "/usr/bin:/bin", "XDG_STATE_HOME": str(tmp_path / "state"), "OPENAI_API_KEY": "sk-test",
            "OPENAI_BASE_URL": server.script(*MADE),
        }  # fmt: skip
        async with serving(tmp_path, environ) as api:
            task, repository = await made(api, tmp_path)
            async with api.as_user("vi", {repository: "viewer"}) as vi:
                await _looked_at(vi, task)
                digest = (await vi.get(f"/attempts/{task}.1/evidence")).json()["checks"][0]["digest"]
                blob = api.home.blobs.path(digest)
                await asyncio.to_thread(blob.chmod, 0o644)
                await asyncio.to_thread(blob.write_bytes, b"all is well\n")
                found = (await vi.post(f"/tasks/{task}/verify")).json()
                assert not found["ok"]
                assert any(digest[:12] in fault for fault in found["faults"]), found
    assert threads
    assert "aside" not in threads  # where all others' diffs are read


async def _looked_at(vi: httpx2.AsyncClient, task: str) -> None:
    for number in (1, 2):
        diff = await vi.get(f"/attempts/{task}.{number}/diff")
        assert diff.headers["content-type"] == "text/x-diff"
        assert "+two\n+three\n" in diff.text
        evidence = (await vi.get(f"/attempts/{task}.{number}/evidence")).json()
        assert (evidence["attempt"], evidence["verdict"]) == (f"{task}.{number}", "passed")
        assert [(change["path"], change["added"]) for change in evidence["changes"]] == [("a.txt", 2), ("b.txt", 1)]
    events = (await vi.get(f"/attempts/{task}.1/events?limit=1000")).json()["events"]
    first, second = [event["seq"] for event in events if event["kind"] == "tool_finished"]
    assert "+two\n" in (await vi.get(f"/attempts/{task}.1/diff?to={first}")).text
    assert "three" not in (await vi.get(f"/attempts/{task}.1/diff?to={first}")).text
    between = (await vi.get(f"/attempts/{task}.1/diff?from={first}&to={second}")).text
    assert "+three\n" in between
    assert "+two\n" not in between
    assert (await vi.get(f"/attempts/{task}.1/diff?from={second}")).text == ""
    assert (await vi.get(f"/attempts/{task}.3/diff")).status_code == 404
    found = (await vi.post(f"/tasks/{task}/verify")).json()
    assert (found["ok"], found["faults"], [head["attempt"] for head in found["heads"]]) == (
        True, [], [f"{task}.1", f"{task}.2"],
    )  # fmt: skip
    assert found["commits"] == 2
    assert found["outputs"] >= 2
