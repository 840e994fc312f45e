"""Asking GitLab: its header, and projects that have another name by now."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any
from urllib.parse import quote

from midwatch.forges.answered import read
from midwatch.forges.gitlab.answers import Project
from midwatch.forges.http import Http, Params, Refused, Reply


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
    http: Http, method: str, slug: str, rest: str, *, json: Any = None, params: Params | None = None,
    taken: Sequence[int] = (),
) -> Reply:  # fmt: skip
    """Ask about a project; `rest` is what comes after it. From a project's old name GitLab leads on whoever reads, and
    lets nobody change anything: that is done under its number. Raises as `Http.request`."""
    path = f"{project_path(slug)}{rest}"
    try:
        reply = await http.request(method, path, slug=slug, json=json, params=params, taken=taken)
    except Refused as error:
        if not _moved(error.status, error.data):
            raise
    else:
        if not _moved(reply.status, reply.data):
            return reply
    path = f"/projects/{(await project(http, slug)).id}{rest}"
    return await http.request(method, path, slug=slug, json=json, params=params, taken=taken)


def _moved(status: int, data: Any) -> bool:
    return status == 405 and "moved project" in str(data)
