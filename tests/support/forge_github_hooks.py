"""What the fake GitHub tells by webhooks."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from tests.support import forge_github_shapes as shapes
from tests.support.forge_github_news import check_run
from tests.support.forge_server import ForgeServer
from tests.support.forge_state import Hosted, Said, Thread


def payloads(
    server: ForgeServer, what: str, hosted: Hosted, thread: Thread | None, more: dict[str, Any]
) -> Sequence[tuple[str, Any]]:
    """The events and their payloads that something makes."""
    if what == "ran":
        where = {"repository": shapes.repository(server, hosted, "repository"), "sender": shapes.user(server, "ci")}
        return [("check_run", {**where, "action": "completed", "check_run": check_run(server, hosted, more["run"])})]
    if thread is None:
        return []
    payload: dict[str, Any] = {
        "repository": shapes.repository(server, hosted, "repository"),
        "sender": shapes.user(server, more.get("sender") or thread.author),
    }
    about = "pull_request" if thread.head else "issue"
    shown = (shapes.pull if thread.head else shapes.issue)(server, hosted, thread)
    actions = {
        "opened": "opened", "closed": "closed", "reopened": "reopened", "synchronised": "synchronize",
        "labelled": "labeled", "assigned": "assigned",
    }  # fmt: skip
    if what in actions:
        payload |= {"action": actions[what], "number": thread.number, about: shown}
        if "label" in more:
            payload["label"] = shapes.label(more["label"])
        if "assignee" in more:
            payload["assignee"] = shapes.user(server, more["assignee"])
        return [("pull_request" if thread.head else "issues", payload)]
    if what == "said":
        below = shapes.issue(server, hosted, thread)
        comment = shapes.said(server, hosted, thread, more["said"])
        return [("issue_comment", {**payload, "action": "created", "issue": below, "comment": comment})]
    if what == "judged":
        return list(_judged(server, hosted, thread, more["said"], {**payload, about: shown}))
    return []


def _judged(
    server: ForgeServer, hosted: Hosted, thread: Thread, review: Said, payload: dict[str, Any]
) -> Sequence[tuple[str, Any]]:
    own = shapes.said(server, hosted, thread, review)
    own["state"] = own["state"].lower()
    sent: list[tuple[str, Any]] = [("pull_request_review", {**payload, "action": "submitted", "review": own})]
    for one in thread.said:
        if one.review == review.number:
            comment = shapes.said(server, hosted, thread, one)
            sent.append(("pull_request_review_comment", {**payload, "action": "created", "comment": comment}))
    return sent
