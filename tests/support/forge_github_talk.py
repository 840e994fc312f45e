"""Issues, remarks, reviews and what is said of commits at the fake GitHub."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from tests.support import forge_github_news as news
from tests.support import forge_github_shapes as shapes
from tests.support.forge_github_basics import GONE, N, R, Work, invalid, login_of, paged, refusal, thread_of
from tests.support.forge_server import Answer, Asked, ForgeServer
from tests.support.forge_state import Hosted


def _issues(server: ForgeServer, asked: Asked, hosted: Hosted) -> Answer:
    labels = {name for name in asked.query.get("labels", "").split(",") if name}
    state, since = asked.query.get("state", "open"), asked.query.get("since", "")
    listed = list(reversed(hosted.threads.values()))
    if asked.query.get("sort") == "updated":
        listed.sort(key=lambda thread: thread.updated, reverse=asked.query.get("direction") != "asc")
    found = [
        shapes.issue(server, hosted, thread)
        for thread in listed
        if labels <= set(thread.labels)
        and thread.updated >= since
        and (state == "all" or (state == "open") == (thread.state == "open"))
    ]
    return paged(server, asked, found)


def _issue(server: ForgeServer, asked: Asked, hosted: Hosted) -> Answer:
    thread = thread_of(asked, hosted)
    return GONE if thread is None else Answer(200, shapes.issue(server, hosted, thread))


def _said(kind: str, *, pull: bool = False) -> Work:
    def work(server: ForgeServer, asked: Asked, hosted: Hosted) -> Answer:
        thread = thread_of(asked, hosted, pull=pull)
        if thread is None:
            return GONE
        found = [shapes.said(server, hosted, thread, one) for one in thread.said if one.kind == kind]
        return paged(server, asked, found)

    return work


def _say(server: ForgeServer, asked: Asked, hosted: Hosted) -> Answer:
    thread = thread_of(asked, hosted)
    if thread is None:
        return GONE
    one = server.forge.say(hosted, thread, login_of(asked), asked.json["body"])
    return Answer(201, shapes.said(server, hosted, thread, one))


def _rewrite(server: ForgeServer, asked: Asked, hosted: Hosted) -> Answer:
    found = hosted.remark(int(asked.parts[0]))
    if found is None:
        return GONE
    found[1].body = asked.json["body"]
    return Answer(200, shapes.said(server, hosted, *found))


def _review(server: ForgeServer, asked: Asked, hosted: Hosted) -> Answer:
    found = hosted.remark(int(asked.parts[1]))
    return GONE if found is None else Answer(200, shapes.said(server, hosted, *found))


def _judge(server: ForgeServer, asked: Asked, hosted: Hosted) -> Answer:
    thread = thread_of(asked, hosted, pull=True)
    if thread is None:
        return GONE
    body = asked.json
    commit = body.get("commit_id", thread.head_commit)
    if not hosted.tip(commit) or not hosted.has(thread.head_commit, commit):
        return Answer(422, {**refusal("Unprocessable Entity"), "errors": ["No commit found for SHA"]})
    shown = {f["filename"]: f["patch"] for f in shapes.files(hosted, hosted.tip(thread.base), commit)}
    beside = [(c["path"], c["line"], c["body"]) for c in body.get("comments", ())]
    for path, line, _ in beside:
        if line not in _lines(shown.get(path, "")):
            return Answer(422, {**refusal("Unprocessable Entity"), "errors": ["Line could not be resolved"]})
    one = server.forge.judge(hosted, thread, login_of(asked), body.get("body", ""), beside)
    return Answer(200, shapes.said(server, hosted, thread, one))


def _lines(patch: str) -> set[int]:
    """The lines of the new file within the hunks of a difference."""
    found: set[int] = set()
    for start, count in re.findall(r"^@@ -\S+ \+(\d+)(?:,(\d+))? @@", patch, re.MULTILINE):
        found.update(range(int(start), int(start) + int(count or 1)))
    return found


def _reaction(reactions: list[tuple[str, str]], server: ForgeServer, asked: Asked) -> Answer:
    mine = (login_of(asked), asked.json["content"])
    known = mine in reactions
    if not known:
        reactions.append(mine)
    made = shapes.full("reaction", user=shapes.user(server, mine[0]), content=mine[1])
    return Answer(200 if known else 201, made)


def _react_below(server: ForgeServer, asked: Asked, hosted: Hosted) -> Answer:
    thread = thread_of(asked, hosted)
    return GONE if thread is None else _reaction(thread.reactions, server, asked)


def _react(server: ForgeServer, asked: Asked, hosted: Hosted) -> Answer:
    found = hosted.remark(int(asked.parts[0]))
    return GONE if found is None else _reaction(found[1].reactions, server, asked)


def _permission(server: ForgeServer, asked: Asked, hosted: Hosted) -> Answer:
    login = asked.parts[0]
    if server.forge.named(login) is None:
        return GONE
    level = hosted.access.get(login, "none")
    plain = {"maintain": "write", "triage": "read"}.get(level, level)
    known = {"permission": plain, "role_name": level, "user": None}
    return Answer(200, shapes.full("repository-collaborator-permission", **known))


def _statuses(server: ForgeServer, asked: Asked, hosted: Hosted) -> Answer:
    sha = hosted.tip(asked.parts[0])
    if not sha:
        return GONE
    latest = {one["name"]: one for one in hosted.statuses if one["sha"] == sha and not one["run"]}
    shown = [
        shapes.full("simple-commit-status", context=one["name"], state=one["state"], description=one["summary"],
                    target_url=one["url"] or None, id=one["id"], updated_at=one.get("at", shapes.WHEN))
        for one in latest.values()
    ]  # fmt: skip
    there = shapes.repository(server, hosted, "minimal-repository")
    known = {"sha": sha, "statuses": shown, "total_count": len(shown), "repository": there, "state": "pending"}
    return Answer(200, shapes.full("combined-commit-status", **known))


def _report(server: ForgeServer, asked: Asked, hosted: Hosted) -> Answer:
    sha, body = asked.parts[0], asked.json
    if not hosted.tip(sha):
        return Answer(422, refusal(f"No commit found for SHA: {sha}"))
    if len(body.get("description") or "") > 140:
        return invalid({"resource": "Status", "code": "custom", "message": "description is too long"})
    one = {
        "sha": sha, "name": body["context"], "state": body["state"], "summary": body.get("description", ""),
        "text": "", "url": body.get("target_url", ""), "author": login_of(asked), "id": server.forge.next_id(),
        "run": False,
    }  # fmt: skip
    hosted.statuses.append(one)
    known = {"context": one["name"], "state": one["state"], "creator": shapes.user(server, one["author"])}
    return Answer(201, shapes.full("status", **known))


def shown_run(one: dict[str, Any]) -> dict[str, Any]:
    app = shapes.full("integration", slug=one["author"].removesuffix("[bot]"))
    done = one["state"] != "in_progress"
    known = {"id": one["id"], "name": one["name"], "head_sha": one["sha"], "app": app, "pull_requests": []}
    return shapes.full(
        "check-run", **known, status="completed" if done else "in_progress", conclusion=one["state"] if done else None
    )


def _runs(server: ForgeServer, asked: Asked, hosted: Hosted) -> Answer:
    sha, name = hosted.tip(asked.parts[0]), asked.query.get("check_name", "")
    found = [one for one in hosted.statuses if one["sha"] == sha and one["run"] and name in ("", one["name"])]
    runs = [*map(shown_run, found), *news.check_runs(server, hosted, sha, name)]
    return Answer(200, {"total_count": len(runs), "check_runs": runs})


def _taken(one: dict[str, Any], body: Mapping[str, Any]) -> None:
    one["state"] = body["conclusion"] if body["status"] == "completed" else body["status"]
    one |= {
        "summary": body["output"]["summary"],
        "text": body["output"].get("text", ""),
        "url": body.get("details_url", ""),
    }


def _run(server: ForgeServer, asked: Asked, hosted: Hosted) -> Answer:
    assert asked.who is not None
    if not asked.who.app:
        return Answer(403, refusal("You must authenticate via a GitHub App."))
    one = {"sha": asked.json["head_sha"], "name": asked.json["name"], "run": True, "id": server.forge.next_id()}
    one["author"] = asked.who.login
    _taken(one, asked.json)
    hosted.statuses.append(one)
    return Answer(201, shown_run(one))


def _rerun(server: ForgeServer, asked: Asked, hosted: Hosted) -> Answer:
    one = next((one for one in hosted.statuses if one["id"] == int(asked.parts[0])), None)
    if one is None:
        return GONE
    _taken(one, asked.json)
    return Answer(200, shown_run(one))


def graph(server: ForgeServer, asked: Asked) -> Answer:
    """The three questions that are asked of GraphQL."""
    assert asked.who is not None
    query, variables = asked.json["query"], asked.json["variables"]
    if "viewer" in query:
        return Answer(200, {"data": {"viewer": {"login": asked.who.login}}})
    name = variables["id"]
    for hosted in server.forge.repositories.values():
        for thread in hosted.threads.values():
            if name == f"PR_{hosted.number}_{thread.number}":
                drafted = "convertPullRequestToDraft" in query
                if drafted and not hosted.drafts:
                    words = "Draft pull requests are not supported in this repository."
                    return Answer(200, {"data": None, "errors": [{"message": words}]})
                thread.draft, thread.updated = drafted, server.forge.now()
                return Answer(200, {"data": {"done": {"pullRequest": {"isDraft": drafted}}}})
            for one in thread.said:
                if name == f"PRR_{one.number}":
                    one.reactions.append((asked.who.login, variables["content"].lower()))
                    return Answer(200, {"data": {"addReaction": {"reaction": {"content": variables["content"]}}}})
    return Answer(200, {"data": None, "errors": [{"type": "NOT_FOUND", "message": f"Could not resolve {name}"}]})


READS: list[tuple[str, str, Work]] = [
    *news.READS,
    ("GET", rf"{R}/pulls{N}/reviews", _said("review", pull=True)),
    ("GET", rf"{R}/pulls{N}/comments", _said("line", pull=True)),
    ("GET", rf"{R}/pulls{N}/reviews{N}", _review),
    ("GET", rf"{R}/issues", _issues),
    ("GET", rf"{R}/issues{N}", _issue),
    ("GET", rf"{R}/issues{N}/comments", _said("comment")),
    ("GET", rf"{R}/collaborators/([^/]+)/permission", _permission),
    ("GET", rf"{R}/commits/([^/]+)/status", _statuses),
    ("GET", rf"{R}/commits/([^/]+)/check-runs", _runs),
]
WRITES: list[tuple[str, str, Work]] = [
    ("POST", rf"{R}/pulls{N}/reviews", _judge),
    ("POST", rf"{R}/issues{N}/comments", _say),
    ("PATCH", rf"{R}/issues/comments{N}", _rewrite),
    ("POST", rf"{R}/issues{N}/reactions", _react_below),
    ("POST", rf"{R}/(?:issues|pulls)/comments{N}/reactions", _react),
    ("POST", rf"{R}/statuses/([0-9a-f]+)", _report),
    ("POST", rf"{R}/check-runs", _run),
    ("PATCH", rf"{R}/check-runs{N}", _rerun),
]
