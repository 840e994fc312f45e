"""How a fake forge speaks GitLab: projects by id and by path, merge requests and issues that are numbered apart, notes,
discussions, awards, statuses, members, and webhooks with a secret token.

The shapes are those of `tests/forges/openapi/gitlab.json`; only fields that it has are answered.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from typing import Any
from urllib.parse import urlencode

from tests.support import forge_gitlab_news as news
from tests.support.forge_gitlab_diffs import diffs, sides
from tests.support.forge_gitlab_hooks import deliveries, iid
from tests.support.forge_server import Answer, Asked, ForgeServer, Route
from tests.support.forge_state import Hosted, Person, Said, Thread

_LEVELS = {"read": 20, "write": 30, "admin": 40}
_DRAFT = re.compile(r"(?i)^(?:draft:|\[draft\]|\(draft\))\s*")
_QUICK = re.compile(r"^/(?:merge|close|approve|assign|label|title|draft|ready)\b", re.MULTILINE)
_EMOJI = {"eyes", "thumbsup", "thumbsdown", "rocket", "confused"}

Local = Callable[[ForgeServer, Asked, Hosted], Answer]
Threaded = Callable[[ForgeServer, Asked, Hosted, Thread], Answer]


class GitLabDialect:
    """As GitLab's API, version 4."""

    prefix = "/api/v4"

    def routes(self) -> Sequence[Route]:
        """Its API."""
        project, notes = r"/projects/([^/]+)", r"/projects/([^/]+)/(issues|merge_requests)/(\d+)"
        return [
            ("GET", "/user", lambda server, asked: Answer(data=person(server, _me(asked)) | {"bot": False})),
            ("GET", "/users", _users),
            ("GET", project, _in("read", lambda server, asked, hosted: Answer(data=shown_project(server, hosted)))),
            ("GET", rf"{project}/repository/branches/([^/]+)", _in("read", _branch)),
            ("GET", rf"{project}/repository/compare", _in("read", _compare)),
            ("GET", rf"{project}/repository/commits/([^/]+)/statuses", _in("read", _statuses)),
            ("POST", rf"{project}/statuses/([^/]+)", _in("write", _set_status)),
            ("GET", rf"{project}/protected_branches", _in("read", _protections)),
            ("GET", rf"{project}/members/all/(\d+)", _in("read", _member)),
            ("GET", rf"{project}/issues", _in("read", _issues)),
            ("GET", rf"{project}/pipelines", _in("read", _pipelines)),
            ("GET", rf"{project}/pipelines/(\d+)/jobs", _in("read", _jobs)),
            ("GET", rf"{project}/(issues)/(\d+)/resource_label_events", _threaded(_label_events)),
            ("GET", rf"{project}/merge_requests", _in("read", _requests)),
            ("POST", rf"{project}/merge_requests", _in("write", _open)),
            ("GET", notes, _threaded(lambda server, asked, hosted, thread: Answer(data=shown(server, hosted, thread)))),
            ("PUT", rf"{project}/(merge_requests)/(\d+)", _threaded(_edit)),
            ("PUT", rf"{project}/(merge_requests)/(\d+)/merge", _threaded(_merge)),
            ("GET", rf"{project}/(merge_requests)/(\d+)/versions", _threaded(_versions)),
            ("GET", rf"{project}/(merge_requests)/(\d+)/versions/(\d+)", _threaded(_version)),
            ("POST", rf"{project}/(merge_requests)/(\d+)/discussions", _threaded(_discuss)),
            ("GET", rf"{notes}/notes", _threaded(_notes)),
            ("POST", rf"{notes}/notes", _threaded(_write)),
            ("PUT", rf"{notes}/notes/(\d+)", _threaded(_rewrite)),
            ("GET", rf"{notes}(?:/notes/(\d+))?/award_emoji", _threaded(_awards)),
            ("POST", rf"{notes}(?:/notes/(\d+))?/award_emoji", _threaded(_award)),
        ]

    def refusal(self, status: int, words: str) -> Any:
        """The body of an error."""
        return {"message": f"{status} {words}"}

    def deliveries(
        self, server: ForgeServer, happened: tuple[str, Hosted, Thread | None, dict[str, Any]]
    ) -> Sequence[tuple[str, Any]]:
        """The webhooks that this makes."""
        return deliveries(server, happened)

    def signed(self, secret: str, event: str, delivery: str, body: bytes) -> Mapping[str, str]:
        """GitLab does not sign: it sends the secret itself."""
        return {"X-Gitlab-Event": event, "X-Gitlab-Token": secret, "X-Gitlab-Event-UUID": delivery}


def _me(asked: Asked) -> Person:
    assert asked.who is not None
    return asked.who


def no(status: int, words: Any) -> Answer:
    """An error."""
    return Answer(status, {"message": words if isinstance(words, list | dict) else f"{status} {words}"})


def _named(server: ForgeServer, asked: Asked, level: str) -> Hosted | Answer:
    """The project that a call is about; what is answered where there is none for them."""
    name = asked.parts[0]
    moved = server.forge.moved.get(name.lower())
    hosted = server.find(moved or name)
    if name.isdigit():
        hosted = next((one for one in server.forge.repositories.values() if one.number == int(name)), None)
    if hosted is None or not server.forge.allowed(hosted, asked.who, "read"):
        return no(404, "Project Not Found")
    if moved is not None:
        if asked.method != "GET":
            return no(405, "Non GET methods are not allowed for moved projects")
        rest = re.sub(r"^/api/v4/projects/[^/]+", f"{server.web}/api/v4/projects/{hosted.number}", asked.path)
        return Answer(301, {}, {"Location": f"{rest}?{urlencode(asked.query)}" if asked.query else rest})
    if not server.forge.allowed(hosted, asked.who, level):
        return no(403, "Forbidden")
    if asked.method != "GET" and hosted.archived:
        return no(403, "Forbidden")
    return hosted


def _in(level: str, handler: Local) -> Callable[[ForgeServer, Asked], Answer]:
    """A call about a project."""

    def handle(server: ForgeServer, asked: Asked) -> Answer:
        hosted = _named(server, asked, level)
        return hosted if isinstance(hosted, Answer) else handler(server, asked, hosted)

    return handle


def _threaded(handler: Threaded) -> Callable[[ForgeServer, Asked], Answer]:
    """A call about an issue or a merge request."""

    def inside(server: ForgeServer, asked: Asked, hosted: Hosted) -> Answer:
        of_kind = [t for t in hosted.threads.values() if bool(t.head) == (asked.parts[1] == "merge_requests")]
        number = int(asked.parts[2])
        if not 1 <= number <= len(of_kind):
            return no(404, "Not found")
        return handler(server, asked, hosted, of_kind[number - 1])

    return _in("read", inside)


def person(server: ForgeServer, who: Person | str) -> dict[str, Any]:
    """Somebody, as GitLab shows them."""
    login = who if isinstance(who, str) else who.login
    known = server.forge.named(login)
    return {
        "id": known.number if known else 0, "username": login, "name": login, "state": "active",
        "avatar_url": "", "web_url": f"{server.web}/{login}",
    }  # fmt: skip


def shown_project(server: ForgeServer, hosted: Hosted) -> dict[str, Any]:
    """A project, as GitLab shows it."""
    return {
        "id": hosted.number, "path_with_namespace": hosted.slug, "name": hosted.slug.rpartition("/")[2],
        "path": hosted.slug.rpartition("/")[2], "default_branch": hosted.default_branch, "archived": hosted.archived,
        "visibility": "private", "web_url": f"{server.web}/{hosted.slug}", "merge_method": "merge",
        "http_url_to_repo": server.url(hosted.slug), "star_count": 0,
    }  # fmt: skip


def request(server: ForgeServer, hosted: Hosted, thread: Thread, *, alone: bool = True) -> dict[str, Any]:
    """A merge request, as GitLab shows it in a list, where it does not look for conflicts anew, or alone."""
    number, conflict = iid(hosted, thread), alone and thread.state == "open" and bool(hosted.conflicts(thread))
    state = {"open": "opened"}.get(thread.state, thread.state)
    status = "not_open" if state != "opened" else "draft_status" if thread.draft else "mergeable"
    found = {
        "id": 10_000 + thread.number, "iid": number, "project_id": hosted.number, "title": thread.title,
        "description": thread.body, "state": state, "draft": thread.draft, "author": person(server, thread.author),
        "source_branch": thread.head, "target_branch": thread.base, "source_project_id": hosted.number,
        "target_project_id": hosted.number, "sha": thread.head_commit, "labels": list(thread.labels),
        "merge_commit_sha": thread.merge_commit or None, "squash_commit_sha": None, "has_conflicts": conflict,
        "merge_status": "cannot_be_merged" if conflict else "can_be_merged",
        "detailed_merge_status": "broken_status" if conflict else status,
        "reviewers": [person(server, login) for login in thread.reviewers], "created_at": thread.created,
        "updated_at": thread.updated, "web_url": f"{server.web}/{hosted.slug}/-/merge_requests/{number}",
    }  # fmt: skip
    if alone:
        start = hosted.tip(thread.base) or thread.base_commit
        base = hosted.git("merge-base", start, thread.head_commit, check=False)
        found["diff_refs"] = {"base_sha": base, "start_sha": start, "head_sha": thread.head_commit}
        found["subscribed"] = False
    return found


def issue(server: ForgeServer, hosted: Hosted, thread: Thread) -> dict[str, Any]:
    """An issue, as GitLab shows it."""
    number = iid(hosted, thread)
    return {
        "id": 20_000 + thread.number, "iid": number, "project_id": hosted.number, "title": thread.title,
        "description": thread.body, "state": "opened" if thread.state == "open" else "closed",
        "author": person(server, thread.author), "labels": list(thread.labels),
        "user_notes_count": len(thread.said),
        "assignees": [person(server, login) for login in thread.assignees], "created_at": thread.created,
        "updated_at": thread.updated, "web_url": f"{server.web}/{hosted.slug}/-/issues/{number}",
    }  # fmt: skip


def shown(server: ForgeServer, hosted: Hosted, thread: Thread) -> dict[str, Any]:
    """Whichever it is."""
    return request(server, hosted, thread) if thread.head else issue(server, hosted, thread)


def note(server: ForgeServer, hosted: Hosted, thread: Thread, said: Said) -> dict[str, Any]:
    """A note, as GitLab shows it."""
    found: dict[str, Any] = {
        "id": said.number, "type": "DiffNote" if said.path else None, "body": said.body,
        "author": person(server, said.author), "created_at": said.created, "updated_at": said.created,
        "system": said.kind == "note", "noteable_type": "MergeRequest" if thread.head else "Issue",
        "noteable_iid": iid(hosted, thread), "project_id": hosted.number, "resolvable": bool(said.path),
    }  # fmt: skip
    if said.path:
        found["position"] = {
            "position_type": "text", "base_sha": thread.base_commit, "start_sha": thread.base_commit,
            "head_sha": said.commit, "new_path": said.path, "old_path": said.path, "new_line": said.line,
        }  # fmt: skip
    return found


def _paged(asked: Asked, entries: Sequence[Any]) -> Answer:
    page, size = int(asked.query.get("page", "1")), int(asked.query.get("per_page", "20"))
    headers = {"X-Total": str(len(entries)), "X-Page": str(page)}
    if page * size < len(entries):
        query = urlencode({**asked.query, "page": page + 1, "per_page": size})
        headers["Link"] = f'<{asked.path}?{query}>; rel="next"'
    return Answer(data=list(entries[(page - 1) * size : page * size]), headers=headers)


def _users(server: ForgeServer, asked: Asked) -> Answer:
    wanted = asked.query.get("username", "").lower()
    return _paged(asked, [person(server, p) for p in server.forge.people.values() if p.login.lower() == wanted])


def _branch(server: ForgeServer, asked: Asked, hosted: Hosted) -> Answer:
    name = asked.parts[1]
    if name not in hosted.branches():
        return no(404, "Branch Not Found")
    commit = {"id": hosted.tip(name), "short_id": hosted.tip(name)[:8], "title": "", "message": ""}
    default = name == hosted.default_branch
    return Answer(data={"name": name, "commit": commit, "protected": hosted.protected(name), "default": default})


def _protections(server: ForgeServer, asked: Asked, hosted: Hosted) -> Answer:
    return _paged(asked, [{"id": i, "name": name} for i, name in enumerate(hosted.protections(), 1)])


def _compare(server: ForgeServer, asked: Asked, hosted: Hosted) -> Answer:
    old, new = hosted.tip(asked.query["from"]), hosted.tip(asked.query["to"])
    if not old or not new:
        return no(404, "Commit Not Found")
    commits = hosted.git("rev-list", f"{old}..{new}").split()
    base = hosted.git("merge-base", old, new, check=False)
    listed = [{"id": c, "short_id": c[:8], "title": ""} for c in commits]
    return Answer(data={"commits": listed, "diffs": diffs(hosted, base or old, new), "compare_same_ref": old == new})


def _member(server: ForgeServer, asked: Asked, hosted: Hosted) -> Answer:
    who = next((p for p in server.forge.people.values() if p.number == int(asked.parts[1])), None)
    level = _LEVELS.get(hosted.access.get(who.login, "")) if who else None
    if who is None or level is None:
        return no(404, "Not found")
    return Answer(data=person(server, who) | {"access_level": level, "expires_at": ""})


def _requests(server: ForgeServer, asked: Asked, hosted: Hosted) -> Answer:
    branch = asked.query.get("source_branch")
    found = [t for t in hosted.pulls if branch in (None, t.head)]
    return _paged(asked, [request(server, hosted, t, alone=False) for t in news.since(asked, found)])


def _issues(server: ForgeServer, asked: Asked, hosted: Hosted) -> Answer:
    found = news.since(asked, [t for t in hosted.threads.values() if not t.head])
    return _paged(asked, [issue(server, hosted, t) for t in found])


def _label_events(server: ForgeServer, asked: Asked, hosted: Hosted, thread: Thread) -> Answer:
    return _paged(asked, news.label_events(server, thread, person))


def _pipelines(server: ForgeServer, asked: Asked, hosted: Hosted) -> Answer:
    return _paged(asked, news.pipelines(server, asked, hosted))


def _jobs(server: ForgeServer, asked: Asked, hosted: Hosted) -> Answer:
    return _paged(asked, news.jobs(next(run for run in hosted.runs if run.number == int(asked.parts[1]))))


def _open(server: ForgeServer, asked: Asked, hosted: Hosted) -> Answer:
    said = asked.json
    head, base = said["source_branch"], said["target_branch"]
    open_ = [t for t in hosted.threads.values() if t.head == head and t.base == base and t.state == "open"]
    if open_:
        return no(409, [f"Another open merge request already exists for this source branch: !{iid(hosted, open_[0])}"])
    if not hosted.tip(head) or not hosted.tip(base):
        return no(422, "Validation failed: a branch does not exist")
    made = server.forge.open(hosted, _me(asked).login, "", head=head, base=base)
    _words(server, hosted, made, said)
    return Answer(201, request(server, hosted, made))


def _words(server: ForgeServer, hosted: Hosted, thread: Thread, said: Mapping[str, Any]) -> None:
    if "title" in said:
        thread.title = said["title"]
        thread.draft = _DRAFT.match(thread.title) is not None
    if "description" in said:
        thread.body = said["description"]
        _act(server, hosted, thread, thread.body)
    thread.base = said.get("target_branch", thread.base)
    thread.labels += [name for name in said.get("add_labels", "").split(",") if name and name not in thread.labels]
    if "reviewer_ids" in said:
        thread.reviewers = [p.login for p in server.forge.people.values() if p.number in said["reviewer_ids"]]
    thread.updated = server.forge.now()


def _act(server: ForgeServer, hosted: Hosted, thread: Thread, text: str) -> None:
    """Quick actions: a line that begins with one is carried out."""
    if _QUICK.search(text):
        thread.labels.append("a quick action was carried out")


def _edit(server: ForgeServer, asked: Asked, hosted: Hosted, thread: Thread) -> Answer:
    said = asked.json
    if not server.forge.allowed(hosted, asked.who, "write"):
        return no(403, "Forbidden")
    others = [t for t in hosted.threads.values() if t.head == thread.head and t.state == "open" and t is not thread]
    match said.get("state_event"):
        case "reopen" if others or not hosted.tip(thread.head):
            return no(422, "another one is open, or the branch is gone")
        case "reopen" if thread.state == "closed":
            server.forge.settle(hosted, thread, "open", _me(asked).login)
            thread.head_commit = hosted.tip(thread.head)
        case "close" if thread.state == "open":
            server.forge.settle(hosted, thread, "closed", _me(asked).login)
    _words(server, hosted, thread, said)
    return Answer(data=request(server, hosted, thread))


def _merge(server: ForgeServer, asked: Asked, hosted: Hosted, thread: Thread) -> Answer:
    if not server.forge.allowed(hosted, asked.who, "write"):
        return no(401, "Unauthorized")
    if thread.state != "open" or thread.draft or hosted.conflicts(thread):
        return no(405, "Method Not Allowed")
    if asked.json.get("sha", thread.head_commit) != thread.head_commit:
        return no(409, "SHA does not match HEAD of source branch")
    server.forge.settle(hosted, thread, "merged", _me(asked).login)
    return Answer(data=request(server, hosted, thread))


def _version_of(hosted: Hosted, thread: Thread) -> dict[str, Any]:
    start = hosted.tip(thread.base)
    base = hosted.git("merge-base", start, thread.head_commit, check=False)
    return {
        "id": 1, "head_commit_sha": thread.head_commit, "base_commit_sha": base, "start_commit_sha": start,
        "state": "collected", "created_at": thread.updated,
    }  # fmt: skip


def _versions(server: ForgeServer, asked: Asked, hosted: Hosted, thread: Thread) -> Answer:
    return _paged(asked, [_version_of(hosted, thread)])


def _version(server: ForgeServer, asked: Asked, hosted: Hosted, thread: Thread) -> Answer:
    found = _version_of(hosted, thread)
    return Answer(data={**found, "diffs": diffs(hosted, found["base_commit_sha"], found["head_commit_sha"])})


def _discuss(server: ForgeServer, asked: Asked, hosted: Hosted, thread: Thread) -> Answer:
    said, place = asked.json, asked.json["position"]
    text = next((d["diff"] for d in diffs(hosted, place["base_sha"], place["head_sha"])
                 if d["new_path"] == place["new_path"]), "")  # fmt: skip
    known = sides(text)
    if known.get(place["new_line"]) != place.get("old_line", 0):
        return no(400, 'Bad request - Note {:line_code=>["can\'t be blank", "must be a valid line code"]}')
    made = Said(
        server.forge.next_id(), "line", _me(asked).login, said["body"], server.forge.now(), place["new_path"],
        place["new_line"], place["head_sha"],
    )  # fmt: skip
    _act(server, hosted, thread, made.body)
    thread.said.append(made)
    return Answer(201, {"id": f"{made.number:040x}", "individual_note": False, "notes": []})


def _notes(server: ForgeServer, asked: Asked, hosted: Hosted, thread: Thread) -> Answer:
    own = [news.noted(one) for one in thread.given if one.what == "assigned"]
    every = sorted([*thread.said, *own], key=lambda said: said.created)
    listed = every if asked.query.get("sort") == "asc" else list(reversed(every))
    return _paged(asked, [note(server, hosted, thread, said) for said in listed])


def _write(server: ForgeServer, asked: Asked, hosted: Hosted, thread: Thread) -> Answer:
    said = server.forge.say(hosted, thread, _me(asked).login, asked.json["body"])
    _act(server, hosted, thread, said.body)
    return Answer(201, note(server, hosted, thread, said))


def _rewrite(server: ForgeServer, asked: Asked, hosted: Hosted, thread: Thread) -> Answer:
    found = next((said for said in thread.said if said.number == int(asked.parts[3])), None)
    if found is None:
        return no(404, "Note Not Found")
    if found.author != _me(asked).login:
        return no(403, "Forbidden")
    found.body = asked.json["body"]
    return Answer(data=note(server, hosted, thread, found))


def _awarded(asked: Asked, thread: Thread) -> list[tuple[str, str]] | None:
    if not asked.parts[3]:
        return thread.reactions
    return next((said.reactions for said in thread.said if said.number == int(asked.parts[3])), None)


def _awards(server: ForgeServer, asked: Asked, hosted: Hosted, thread: Thread) -> Answer:
    there = _awarded(asked, thread)
    if there is None:
        return no(404, "Not found")
    return _paged(asked, [{"id": i, "name": n, "user": person(server, who)} for i, (who, n) in enumerate(there, 1)])


def _award(server: ForgeServer, asked: Asked, hosted: Hosted, thread: Thread) -> Answer:
    there, name = _awarded(asked, thread), asked.json["name"]
    if there is None or name not in _EMOJI or (_me(asked).login, name) in there:
        return no(404, "Award Emoji Name has already been taken" if there else "Not found")
    there.append((_me(asked).login, name))
    return Answer(201, {"id": len(there), "name": name, "user": person(server, _me(asked))})


def _statuses(server: ForgeServer, asked: Asked, hosted: Hosted) -> Answer:
    name = asked.query.get("name")
    known = [s for s in hosted.statuses if s["sha"] == asked.parts[1] and name in (None, s["name"])]
    return _paged(asked, [_status(server, s) for s in known])


def _status(server: ForgeServer, said: Mapping[str, Any]) -> dict[str, Any]:
    found = {
        "id": said["id"], "sha": said["sha"], "name": said["name"], "status": said["state"],
        "description": said["summary"], "author": person(server, said["author"]),
    }  # fmt: skip
    return found | ({"target_url": said["url"]} if said["url"] else {})


def _set_status(server: ForgeServer, asked: Asked, hosted: Hosted) -> Answer:
    said = asked.json
    sha, state, name = asked.parts[1], said["state"], said.get("name", "default")
    if not hosted.tip(sha):
        return no(404, "Commit Not Found")
    mine = [s for s in hosted.statuses if (s["sha"], s["name"]) == (sha, name)]
    if mine and mine[-1]["state"] == state == "pending":
        words = (
            'Cannot transition status via :enqueue from :pending (Reason(s): Status cannot transition via "enqueue")'
        )
        return no(400, words)
    if mine and mine[-1]["state"] == "pending":
        hosted.statuses.remove(mine[-1])
    made = {
        "id": server.forge.next_id(), "sha": sha, "name": name, "state": state, "summary": said.get("description", ""),
        "text": "", "url": said.get("target_url", ""), "author": _me(asked).login, "run": False,
    }  # fmt: skip
    hosted.statuses.append(made)
    return Answer(201, _status(server, made))
