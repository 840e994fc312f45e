"""How a fake forge speaks Forgejo and Gitea: repositories, pull requests, reviews, remarks, reactions, labels by id,
statuses, collaborators, and signed webhooks.

The shapes are those of `tests/forges/openapi/forgejo.json`; only fields that it has are answered.
"""

from __future__ import annotations

import hashlib
import hmac
import re
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Literal
from urllib.parse import quote, unquote, urlencode

from tests.support import forge_forgejo_news as news
from tests.support.forge_forgejo_hooks import deliveries
from tests.support.forge_forgejo_shapes import beside, comment, label, pull, repository, review, user
from tests.support.forge_forgejo_shapes import issue as issue_of
from tests.support.forge_server import Answer, Asked, ForgeServer, Route
from tests.support.forge_state import Hosted, Person, Thread

_REACTIONS = {"+1", "-1", "laugh", "hooray", "confused", "heart", "rocket", "eyes"}
_WIP = re.compile(r"(?i)^(?:wip:|\[wip\])")

Local = Callable[[ForgeServer, Asked, Hosted], Answer]
Threaded = Callable[[ForgeServer, Asked, Hosted, Thread], Answer]


class ForgejoDialect:
    """As the API of Forgejo and Gitea, version 1."""

    prefix = "/api/v1"

    def routes(self) -> Sequence[Route]:
        """Its API."""
        repo = r"/repos/([^/]+)/([^/]+)"
        return [
            ("GET", "/user", lambda server, asked: Answer(data=user(server, _me(asked).login))),
            ("GET", r"/orgs/([^/]+)/labels", lambda server, asked: _no(404, "not an organisation")),
            ("GET", repo, _in("read", lambda server, asked, hosted: Answer(data=repository(server, hosted)))),
            ("GET", rf"{repo}/branches/(.+)", _in("read", _branch)),
            ("GET", rf"{repo}/branch_protections", _in("admin", _protections)),
            ("GET", rf"{repo}/compare/(.+)\.\.\.(.+)", _in("read", _compare)),
            ("GET", rf"{repo}/commits", _in("read", _commits)),
            ("GET", rf"{repo}/collaborators/([^/]+)/permission", _in("admin", _permission)),
            ("GET", rf"{repo}/labels", _in("read", _labels)),
            ("POST", rf"{repo}/labels", _in("write", _make_label)),
            ("GET", rf"{repo}/statuses/([^/]+)", _in("read", _statuses)),
            ("POST", rf"{repo}/statuses/([^/]+)", _in("write", _set_status)),
            ("GET", rf"{repo}/pulls", _in("read", _pulls)),
            ("POST", rf"{repo}/pulls", _in("write", _open)),
            ("GET", rf"{repo}/pulls/(\d+)", _about(True, lambda server, asked, hosted, thread:
                                                   Answer(data=pull(server, hosted, thread)))),
            ("PATCH", rf"{repo}/pulls/(\d+)", _about(True, _edit)),
            ("POST", rf"{repo}/pulls/(\d+)/merge", _about(True, _merge)),
            ("GET", rf"{repo}/pulls/(\d+)/files", _about(True, _files)),
            ("POST", rf"{repo}/pulls/(\d+)/requested_reviewers", _about(True, _ask)),
            ("GET", rf"{repo}/pulls/(\d+)/reviews", _about(True, _reviews)),
            ("POST", rf"{repo}/pulls/(\d+)/reviews", _about(True, _judge)),
            ("GET", rf"{repo}/pulls/(\d+)/reviews/(\d+)/comments", _about(True, _beside)),
            ("GET", rf"{repo}/issues", _in("read", lambda server, asked, hosted:
                                           _paged(asked, news.issues(server, asked, hosted)))),
            ("GET", rf"{repo}/issues/comments", _in("read", lambda server, asked, hosted:
                                                    _paged(asked, news.comments(server, asked, hosted)))),
            ("GET", rf"{repo}/issues/(\d+)/timeline", _about(None, lambda server, asked, hosted, thread:
                                                             _paged(asked, news.timeline(server, hosted, thread)))),
            ("GET", rf"{repo}/issues/(\d+)", _about(None, lambda server, asked, hosted, thread:
                                                    Answer(data=issue_of(server, hosted, thread)))),
            ("GET", rf"{repo}/issues/(\d+)/comments", _about(None, _comments)),
            ("POST", rf"{repo}/issues/(\d+)/comments", _about(None, _write)),
            ("POST", rf"{repo}/issues/(\d+)/labels", _about(None, _label)),
            ("POST", rf"{repo}/issues/(\d+)/reactions", _about(None, _react)),
            ("PATCH", rf"{repo}/issues/comments/(\d+)", _in("read", _rewrite)),
            ("POST", rf"{repo}/issues/comments/(\d+)/reactions", _in("read", _react_to)),
        ]  # fmt: skip

    def refusal(self, status: int, words: str) -> Any:
        """The body of an error."""
        return {"message": words, "url": "http://localhost/api/swagger"}

    def deliveries(
        self, server: ForgeServer, happened: tuple[str, Hosted, Thread | None, dict[str, Any]]
    ) -> Sequence[tuple[str, Any]]:
        """The webhooks that this makes."""
        return deliveries(server, happened)

    def signed(self, secret: str, event: str, delivery: str, body: bytes) -> Mapping[str, str]:
        """The headers of a webhook: Forgejo sends those of Gitea and of GitHub too."""
        digest = hmac.new(secret.encode(), body, hashlib.sha256).hexdigest()
        own = {
            f"X-{name}-{key}": value
            for name in ("Forgejo", "Gitea")
            for key, value in (("Event", event), ("Delivery", delivery), ("Signature", digest))
        }
        return {
            **own,
            "X-GitHub-Event": event,
            "X-GitHub-Delivery": delivery,
            "X-Hub-Signature-256": f"sha256={digest}",
        }


def _me(asked: Asked) -> Person:
    assert asked.who is not None
    return asked.who


def _no(status: int, words: str) -> Answer:
    return Answer(status, {"message": words, "url": "http://localhost/api/swagger"})


def _in(level: str, handler: Local) -> Callable[[ForgeServer, Asked], Answer]:
    """A call about a repository."""

    def handle(server: ForgeServer, asked: Asked) -> Answer:
        slug = f"{asked.parts[0]}/{asked.parts[1]}"
        if moved := server.forge.moved.get(slug.lower()):
            rest = asked.path.removeprefix(f"/api/v1/repos/{quote(slug)}")
            query = f"?{urlencode(asked.query)}" if asked.query else ""
            return Answer(307, headers={"Location": f"/api/v1/repos/{quote(moved)}{rest}{query}"}, body=b"")
        hosted = server.find(slug)
        if hosted is None or not server.forge.allowed(hosted, asked.who, "read"):
            return _no(404, "The target couldn't be found.")
        if not server.forge.allowed(hosted, asked.who, level):
            return _no(403, "user should have a permission to do that")
        if asked.method != "GET" and hosted.archived:
            return _no(423, "Repo is archived.")
        return handler(server, asked, hosted)

    return handle


def _about(pulls: bool | None, handler: Threaded) -> Callable[[ForgeServer, Asked], Answer]:
    """A call about an issue or a pull request; `pulls`: about pull requests alone."""

    def inside(server: ForgeServer, asked: Asked, hosted: Hosted) -> Answer:
        thread = hosted.threads.get(int(asked.parts[2]))
        if thread is None or (pulls and not thread.head):
            return _no(404, "The target couldn't be found.")
        return handler(server, asked, hosted, thread)

    return _in("read", inside)


def _paged(asked: Asked, entries: Sequence[Any]) -> Answer:
    page, size = int(asked.query.get("page", "1")), min(int(asked.query.get("limit", "30")), 50)
    headers = {"X-Total-Count": str(len(entries))}
    if page * size < len(entries):
        query = urlencode({**asked.query, "page": page + 1, "limit": size})
        headers["Link"] = f'<{asked.path}?{query}>; rel="next"'
    return Answer(data=list(entries[(page - 1) * size : page * size]), headers=headers)


def _branch(server: ForgeServer, asked: Asked, hosted: Hosted) -> Answer:
    name = asked.parts[2]
    if name not in hosted.branches():
        return _no(404, "The target couldn't be found.")
    commit = {"id": hosted.tip(name), "message": "", "url": f"{server.web}/{hosted.slug}/commit/{hosted.tip(name)}"}
    return Answer(data={"name": name, "commit": commit, "protected": hosted.protected(name)})


def _protections(server: ForgeServer, asked: Asked, hosted: Hosted) -> Answer:
    return Answer(data=[{"rule_name": name, "enable_push": False} for name in hosted.protections()])


def _commits(server: ForgeServer, asked: Asked, hosted: Hosted) -> Answer:
    old, new = hosted.tip(asked.query["sha"]), hosted.tip(asked.query["not"])
    if not old:
        return _no(404, "object does not exist")
    return _paged(asked, [{"sha": commit} for commit in hosted.git("rev-list", old, "--not", new).split()])


def _compare(server: ForgeServer, asked: Asked, hosted: Hosted) -> Answer:
    """As old ones do: of branches alone."""
    branches = hosted.branches()
    if not {asked.parts[2], asked.parts[3]} <= set(branches):
        return _no(404, "The target couldn't be found.")
    old, new = branches[asked.parts[2]], branches[asked.parts[3]]
    commits = hosted.git("rev-list", f"{old}..{new}").split()
    listed = [
        {"sha": one, "files": [{"filename": name, "status": "modified"} for name in hosted.git(
            "diff-tree", "--no-commit-id", "--name-only", "-r", one).split()]}
        for one in commits
    ]  # fmt: skip
    return Answer(data={"total_commits": len(commits), "commits": listed})


def _permission(server: ForgeServer, asked: Asked, hosted: Hosted) -> Answer:
    login = asked.parts[2]
    if server.forge.named(login) is None:
        return _no(404, "user does not exist")
    level = hosted.access.get(login, "none")
    return Answer(data={"permission": level, "role_name": level, "user": user(server, login)})


def _known_labels(hosted: Hosted) -> list[str]:
    return list(dict.fromkeys(["bug", *hosted.labels, *(name for t in hosted.threads.values() for name in t.labels)]))


def _labels(server: ForgeServer, asked: Asked, hosted: Hosted) -> Answer:
    return _paged(asked, [label(hosted, name) for name in _known_labels(hosted)])


def _make_label(server: ForgeServer, asked: Asked, hosted: Hosted) -> Answer:
    hosted.labels.append(asked.json["name"])
    return Answer(201, label(hosted, asked.json["name"]))


def _label(server: ForgeServer, asked: Asked, hosted: Hosted, thread: Thread) -> Answer:
    names = {label(hosted, name)["id"]: name for name in _known_labels(hosted)}
    for number in asked.json["labels"]:
        if number not in names:
            return _no(422, "label does not exist")
        server.forge.label(hosted, thread, names[number], _me(asked).login)
    return Answer(data=[label(hosted, name) for name in thread.labels])


def _pulls(server: ForgeServer, asked: Asked, hosted: Hosted) -> Answer:
    wanted = asked.query.get("state", "open")
    found = [
        thread for thread in hosted.pulls
        if wanted in ("all", "open" if thread.state == "open" else "closed")
    ]  # fmt: skip
    newest, tips = sorted(found, key=lambda t: t.updated, reverse=True), hosted.branches()
    return _paged(asked, [pull(server, hosted, t, tips) for t in newest])


def _open(server: ForgeServer, asked: Asked, hosted: Hosted) -> Answer:
    said = asked.json
    head, base = said["head"], said["base"]
    if any((t.head, t.base, t.state) == (head, base, "open") for t in hosted.threads.values()):
        return _no(409, "pull request already exists for these targets")
    if not hosted.tip(head) or not hosted.tip(base):
        return _no(404, "The target couldn't be found.")
    made = server.forge.open(
        hosted,
        _me(asked).login,
        said["title"],
        said["body"],
        head=head,
        base=base,
        draft=bool(_WIP.match(said["title"])),
    )
    return Answer(201, pull(server, hosted, made))


def _edit(server: ForgeServer, asked: Asked, hosted: Hosted, thread: Thread) -> Answer:
    said = asked.json
    if not server.forge.allowed(hosted, asked.who, "write"):
        return _no(403, "Forbidden")
    if "base" in said and not hosted.tip(said["base"]):
        return _no(404, "new base does not exist")
    state: Literal["open", "closed"] | None = said.get("state")
    if state == "open" and thread.state == "closed":
        if not hosted.tip(thread.head):
            return _no(412, "cannot change state of this pull request, its branch is gone")
        server.forge.settle(hosted, thread, "open", _me(asked).login)
        thread.head_commit = hosted.tip(thread.head)
    elif state == "closed" and thread.state == "open":
        server.forge.settle(hosted, thread, "closed", _me(asked).login)
    thread.title, thread.body = said.get("title", thread.title), said.get("body", thread.body)
    thread.base, thread.draft = said.get("base", thread.base), bool(_WIP.match(thread.title))
    thread.updated = server.forge.now()
    return Answer(201, pull(server, hosted, thread))


def _merge(server: ForgeServer, asked: Asked, hosted: Hosted, thread: Thread) -> Answer:
    if not server.forge.allowed(hosted, asked.who, "write"):
        return _no(405, "User not allowed to merge PR")
    if thread.state != "open":
        return _no(404 if thread.state == "closed" else 405, "")
    if thread.draft:
        return _no(405, "Work in progress PRs cannot be merged")
    if asked.json.get("head_commit_id", thread.head_commit) != thread.head_commit:
        return _no(409, "head out of date")
    if hosted.conflicts(thread):
        return _no(405, "Please try again later")
    server.forge.settle(hosted, thread, "merged", _me(asked).login)
    return Answer(200)


def _files(server: ForgeServer, asked: Asked, hosted: Hosted, thread: Thread) -> Answer:
    base = hosted.git("merge-base", hosted.tip(thread.base), thread.head_commit)
    lines = hosted.git("diff", "--name-status", base, thread.head_commit).splitlines()
    words = {"A": "added", "D": "deleted", "M": "changed"}
    return _paged(asked, [{"filename": line[2:], "status": words.get(line[0], "changed")} for line in lines])


def _ask(server: ForgeServer, asked: Asked, hosted: Hosted, thread: Thread) -> Answer:
    for login in asked.json.get("reviewers", []):
        if login not in hosted.access:
            return _no(404, f"user '{login}' does not exist")
        thread.reviewers.append(login)
    if asked.json.get("team_reviewers"):
        return _no(422, "this is no repository of an organisation")
    return Answer(201, [])


def _reviews(server: ForgeServer, asked: Asked, hosted: Hosted, thread: Thread) -> Answer:
    return _paged(asked, [review(server, hosted, thread, said) for said in thread.said if said.kind == "review"])


def _judge(server: ForgeServer, asked: Asked, hosted: Hosted, thread: Thread) -> Answer:
    said = asked.json
    remarks = [(one["path"], one["new_position"], one["body"]) for one in said.get("comments", [])]
    made = server.forge.judge(hosted, thread, _me(asked).login, said["body"], remarks)
    return Answer(200, review(server, hosted, thread, made))


def _beside(server: ForgeServer, asked: Asked, hosted: Hosted, thread: Thread) -> Answer:
    mine = [said for said in thread.said if said.kind == "line" and said.review == int(asked.parts[3])]
    return Answer(data=[beside(server, hosted, thread, said) for said in mine])


def _comments(server: ForgeServer, asked: Asked, hosted: Hosted, thread: Thread) -> Answer:
    return Answer(data=[comment(server, hosted, thread, said) for said in thread.said if said.kind == "comment"])


def _write(server: ForgeServer, asked: Asked, hosted: Hosted, thread: Thread) -> Answer:
    said = server.forge.say(hosted, thread, _me(asked).login, asked.json["body"])
    return Answer(201, comment(server, hosted, thread, said))


def _rewrite(server: ForgeServer, asked: Asked, hosted: Hosted) -> Answer:
    found = hosted.remark(int(asked.parts[2]))
    if found is None:
        return _no(404, "The target couldn't be found.")
    if found[1].author != _me(asked).login:
        return _no(403, "Forbidden")
    found[1].body = asked.json["body"]
    return Answer(data=comment(server, hosted, *found))


def _react(server: ForgeServer, asked: Asked, hosted: Hosted, thread: Thread) -> Answer:
    return _reacted(server, asked, thread.reactions)


def _react_to(server: ForgeServer, asked: Asked, hosted: Hosted) -> Answer:
    found = hosted.remark(int(asked.parts[2]))
    return _no(404, "The target couldn't be found.") if found is None else _reacted(server, asked, found[1].reactions)


def _reacted(server: ForgeServer, asked: Asked, there: list[tuple[str, str]]) -> Answer:
    mine = (_me(asked).login, asked.json["content"])
    if mine[1] not in _REACTIONS:
        return _no(403, "not an allowed reaction")
    if mine in there:
        return Answer(200, {"content": mine[1], "user": user(server, mine[0])})
    there.append(mine)
    return Answer(201, {"content": mine[1], "user": user(server, mine[0])})


def _status(server: ForgeServer, said: Mapping[str, Any]) -> dict[str, Any]:
    return {
        "id": said["id"], "context": said["name"], "status": said["state"], "description": said["summary"],
        "target_url": said["url"], "creator": user(server, said["author"]), "created_at": said.get("at", ""),
    }  # fmt: skip


def _statuses(server: ForgeServer, asked: Asked, hosted: Hosted) -> Answer:
    known = [said for said in hosted.statuses if said["sha"] == asked.parts[2]]
    ran = [news.run_status(server, hosted, run) for run in reversed(hosted.runs) if run.commit == asked.parts[2]]
    return _paged(asked, [*ran, *(_status(server, said) for said in reversed(known))])


def _set_status(server: ForgeServer, asked: Asked, hosted: Hosted) -> Answer:
    said = asked.json
    if not hosted.tip(asked.parts[2]):
        return _no(404, "The target couldn't be found.")
    made = {
        "id": server.forge.next_id(), "sha": unquote(asked.parts[2]), "name": said["context"], "state": said["state"],
        "summary": said["description"], "text": "", "url": said["target_url"], "author": _me(asked).login, "run": False,
    }  # fmt: skip
    hosted.statuses.append(made)
    return Answer(201, _status(server, made))
