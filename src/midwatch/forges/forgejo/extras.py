"""Labels and reviewers at Forgejo and Gitea."""

from __future__ import annotations

from collections.abc import Sequence
from urllib.parse import quote

from midwatch.domain.forge import Extras
from midwatch.forges.answered import read
from midwatch.forges.forgejo import answers
from midwatch.forges.forgejo.asking import PAGE, repository_path
from midwatch.forges.http import Http, Refused
from midwatch.workspace.names import shown

_COLOUR = "#5c6f82"


async def adorn(http: Http, slug: str, number: int, extras: Extras) -> Sequence[str]:
    """Give a pull request labels and ask for reviews. What could not be done, in words."""
    failed: list[str] = []
    if extras.labels:
        path = f"{repository_path(slug)}/issues/{number}/labels"
        try:
            if ids := await _labels(http, slug, extras.labels, failed):
                await http.request("POST", path, slug=slug, json={"labels": ids})
        except Refused as error:
            if error.status == 401:
                raise
            failed.append(f"the labels: {error.message}")
    path = f"{repository_path(slug)}/pulls/{number}/requested_reviewers"
    for login in extras.reviewers:  # one by one: an unknown one takes the others along
        team = login.removeprefix("team:") if login.startswith("team:") else ""
        asked = {"team_reviewers": [team]} if team else {"reviewers": [login]}
        reply = await http.request("POST", path, slug=slug, json=asked, taken=(403, 404, 422))
        if reply.status >= 300:
            failed.append(f"{shown(login)} cannot be asked for a review ({reply.status})")
    return failed


async def _labels(http: Http, slug: str, names: Sequence[str], failed: list[str]) -> list[int]:
    """Their ids: of the repository, else of its organisation, else made."""
    path, owner = f"{repository_path(slug)}/labels", slug.partition("/")[0]
    known = read(list[answers.Label], await http.pages(path, slug=slug, params=PAGE), http.name)
    if not set(names) <= {label.name for label in known}:
        shared = await http.pages(f"/orgs/{quote(owner)}/labels", slug=slug, params=PAGE, taken=(403, 404))
        known = [*known, *read(list[answers.Label], shared, http.name)]
    ids = []
    for name in names:
        found = next((label for label in known if label.name == name), None)
        if found is None:
            try:
                reply = await http.request("POST", path, slug=slug, json={"name": name, "color": _COLOUR})
                found = read(answers.Label, reply.data, http.name)
            except Refused as error:
                failed.append(f"the label {shown(name)} cannot be made: {error.message}")
                continue
        ids.append(found.id)
    return ids
