"""The files of the page as they are served."""

from __future__ import annotations

import importlib
import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx2
import pytest
from starlette.responses import PlainTextResponse

from midwatch.server.pages import FOLDER, HEADERS, PLACES, Pages
from scripts.page_types import TARGET, document, typescript

ENTRIES = Path(__file__).parents[2] / "web" / "src" / "pages"


def client(folder: Path = FOLDER) -> httpx2.AsyncClient:
    """Of pages over an app that says that it was asked."""
    app = Pages(PlainTextResponse("the app", 418), folder)
    return httpx2.AsyncClient(transport=httpx2.ASGITransport(app), base_url="http://test")


async def test_every_address_of_the_router_is_the_page_under_a_policy_without_anything_inline() -> None:
    async with client() as asking:
        for path in ("/", "/tasks/01m5x3q9k2ab", "/admin/users?x=1"):
            answer = await asking.get(path)
            assert (answer.status_code, answer.headers["content-type"]) == (200, "text/html; charset=utf-8")
            assert HEADERS.items() <= {name.title(): value for name, value in answer.headers.items()}.items()
            assert "unsafe" not in answer.headers["content-security-policy"]
            assert not re.search(r"<script(?![^>]* src=)|<style| style=| on\w+=", answer.text)


async def test_files_with_a_hash_in_their_name_are_kept_for_ever_and_come_as_they_were_compressed() -> None:
    async with client() as asking:
        name = re.findall(r'src="(/assets/[^"]+\.js)"', (await asking.get("/")).text)[0]
        for encoding in ("br", "gzip", ""):
            answer = await asking.get(name, headers={"Accept-Encoding": encoding or "identity"})
            assert answer.headers.get("content-encoding", "") == encoding
            weighed = f"{encoding or 'br'};q={'0.8' if encoding else '0.0'}"
            assert (await asking.get(name, headers={"Accept-Encoding": weighed})).headers.get(
                "content-encoding", ""
            ) == encoding
            assert "immutable" in answer.headers["cache-control"]
            assert answer.headers["content-type"].startswith("text/javascript")
        for wrong in (
            "/assets/none.js",
            "/assets/..%2findex.html",
            "/assets/",
            "/assets/x.py",
        ):
            assert (await asking.get(wrong)).status_code == 404


async def test_what_is_not_the_pages_is_passed_on() -> None:
    async with client() as asking:
        for path in (
            "/api/v1/tasks",
            "/hooks/x",
            "/healthz",
            "/readyz",
            "/metrics",
            "/unknown",
            "/tasksx",
        ):
            assert (await asking.get(path)).status_code == 418
        assert (await asking.post("/")).status_code == 418


async def test_without_a_build_the_command_that_makes_it_is_named(tmp_path: Path) -> None:
    async with client(tmp_path) as asking:
        answer = await asking.get("/")
        assert answer.status_code == 503
        assert "scripts/setup --page" in answer.text


def test_what_a_killed_build_has_left_is_gone_with_the_next(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    @contextmanager
    def tools() -> Iterator[dict[str, str]]:
        yield {}

    def run(_: list[str], environ: dict[str, str], mend: str) -> None:
        Path(environ["MIDWATCH_WEB_OUT"]).mkdir()

    hatch_build = importlib.import_module("hatch_build")
    (tmp_path / ".web-killed" / "web").mkdir(parents=True)
    target = tmp_path / "web"
    for name, value in (("TARGET", target), ("STAMP", target / "built-from"), ("tools", tools), ("_run", run)):
        monkeypatch.setattr(hatch_build, name, value)
    assert hatch_build.build()
    assert [path.name for path in tmp_path.iterdir()] == ["web"]


def test_the_server_knows_every_address_that_the_pages_have() -> None:
    paths = [
        path for file in ENTRIES.glob("*/entries.ts") for path in re.findall(r'path: "(/[^"]*)"', file.read_text())
    ]
    assert "/" in paths
    assert {path.split("/")[1] for path in paths} <= PLACES | {""}


async def test_the_types_of_the_api_are_those_of_its_document() -> None:
    fresh = typescript(await document()) == TARGET.read_text("utf-8")
    if not fresh:
        pytest.fail("web/src/generated.ts is of another API: run .venv/bin/python -m scripts.page_types")
