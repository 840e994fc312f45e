"""The branches that a task may start from, over HTTP: of folders, of addresses with a credential, and of none that
answers."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from midwatch.server import branched
from tests.support.api import Api, serving
from tests.support.git_servers import https_server
from tests.support.place import git, make_repository

TOKEN = "planted-token-57"


@pytest.fixture
async def api(tmp_path: Path) -> AsyncIterator[Api]:
    environ = {
        "PATH": "/usr/bin:/bin",
        "XDG_STATE_HOME": str(tmp_path / "state"),
        "XDG_CONFIG_HOME": str(tmp_path / "config"),
    }
    async with serving(tmp_path, environ) as found:
        yield found


def make(folder: Path, *names: str) -> Path:
    """A repository with these branches beside its default one."""
    made = make_repository(folder, {"a.txt": "a\n"})
    for name in names:
        git(made, "branch", name)
    return made


async def test_a_viewer_sees_the_branches_of_a_folder_and_those_with_a_part_of_the_name(
    api: Api, tmp_path: Path
) -> None:
    folder = make(tmp_path / "one", "Fix/it", "prefix", "midwatch/fix-1")
    first = git(folder, "symbolic-ref", "--short", "HEAD")
    one = await api.registered("one", folder)
    path = f"/repositories/{one}/branches"
    async with api.as_user("vie", {one: "viewer"}) as vie, api.as_user("bob") as bob:
        assert (await vie.get(path)).json() == {
            "branches": [first, "Fix/it", "prefix", "midwatch/fix-1"], "default": first, "more": False,
        }  # fmt: skip
        assert (await vie.get(path, params={"q": "FIX"})).json()["branches"] == ["Fix/it", "prefix", "midwatch/fix-1"]
        some = (await vie.get(path, params={"q": "fix", "limit": 1})).json()
        assert (some["branches"], some["more"]) == (["Fix/it"], True)
        assert (await vie.get(path, params={"q": "none"})).json()["branches"] == []
        assert (await vie.get(path, params={"q": "x\0"})).status_code == 422
        assert (await bob.get(path)).status_code == 404


async def test_an_address_is_asked_with_the_credential_of_its_connection_and_once_for_all_who_look(
    api: Api, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    make(tmp_path / "team" / "one", "topic")
    with https_server(tmp_path, tmp_path, ("x-access-token", TOKEN)) as server:
        monkeypatch.setenv("GIT_SSL_CAINFO", str(server.certificate))
        for name in ("PATIENCE", "KEPT", "AGAIN"):
            monkeypatch.setattr(branched, name, 600)
        asked = {"name": "one", "location": server.url("team/one")}
        async with api.as_user("root", admin=True) as root:
            one = (await root.post("/repositories", json=asked)).json()["id"]
            path = f"/repositories/{one}/branches"
            refused = await root.get(path)
            assert (refused.status_code, "cannot be fetched" in refused.json()["detail"]) == (503, True)
            seen = len(server.requests)
            assert (await root.get(path)).json() == refused.json()
            assert len(server.requests) == seen, "what has failed is not asked again at once"
            await api.app.state.service.branching.close()
            hub = {"name": "hub", "kind": "github", "web": f"https://localhost:{server.port}", "token": TOKEN}
            assert (await root.post("/forges", json=hub)).status_code == 201
            answers = await asyncio.gather(*(root.get(path, params={"q": "o"}) for _ in range(5)))
            assert [answer.json()["branches"] for answer in answers] == [["topic"]] * 5
            references = [path for _, path, _ in server.requests[seen:] if "info/refs" in path]
            assert len(references) <= 2, "once, and once more for the challenge"
            for answer in (refused, *answers):
                assert TOKEN not in answer.text
    assert TOKEN not in caplog.text


async def test_an_address_that_does_not_answer_holds_up_nothing_and_is_said(
    api: Api, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(branched, "PATIENCE", 600)
    folder = await api.registered("folder", make(tmp_path / "one", "topic"))
    gone = await api.registered("gone", tmp_path / "gone")
    with socket.create_server(("127.0.0.1", 0)) as silent:
        silent.setblocking(False)
        where = f"http://127.0.0.1:{silent.getsockname()[1]}/team"
        names = [f"{where}/{number}" for number in range(8)]
        async with api.as_user("root", admin=True) as root:
            made = [await root.post("/repositories", json={"name": f"r{n[-1]}", "location": n}) for n in names]
            paths = [f"/repositories/{one.json()['id']}/branches" for one in made]
            waiting = [asyncio.create_task(root.get(path)) for path in paths]
            held, _ = await asyncio.get_running_loop().sock_accept(silent)  # git asks, and gets no word
            found = (await root.get(f"/repositories/{folder}/branches")).json()
            assert "topic" in found["branches"]
            missing = await root.get(f"/repositories/{gone}/branches")
            assert (missing.status_code, "does not exist" in missing.json()["detail"]) == (422, True)
            assert not any(task.done() for task in waiting)
            await api.app.state.service.branching.close()
            ended = await asyncio.gather(*waiting)
            assert [(answer.status_code, answer.json()["detail"]) for answer in ended] == [
                (503, "the server is ending")
            ] * len(paths)
            held.close()
            monkeypatch.setattr(branched, "PATIENCE", 0.05)
            late = await root.get(paths[0])
            assert (late.status_code, "has not told its branches" in late.json()["detail"]) == (503, True)
