"""What the fake GitHub answers with, as GitHub's own description has it: what we say, and plain values for all that it
asks for beside."""

from __future__ import annotations

import json
from functools import cache
from pathlib import Path
from typing import Any

from tests.support.forge_server import ForgeServer
from tests.support.forge_state import Hosted, Said, Thread

DESCRIPTION = Path(__file__).parents[1] / "forges" / "openapi" / "github.json"
WHEN = "2026-01-01T00:00:00Z"


@cache
def description() -> dict[str, Any]:
    """The part of it that we use."""
    read: dict[str, Any] = json.loads(DESCRIPTION.read_text())
    return read


def full(name: str, /, **known: Any) -> dict[str, Any]:
    """An answer of that shape (`components/schemas/NAME`): what is known, and all else that it must have."""
    return {**_plain(name), **known}


@cache
def _plain(name: str) -> dict[str, Any]:
    """Plain values for a shape; made once, and never changed."""
    filled = _filled({**description()["components"]["schemas"][name], "nullable": False})
    assert isinstance(filled, dict)
    return filled


def _filled(schema: dict[str, Any]) -> Any:
    if "$ref" in schema:
        return _filled(description()["components"]["schemas"][schema["$ref"].rpartition("/")[2]])
    if "enum" in schema:
        return schema["enum"][0]
    for several in ("oneOf", "anyOf"):
        if several in schema and "properties" not in schema:
            return _filled(schema[several][0])
    if schema.get("nullable"):
        return None
    if "allOf" in schema:
        parts = [_filled(part) for part in schema["allOf"]]
        return {key: value for part in parts for key, value in part.items()} if isinstance(parts[0], dict) else parts[0]
    if "properties" in schema or schema.get("type") == "object":
        properties = schema.get("properties", {})
        return {key: _filled(properties.get(key, {})) for key in schema.get("required", ())}
    if schema.get("type") == "string":
        return {"uri": "http://localhost/", "date-time": WHEN, "date": WHEN[:10]}.get(schema.get("format", ""), "x")
    return {"integer": 0, "number": 0, "boolean": False, "array": []}.get(schema.get("type", ""))


def user(server: ForgeServer, login: str) -> dict[str, Any]:
    """Somebody."""
    person = server.forge.named(login)
    kind = "Bot" if login.endswith("[bot]") else "User"
    return full("simple-user", login=login, id=person.number if person else 1, type=kind)


def repository(server: ForgeServer, hosted: Hosted, shape: str = "full-repository") -> dict[str, Any]:
    """A repository."""
    owner, _, name = hosted.slug.partition("/")
    return full(
        shape, id=hosted.number, name=name, full_name=hosted.slug, owner=user(server, owner),
        default_branch=hosted.default_branch, archived=hosted.archived, clone_url=server.url(hosted.slug),
        html_url=f"{server.web}/{hosted.slug}", allow_merge_commit="merge" in hosted.merge_ways,
        allow_squash_merge="squash" in hosted.merge_ways, allow_rebase_merge="rebase" in hosted.merge_ways,
    )  # fmt: skip


def label(name: str) -> dict[str, Any]:
    """A label."""
    return full("label", name=name, color="ededed", description="")


def pull(server: ForgeServer, hosted: Hosted, thread: Thread, *, alone: bool = True) -> dict[str, Any]:
    """A pull request: `alone`, or as lists have it."""
    owner = hosted.slug.partition("/")[0]
    there = repository(server, hosted, "repository")

    def end(ref: str, sha: str) -> dict[str, Any]:
        return {"ref": ref, "sha": sha, "label": f"{owner}:{ref}", "repo": there, "user": user(server, owner)}

    merged = thread.state == "merged"
    known: dict[str, Any] = {
        "number": thread.number, "id": thread.number, "node_id": f"PR_{hosted.number}_{thread.number}",
        "state": "open" if thread.state == "open" else "closed", "title": thread.title, "body": thread.body,
        "draft": thread.draft, "html_url": f"{server.web}/{hosted.slug}/pull/{thread.number}",
        "user": user(server, thread.author), "created_at": thread.created, "updated_at": thread.updated,
        "merged_at": thread.updated if merged else None,
        "closed_at": None if thread.state == "open" else thread.updated,
        "merge_commit_sha": thread.merge_commit or None, "head": end(thread.head, thread.head_commit),
        "base": end(thread.base, hosted.tip(thread.base) or thread.base_commit),
        "labels": [label(name) for name in thread.labels],
        "requested_reviewers": [user(server, login) for login in thread.reviewers],
    }  # fmt: skip
    if not alone:
        return full("pull-request-simple", **known)
    can = thread.state == "open" and not hosted.conflicts(thread)
    return full(
        "pull-request", **known, merged=merged, mergeable=can, mergeable_state="clean" if can else "dirty", commits=1,
        changed_files=1,
    )  # fmt: skip


def issue(server: ForgeServer, hosted: Hosted, thread: Thread) -> dict[str, Any]:
    """An issue, or a pull request seen as one."""
    known: dict[str, Any] = {
        "number": thread.number, "id": thread.number, "title": thread.title, "body": thread.body,
        "state": "open" if thread.state == "open" else "closed", "user": user(server, thread.author),
        "labels": [label(name) for name in thread.labels], "created_at": thread.created, "updated_at": thread.updated,
        "assignees": [user(server, login) for login in thread.assignees], "draft": thread.draft,
        "comments": sum(one.kind == "comment" for one in thread.said),
        "html_url": f"{server.web}/{hosted.slug}/{'pull' if thread.head else 'issues'}/{thread.number}",
    }  # fmt: skip
    if thread.head:
        known["pull_request"] = {"url": "", "html_url": known["html_url"], "diff_url": "", "patch_url": ""}
    return full("issue", **known)


def said(server: ForgeServer, hosted: Hosted, thread: Thread, one: Said) -> dict[str, Any]:
    """A remark, by its kind."""
    page = f"{server.web}/{hosted.slug}/{'pull' if thread.head else 'issues'}/{thread.number}"
    known: dict[str, Any] = {"id": one.number, "body": one.body, "user": user(server, one.author)}
    if one.kind == "review":
        return full(
            "pull-request-review", **known, node_id=f"PRR_{one.number}", submitted_at=one.created, state=one.state,
            commit_id=one.commit, html_url=f"{page}#pullrequestreview-{one.number}",
        )  # fmt: skip
    known |= {"created_at": one.created, "updated_at": one.created}
    api = f"{server.web}/api/v3/repos/{hosted.slug}"
    if one.kind == "comment":
        about = f"{api}/issues/{thread.number}"
        return full("issue-comment", **known, issue_url=about, html_url=f"{page}#issuecomment-{one.number}")
    return full(
        "pull-request-review-comment", **known, path=one.path, line=one.line, original_line=one.line, side="RIGHT",
        commit_id=one.commit, original_commit_id=one.commit, pull_request_review_id=one.review, diff_hunk="",
        html_url=f"{page}#discussion_r{one.number}", pull_request_url=f"{api}/pulls/{thread.number}",
    )  # fmt: skip


def files(hosted: Hosted, old: str, new: str) -> list[dict[str, Any]]:
    """What has changed from where `old` and `new` part, with the differences."""
    base = hosted.git("merge-base", old, new)
    names = hosted.git("diff", "--name-only", "--no-renames", base, new).splitlines()
    found = []
    for name in names:
        patch = hosted.git("diff", "--no-renames", base, new, "--", name)
        hunks = patch[patch.index("@@") :] if "@@" in patch else ""
        found.append(full("diff-entry", filename=name, status="modified", patch=hunks, sha="0" * 40))
    return found
