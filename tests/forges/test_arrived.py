"""What forges send: whose it is, and what it means here."""

from __future__ import annotations

import hashlib
import hmac
import json
from pathlib import Path
from typing import Any

import pytest

from midwatch.forges.arrived import reading, signatures
from midwatch.forges.arrived.base import Arrived, Unreadable

PAYLOADS = Path(__file__).with_name("payloads")
GITHUB = sorted(path.stem.removeprefix("github_") for path in PAYLOADS.glob("github_*.json"))
MEANS = {
    ("issues", "labeled"): "labelled", ("issues", "assigned"): "assigned", ("issue_comment", "created"): "remark",
    ("pull_request_review_comment", "created"): "remark", ("pull_request_review", "submitted"): "review",
    ("pull_request", "opened"): "opened", ("pull_request", "ready_for_review"): "ready",
    ("pull_request", "closed"): "changed", ("pull_request", "reopened"): "changed",
    ("pull_request", "synchronize"): "changed",
}  # fmt: skip


def payloads(name: str) -> list[Any]:
    found = json.loads((PAYLOADS / f"{name}.json").read_text())
    assert isinstance(found, list)
    return found


def bytes_of(payload: object) -> bytes:
    return json.dumps(payload).encode()


@pytest.mark.parametrize("event", GITHUB)
def test_every_example_of_github_is_read_and_means_what_it_says(event: str) -> None:
    examples = payloads(f"github_{event}")
    assert examples
    for payload in examples:
        found = reading.read("github", event, bytes_of(payload))
        action = payload.get("action", "")
        wanted = MEANS.get((event, action), "")
        if payload.get("pull_request", {}).get("draft") and action == "opened":
            wanted = ""
        if action in ("labeled", "assigned") and not (payload.get("label") or payload.get("assignee")):
            wanted = ""  # an old server leaves out which
        assert [one.what for one in found] == ([wanted] if wanted else []), (event, action)
        for one in found:
            assert one.slug == payload["repository"]["full_name"]
            assert one.number == payload.get("issue", payload.get("pull_request", {}))["number"]
            assert one.actor


def test_every_kind_of_delivery_of_gitlab_and_forgejo_is_read() -> None:
    for entry in payloads("gitlab"):
        found = reading.read("gitlab", "X Hook", bytes_of(entry["payload"]))
        assert [one.what for one in found] == ([entry["means"]] if entry["means"] else []), entry
        assert {one.slug for one in found} <= {"Tools/Shelf"}
    for entry in payloads("forgejo"):
        found = reading.read("forgejo", entry["event"], bytes_of(entry["payload"]))
        assert [one.what for one in found] == ([entry["means"]] if entry["means"] else []), entry


def test_what_is_told_of_runs_reviews_and_programs() -> None:
    run = payloads("github_check_run")[1]
    run["check_run"] |= {"conclusion": "failure", "output": {"title": "2 failed", "summary": None, "text": "E assert"}}
    assert reading.read("github", "check_run", bytes_of(run)) == ()  # on a branch of somebody else
    run["action"], run["check_run"]["check_suite"]["head_branch"] = "completed", "midwatch/mend-1"
    (found,) = reading.read("github", "check_run", bytes_of(run))
    assert (found.what, found.failed, found.text, found.branch) == (
        "run",
        True,
        "2 failed\n\nE assert",
        "midwatch/mend-1",
    )
    (_, pipeline) = (one["payload"] for one in payloads("gitlab") if one["payload"]["object_kind"] == "pipeline")
    assert pipeline["object_attributes"]["ref"] == "main"
    (run,) = (one["payload"] for one in payloads("gitlab") if one["means"] == "run")
    (found,) = reading.read("gitlab", "Pipeline Hook", bytes_of(run))
    assert (found.name, found.text, found.number) == ("pytest", "test: pytest: script_failure", 4)
    (bot,) = (
        one["payload"]
        for one in payloads("gitlab")
        if one["payload"].get("user", {}).get("username", "")[:8] == "project_"
    )
    assert reading.read("gitlab", "", bytes_of(bot))[0].bot
    review = payloads("github_pull_request_review")[0]
    review["review"] |= {"state": "changes_requested", "user": {"login": "x[bot]", "type": "Bot"}}
    (found,) = reading.read("github", "pull_request_review", bytes_of({**review, "action": "submitted"}))
    assert (found.asks, found.bot, found.subject) == (True, True, f"review/{review['review']['id']}")


def test_a_change_from_a_fork_is_told_apart_and_the_same_thing_has_the_same_key() -> None:
    opened = next(one for one in payloads("github_pull_request") if one["action"] == "ready_for_review")
    (found,) = reading.read("github", "pull_request", bytes_of(opened))
    opened["pull_request"]["head"]["repo"]["full_name"] = "somebody/else"
    (fork,) = reading.read("github", "pull_request", bytes_of(opened))
    assert (found.fork, fork.fork) == (False, True)
    assert found.key == fork.key != ""
    assert Arrived("remark", "A/b", 1, pull=False, actor="x", subject="comment/5").key == "remark a/b comment/5"


@pytest.mark.parametrize("kind", ["github", "gitlab", "forgejo"])
def test_what_is_no_payload_is_refused_and_an_unknown_event_means_nothing(kind: Any) -> None:
    for body in (b"", b"[]", b"{}", b"\xff", b'{"object_kind": "issue", "action": 1, "issue": null}'):
        with pytest.raises(Unreadable):
            reading.read(kind, "issues", body)
    assert not reading.read("github", "sponsorship", b"{}")


def test_a_signature_is_right_for_these_bytes_this_secret_and_this_forge_only() -> None:
    body, secret = b'{"a": 1}', "tiger"
    mac = hmac.new(secret.encode(), body, hashlib.sha256).hexdigest()
    good: dict[Any, dict[str, str]] = {
        "github": {"x-hub-signature-256": f"sha256={mac}"},
        "gitlab": {"x-gitlab-token": secret},
        "forgejo": {"x-forgejo-signature": mac},
    }
    for kind, headers in good.items():
        assert signatures.genuine(kind, secret, headers, body)
        assert not signatures.genuine(kind, "other", headers, body)
        assert not signatures.genuine(kind, "", headers, body)
        assert not signatures.genuine(kind, secret, {}, body)
        assert not signatures.genuine(kind, secret, {name: value[:-1] + "é" for name, value in headers.items()}, body)
        if kind != "gitlab":
            assert not signatures.genuine(kind, secret, headers, body + b" ")
        for other, theirs in good.items():
            assert other == kind or not signatures.genuine(kind, secret, theirs, body)
    assert signatures.genuine("forgejo", secret, {"x-gitea-signature": mac}, body)
    assert not signatures.genuine("gitlab", "", {"x-gitlab-token": ""}, body)
    assert signatures.delivery("github", {"x-github-delivery": "a-1"}, body) == "a-1"
    assert signatures.delivery("github", {"x-github-delivery": "a\n1"}, body).startswith("sha256:")
    assert signatures.delivery("gitlab", {"x-gitlab-event-uuid": "1"}, body).startswith("sha256:")
