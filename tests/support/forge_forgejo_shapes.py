"""What a fake Forgejo answers: its state in the shapes of Forgejo's API."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any
from zlib import crc32

from tests.support.forge_server import ForgeServer
from tests.support.forge_state import Hosted, Said, Thread


def user(server: ForgeServer, login: str) -> dict[str, Any]:
    """Somebody."""
    known = server.forge.named(login)
    return {"id": known.number if known else 0, "login": login, "full_name": login, "email": f"{login}@example.org"}


def repository(server: ForgeServer, hosted: Hosted) -> dict[str, Any]:
    """A repository."""
    return {
        "id": hosted.number, "name": hosted.slug.rpartition("/")[2], "full_name": hosted.slug,
        "owner": user(server, hosted.slug.partition("/")[0]), "default_branch": hosted.default_branch,
        "archived": hosted.archived, "html_url": f"{server.web}/{hosted.slug}", "clone_url": server.url(hosted.slug),
        "default_merge_style": "merge", "allow_merge_commits": True, "private": True,
    }  # fmt: skip


def label(hosted: Hosted, name: str) -> dict[str, Any]:
    """A label; its id is the same each time."""
    return {"id": crc32(f"{hosted.number} {name}".encode()), "name": name, "color": "5c6f82"}


def pull(
    server: ForgeServer, hosted: Hosted, thread: Thread, branches: Mapping[str, str] | None = None
) -> dict[str, Any]:
    """A pull request. In a list, which gives the branches, whether it can be merged is not worked out."""
    here = repository(server, hosted)
    mergeable = thread.state == "open" and not thread.draft and (branches is not None or not hosted.conflicts(thread))
    tips = hosted.branches() if branches is None else branches
    gone, base = thread.head not in tips, tips.get(thread.base, thread.base_commit)
    found: dict[str, Any] = {
        "id": 10_000 + thread.number, "number": thread.number, "title": thread.title, "body": thread.body,
        "state": "open" if thread.state == "open" else "closed", "merged": thread.state == "merged",
        "draft": thread.draft, "mergeable": mergeable, "user": user(server, thread.author),
        "labels": [label(hosted, name) for name in thread.labels],
        "requested_reviewers": [user(server, login) for login in thread.reviewers],
        "html_url": f"{server.web}/{hosted.slug}/pulls/{thread.number}",
        "created_at": thread.created, "updated_at": thread.updated,
        "head": {
            "label": thread.head, "ref": f"refs/pull/{thread.number}/head" if gone else thread.head,
            "sha": thread.head_commit, "repo_id": hosted.number, "repo": here,
        },
        "base": {
            "label": thread.base, "ref": thread.base, "sha": base, "repo_id": hosted.number,
            "repo": here,
        },
    }  # fmt: skip
    return found | ({"merge_commit_sha": thread.merge_commit} if thread.merge_commit else {})


def issue(server: ForgeServer, hosted: Hosted, thread: Thread) -> dict[str, Any]:
    """An issue; a pull request is one too."""
    found: dict[str, Any] = {
        "id": 20_000 + thread.number, "number": thread.number, "title": thread.title, "body": thread.body,
        "state": "open" if thread.state == "open" else "closed", "user": user(server, thread.author),
        "labels": [label(hosted, name) for name in thread.labels],
        "assignees": [user(server, login) for login in thread.assignees],
        "html_url": f"{server.web}/{hosted.slug}/issues/{thread.number}", "created_at": thread.created,
        "updated_at": thread.updated, "comments": sum(one.kind == "comment" for one in thread.said),
    }  # fmt: skip
    return found | ({"pull_request": {"merged": thread.state == "merged"}} if thread.head else {})


def _address(server: ForgeServer, hosted: Hosted, thread: Thread, said: Said) -> str:
    return (
        f"{server.web}/{hosted.slug}/{'pulls' if thread.head else 'issues'}/{thread.number}#issuecomment-{said.number}"
    )


def comment(server: ForgeServer, hosted: Hosted, thread: Thread, said: Said) -> dict[str, Any]:
    """A remark."""
    return {
        "id": said.number, "body": said.body, "user": user(server, said.author), "created_at": said.created,
        "updated_at": said.created, "html_url": _address(server, hosted, thread, said),
    }  # fmt: skip


def review(server: ForgeServer, hosted: Hosted, thread: Thread, said: Said) -> dict[str, Any]:
    """A review."""
    return {
        "id": said.number, "body": said.body, "user": user(server, said.author), "commit_id": said.commit,
        "state": {"COMMENTED": "COMMENT", "CHANGES_REQUESTED": "REQUEST_CHANGES"}.get(said.state, said.state),
        "comments_count": sum(1 for other in thread.said if other.review == said.number),
        "submitted_at": said.created, "html_url": _address(server, hosted, thread, said),
    }  # fmt: skip


def beside(server: ForgeServer, hosted: Hosted, thread: Thread, said: Said) -> dict[str, Any]:
    """A remark beside a line."""
    return {
        **comment(server, hosted, thread, said), "path": said.path, "position": said.line, "original_position": 0,
        "commit_id": said.commit, "pull_request_review_id": said.review,
    }  # fmt: skip
