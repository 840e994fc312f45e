"""Asking GitLab: its header, and projects that have another name by now."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any
from urllib.parse import quote

from midwatch.forges.answered import read
from midwatch.forges.gitlab.answers import Project
from midwatch.forges.http import Http, Refused, Reply


def headers(token: str) -> Mapping[str, str]:
    """How GitLab takes personal, project and group access tokens."""
    return {"PRIVATE-TOKEN": token}


def project_path(slug: str) -> str:
    """What the calls about a project begin with."""
    return f"/projects/{quote(slug, safe='')}"


async def project(http: Http, slug: str) -> Project:
    """The project, under its old name too. Raises Refused when there is none, or it is hidden from us."""
    return read(Project, (await http.request("GET", project_path(slug), slug=slug)).data, http.name)


async def ask(
    http: Http, method: str, slug: str, rest: str, said: Mapping[str, Any] | None = None, taken: Sequence[int] = ()
) -> Reply:
    """Ask about a project; `rest` is what comes after it, and `said` is the query of what reads and the body of what
    changes. From a project's old name GitLab leads on whoever reads, and lets nobody change anything: that is done
    under its number. Raises as `Http.request`."""
    how = {"params": said} if method == "GET" else {"json": said}
    try:
        reply = await http.request(method, f"{project_path(slug)}{rest}", slug=slug, taken=taken, **how)
    except Refused as error:
        if not _moved(error.status, error.data):
            raise
    else:
        if not _moved(reply.status, reply.data):
            return reply
    path = f"/projects/{(await project(http, slug)).id}{rest}"
    return await http.request(method, path, slug=slug, taken=taken, **how)


def _moved(status: int, data: Any) -> bool:
    return status == 405 and "moved project" in str(data)
