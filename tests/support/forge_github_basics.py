"""What the answers of the fake GitHub have in common."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from tests.support.forge_server import Answer, Asked, ForgeServer
from tests.support.forge_state import Hosted, Thread

R = r"/v3/repos/([^/]+)/([^/]+)"
N = r"/(\d+)"

Work = Callable[[ForgeServer, Asked, Hosted], Answer]


def refusal(words: str, *errors: Mapping[str, str]) -> dict[str, Any]:
    more = {"errors": list(errors)} if errors else {}
    return {"message": words, **more, "documentation_url": "https://docs.github.com/rest"}


def thread_of(asked: Asked, hosted: Hosted, *, pull: bool = False) -> Thread | None:
    thread = hosted.threads.get(int(asked.parts[0]))
    return None if thread is None or (pull and not thread.head) else thread


GONE = Answer(404, refusal("Not Found"))


def login_of(asked: Asked) -> str:
    assert asked.who is not None
    return asked.who.login


def paged(server: ForgeServer, asked: Asked, entries: list[Any]) -> Answer:
    size, page = int(asked.query.get("per_page", "30")), int(asked.query.get("page", "1"))
    headers = {}
    if len(entries) > page * size:
        query = "&".join(f"{k}={v}" for k, v in {**asked.query, "page": str(page + 1)}.items())
        headers["Link"] = f'<{server.web}{asked.path}?{query}>; rel="next"'
    return Answer(200, entries[(page - 1) * size : page * size], headers)


def invalid(*errors: Mapping[str, str]) -> Answer:
    return Answer(422, refusal("Validation Failed", *errors))
