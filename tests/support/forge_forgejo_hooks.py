"""The webhooks that a fake Forgejo sends, in the shape of its own sources' payloads."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from tests.support.forge_forgejo_news import run_status
from tests.support.forge_forgejo_shapes import comment, issue, pull, repository, user
from tests.support.forge_server import ForgeServer
from tests.support.forge_state import Hosted, Thread

_ISSUES = {
    "opened": ("issues", "opened"), "closed": ("issues", "closed"), "reopened": ("issues", "reopened"),
    "labelled": ("issue_label", "label_updated"), "assigned": ("issue_assign", "assigned"),
}  # fmt: skip
_PULLS = {
    "opened": ("pull_request", "opened"), "closed": ("pull_request", "closed"),
    "reopened": ("pull_request", "reopened"), "labelled": ("pull_request_label", "label_updated"),
    "assigned": ("pull_request_assign", "assigned"), "synchronised": ("pull_request_sync", "synchronized"),
    "ready": ("pull_request", "edited"),
}  # fmt: skip


def deliveries(
    server: ForgeServer, happened: tuple[str, Hosted, Thread | None, dict[str, Any]]
) -> Sequence[tuple[str, Any]]:
    """The event's name and its payload."""
    what, hosted, thread, more = happened
    if what == "ran":
        run = more["run"]
        status = {**run_status(server, hosted, run), "id": run.number, "sha": run.commit, "created_at": run.at}
        told = {"state": status.pop("status"), "repository": repository(server, hosted), "sender": user(server, "ci")}
        return [("status", {**status, **told})]
    if thread is None:
        return []
    sender = more.get("sender") or thread.author
    about = {"repository": repository(server, hosted), "sender": user(server, sender)}
    key = "pull_request" if thread.head else "issue"
    shape = pull(server, hosted, thread) if thread.head else issue(server, hosted, thread)
    if what == "said":
        said = comment(server, hosted, thread, more["said"])
        told = {
            "action": "created",
            "issue": issue(server, hosted, thread),
            "comment": said,
            "is_pull": bool(thread.head),
        }
        return [("issue_comment", {**about, **told})]
    if what == "judged":
        verdict = "rejected" if more["said"].state == "CHANGES_REQUESTED" else "comment"
        review = {"type": f"pull_request_review_{verdict}", "content": more["said"].body}
        told = {"action": "reviewed", "number": thread.number, "pull_request": shape, "review": review}
        return [(f"pull_request_{verdict}", {**about, **told})]
    known = (_PULLS if thread.head else _ISSUES).get(what)
    if known is None:
        return []
    return [(known[0], {**about, "action": known[1], "number": thread.number, key: shape})]
