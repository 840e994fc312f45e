"""The webhooks that a fake GitLab sends, in the shape of its documents: issue, merge request and note events."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from tests.support.forge_server import ForgeServer
from tests.support.forge_state import Hosted, Run, Said, Thread

_ACTIONS = {"opened": "open", "closed": "close", "reopened": "reopen", "labelled": "update", "assigned": "update",
            "synchronised": "update", "ready": "update"}  # fmt: skip


def iid(hosted: Hosted, thread: Thread) -> int:
    """Its number among those of its kind: GitLab counts issues and merge requests apart."""
    return [t.number for t in hosted.threads.values() if bool(t.head) == bool(thread.head)].index(thread.number) + 1


def deliveries(
    server: ForgeServer, happened: tuple[str, Hosted, Thread | None, dict[str, Any]]
) -> Sequence[tuple[str, Any]]:
    """The event's name and its payload; a review is one note for each of its remarks, as GitLab has no more."""
    what, hosted, thread, more = happened
    if what == "ran":
        return [_pipeline(server, hosted, more["run"])]
    if thread is None:
        return []
    if what == "said":
        return [_note(server, hosted, thread, more["said"])]
    if what == "judged":
        review = more["said"]
        return [
            _note(server, hosted, thread, said) for said in thread.said if review.number in (said.number, said.review)
        ]
    if what not in _ACTIONS:
        return []
    action = "merge" if (what, thread.state) == ("closed", "merged") else _ACTIONS[what]
    attributes = _request(hosted, thread, action) if thread.head else _issue(hosted, thread, action)
    if what == "synchronised":
        attributes["oldrev"] = more["before"]
    kind, event = ("merge_request", "Merge Request Hook") if thread.head else ("issue", "Issue Hook")
    sender = more.get("sender") or thread.author
    return [(event, {
        **_about(server, hosted, kind, sender), "object_attributes": attributes, "labels": _labels(thread),
        "assignees": [_user(server, login) for login in thread.assignees],
        "changes": _changes(server, thread, what, more),
    })]  # fmt: skip


def _pipeline(server: ForgeServer, hosted: Hosted, run: Run) -> tuple[str, Any]:
    status = "failed" if run.failed else "success"
    attributes = {
        "id": run.number, "status": status, "ref": run.branch, "sha": run.commit,
        "url": f"{server.web}/{hosted.slug}/-/pipelines/{run.number}",
    }  # fmt: skip
    job = {"id": run.number + 1, "name": run.name, "stage": "test", "status": status,
           "failure_reason": "script_failure", "allow_failure": False}  # fmt: skip
    about = _about(server, hosted, "pipeline", "ci")
    return "Pipeline Hook", {**about, "object_attributes": attributes, "merge_request": None, "builds": [job]}


def _about(server: ForgeServer, hosted: Hosted, kind: str, sender: str) -> dict[str, Any]:
    project = {
        "id": hosted.number, "name": hosted.slug.rpartition("/")[2], "path_with_namespace": hosted.slug,
        "default_branch": hosted.default_branch, "web_url": f"{server.web}/{hosted.slug}",
        "git_http_url": server.url(hosted.slug),
    }  # fmt: skip
    return {"object_kind": kind, "event_type": kind, "user": _user(server, sender), "project": project}


def _user(server: ForgeServer, login: str) -> dict[str, Any]:
    known = server.forge.named(login)
    return {"id": known.number if known else 0, "name": login, "username": login}


def _labels(thread: Thread, without: str = "") -> list[dict[str, Any]]:
    return [{"id": i, "title": name} for i, name in enumerate(thread.labels, 1) if name != without]


def _issue(hosted: Hosted, thread: Thread, action: str) -> dict[str, Any]:
    return {
        "id": 20_000 + thread.number, "iid": iid(hosted, thread), "title": thread.title, "action": action,
        "description": thread.body, "state": "opened" if thread.state == "open" else "closed",
    }  # fmt: skip


def _request(hosted: Hosted, thread: Thread, action: str) -> dict[str, Any]:
    return {
        "id": 10_000 + thread.number, "iid": iid(hosted, thread), "title": thread.title, "action": action,
        "description": thread.body, "state": {"open": "opened"}.get(thread.state, thread.state), "draft": thread.draft,
        "source_branch": thread.head, "target_branch": thread.base, "source_project_id": hosted.number,
        "target_project_id": hosted.number, "last_commit": {"id": thread.head_commit},
    }  # fmt: skip


def _changes(server: ForgeServer, thread: Thread, what: str, more: dict[str, Any]) -> dict[str, Any]:
    if what == "labelled":
        return {"labels": {"previous": _labels(thread, more["label"]), "current": _labels(thread)}}
    if what == "assigned":
        now = [_user(server, login) for login in thread.assignees]
        return {"assignees": {"previous": now[:-1], "current": now}}
    return {"draft": {"previous": True, "current": False}} if what == "ready" else {}


def _note(server: ForgeServer, hosted: Hosted, thread: Thread, said: Said) -> tuple[str, Any]:
    kind, place = ("MergeRequest", "merge_requests") if thread.head else ("Issue", "issues")
    number = iid(hosted, thread)
    attributes: dict[str, Any] = {
        "id": said.number, "note": said.body, "noteable_type": kind, "action": "create", "system": False,
        "type": "DiffNote" if said.path else None, "created_at": said.created,
        "url": f"{server.web}/{hosted.slug}/-/{place}/{number}#note_{said.number}",
    }  # fmt: skip
    if said.path:
        attributes["position"] = {"new_path": said.path, "old_path": said.path, "new_line": said.line}
    about = _request(hosted, thread, "") if thread.head else _issue(hosted, thread, "")
    del about["action"]
    key = "merge_request" if thread.head else "issue"
    return "Note Hook", {**_about(server, hosted, "note", said.author), "object_attributes": attributes, key: about}
