"""The fake forge speaks as GitHub Enterprise does: below /api/v3, and GraphQL at /api/graphql."""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from tests.support import forge_github_shapes as shapes
from tests.support import forge_github_talk as talk
from tests.support.forge_github_basics import GONE, N, R, Work, invalid, login_of, paged, refusal, thread_of
from tests.support.forge_github_hooks import payloads
from tests.support.forge_server import Answer, Asked, ForgeServer, Route
from tests.support.forge_state import Hosted, Thread


class GitHubDialect:
    """As the contract of a dialect."""

    prefix = "/api"

    def refusal(self, status: int, words: str) -> Any:
        """As the contract."""
        return refusal(words)

    def routes(self) -> Sequence[Route]:
        """As the contract."""
        reads: list[tuple[str, str, Work]] = [
            ("GET", R, _repository),
            ("GET", rf"{R}/branches/(.+)", _branch),
            ("GET", rf"{R}/compare/(.+)", _compare),
            ("GET", rf"{R}/pulls", _pulls),
            ("GET", rf"{R}/pulls{N}", _pull),
            ("GET", rf"{R}/pulls{N}/files", _files),
        ]
        writes: list[tuple[str, str, Work]] = [
            ("POST", rf"{R}/pulls", _create),
            ("PATCH", rf"{R}/pulls{N}", _edit),
            ("PUT", rf"{R}/pulls{N}/merge", _merge),
            ("POST", rf"{R}/pulls{N}/requested_reviewers", _reviewers),
            ("POST", rf"{R}/issues{N}/labels", _label),
        ]
        made: list[Route] = [(method, path, _at("read", work)) for method, path, work in (*reads, *talk.READS)]
        made += [(method, path, _at("write", work)) for method, path, work in (*writes, *talk.WRITES)]
        return [*made, ("POST", "/graphql", talk.graph), ("GET", "/v3/user", _user)]

    def deliveries(
        self, server: ForgeServer, happened: tuple[str, Hosted, Thread | None, dict[str, Any]]
    ) -> Sequence[tuple[str, Any]]:
        """As the contract."""
        return payloads(server, *happened)

    def signed(self, secret: str, event: str, delivery: str, body: bytes) -> Mapping[str, str]:
        """As the contract."""
        digest = hmac.new(secret.encode(), body, hashlib.sha256).hexdigest()
        return {"X-GitHub-Event": event, "X-GitHub-Delivery": delivery, "X-Hub-Signature-256": f"sha256={digest}"}


def _at(level: str, work: Work) -> Callable[[ForgeServer, Asked], Answer]:
    def handler(server: ForgeServer, asked: Asked) -> Answer:
        slug = f"{asked.parts[0]}/{asked.parts[1]}"
        if slug.lower() in server.forge.moved:
            hosted = server.find(server.forge.moved[slug.lower()])
            assert hosted is not None
            there = asked.path.replace(f"/repos/{slug}", f"/repos/{hosted.slug}", 1)
            query = "&".join(f"{k}={v}" for k, v in asked.query.items())
            status = 301 if asked.method == "GET" else 307
            where = f"{server.web}{there}" + (f"?{query}" if query else "")
            return Answer(status, {**refusal("Moved Permanently"), "url": where}, {"Location": where})
        hosted = server.find(slug)
        if hosted is None or not server.forge.allowed(hosted, asked.who, "read"):
            return Answer(404, refusal("Not Found"))
        if level == "write" and not server.forge.allowed(hosted, asked.who, "write"):
            return Answer(403, refusal("Resource not accessible by personal access token"))
        if level == "write" and hosted.archived:
            return Answer(403, refusal("Repository was archived so is read-only."))
        asked.parts = asked.parts[2:]
        return _marked(asked, work(server, asked, hosted))

    return handler


def _marked(asked: Asked, answer: Answer) -> Answer:
    """With its ETag; nothing but that for somebody who has it."""
    if asked.method != "GET" or answer.status != 200 or answer.data is None:
        return answer
    etag = f'W/"{hashlib.sha256(answer.bytes()).hexdigest()}"'
    if asked.headers.get("if-none-match") == etag:
        return Answer(304, None, {"ETag": etag})
    return Answer(answer.status, answer.data, {**answer.headers, "ETag": etag})


def _user(server: ForgeServer, asked: Asked) -> Answer:
    return Answer(200, shapes.full("public-user", **shapes.user(server, login_of(asked))))


def _repository(server: ForgeServer, asked: Asked, hosted: Hosted) -> Answer:
    return Answer(200, shapes.repository(server, hosted))


def _branch(server: ForgeServer, asked: Asked, hosted: Hosted) -> Answer:
    name = asked.parts[0]
    tip = hosted.branches().get(name)
    if tip is None:
        return Answer(404, refusal("Branch not found"))
    commit = shapes.full("commit", sha=tip)
    known = {"name": name, "commit": commit, "protected": hosted.protected(name)}
    return Answer(200, shapes.full("branch-with-protection", **known))


def _compare(server: ForgeServer, asked: Asked, hosted: Hosted) -> Answer:
    old, _, new = asked.parts[0].partition("...")
    first, second = hosted.tip(old), hosted.tip(new)
    if not first or not second:
        return GONE
    status = "identical" if first == second else "diverged"
    if status != "identical" and hosted.has(second, first):
        status = "ahead"
    elif status != "identical" and hosted.has(first, second):
        status = "behind"
    known: dict[str, Any] = {"status": status}
    if asked.query.get("page", "1") == "1":
        known["files"] = shapes.files(hosted, first, second)
    return Answer(200, shapes.full("commit-comparison", **known))


def _pulls(server: ForgeServer, asked: Asked, hosted: Hosted) -> Answer:
    head, state = asked.query.get("head", ""), asked.query.get("state", "open")
    owner = hosted.slug.partition("/")[0]
    found = [
        shapes.pull(server, hosted, thread, alone=False)
        for thread in reversed(hosted.pulls)
        if (not head or head == f"{owner}:{thread.head}")
        and (state == "all" or (state == "open") == (thread.state == "open"))
    ]
    return paged(server, asked, found)


def _pull(server: ForgeServer, asked: Asked, hosted: Hosted) -> Answer:
    thread = thread_of(asked, hosted, pull=True)
    return GONE if thread is None else Answer(200, shapes.pull(server, hosted, thread))


def _files(server: ForgeServer, asked: Asked, hosted: Hosted) -> Answer:
    thread = thread_of(asked, hosted, pull=True)
    if thread is None:
        return GONE
    base = thread.base_commit if thread.state == "merged" else hosted.tip(thread.base)
    return paged(server, asked, shapes.files(hosted, base, thread.head_commit))


def _create(server: ForgeServer, asked: Asked, hosted: Hosted) -> Answer:
    body, owner = asked.json, hosted.slug.partition("/")[0]
    head, base = body["head"].removeprefix(f"{owner}:"), body["base"]
    words = ""
    if not hosted.branches().get(base):
        return invalid({"resource": "PullRequest", "field": "base", "code": "invalid"})
    if not hosted.branches().get(head):
        return invalid({"resource": "PullRequest", "field": "head", "code": "invalid"})
    if any(t.head == head and t.base == base and t.state == "open" for t in hosted.threads.values()):
        words = f"A pull request already exists for {owner}:{head}."
    elif hosted.has(hosted.tip(base), hosted.tip(head)):
        words = f"No commits between {base} and {head}"
    elif body.get("draft") and not hosted.drafts:
        words = "Draft pull requests are not supported in this repository."
    if words:
        return invalid({"resource": "PullRequest", "code": "custom", "message": words})
    thread = server.forge.open(
        hosted, login_of(asked), body["title"], body.get("body") or "", head=head, base=base,
        draft=bool(body.get("draft")),
    )  # fmt: skip
    return Answer(201, shapes.pull(server, hosted, thread))


def _edit(server: ForgeServer, asked: Asked, hosted: Hosted) -> Answer:
    thread = thread_of(asked, hosted, pull=True)
    if thread is None:
        return GONE
    body = asked.json
    state = body.get("state")
    if state == "open" and thread.state != "open":
        if thread.state == "merged" or thread.rewritten or not hosted.branches().get(thread.head):
            words = f"state cannot be changed. The {thread.head} branch was force-pushed or recreated."
            return invalid({"resource": "PullRequest", "code": "custom", "field": "state", "message": words})
        thread.head_commit = hosted.tip(thread.head)
        server.forge.settle(hosted, thread, "open", login_of(asked))
    elif state == "closed" and thread.state == "open":
        server.forge.settle(hosted, thread, "closed", login_of(asked))
    changed = {name: body[name] for name in ("title", "body", "base") if name in body}
    for name, value in changed.items():
        setattr(thread, name, value)
    thread.updated = server.forge.now() if changed else thread.updated
    return Answer(200, shapes.pull(server, hosted, thread))


def _merge(server: ForgeServer, asked: Asked, hosted: Hosted) -> Answer:
    thread = thread_of(asked, hosted, pull=True)
    if thread is None:
        return GONE
    if asked.json.get("sha") not in (None, thread.head_commit):
        return Answer(409, refusal("Head branch was modified. Review and try the merge again."))
    if asked.json.get("merge_method", "merge") not in hosted.merge_ways:
        return Answer(405, refusal("Merge commits are not allowed on this repository."))
    if thread.state != "open" or thread.draft or hosted.conflicts(thread) or hosted.protected(thread.base):
        return Answer(405, refusal("Pull Request is not mergeable"))
    server.forge.settle(hosted, thread, "merged", login_of(asked))
    return Answer(200, {"sha": thread.merge_commit, "merged": True, "message": "Pull Request successfully merged"})


def _reviewers(server: ForgeServer, asked: Asked, hosted: Hosted) -> Answer:
    thread = thread_of(asked, hosted, pull=True)
    if thread is None:
        return GONE
    for login in asked.json.get("reviewers", ()):
        if login not in hosted.access or login == thread.author:
            words = "Reviews may only be requested from collaborators."
            return Answer(422, refusal(words))
        if login not in thread.reviewers:
            thread.reviewers.append(login)
    thread.reviewers += [f"team:{name}" for name in asked.json.get("team_reviewers", ())]
    return Answer(201, shapes.pull(server, hosted, thread, alone=False))


def _label(server: ForgeServer, asked: Asked, hosted: Hosted) -> Answer:
    thread = thread_of(asked, hosted)
    if thread is None:
        return GONE
    for name in asked.json["labels"]:
        server.forge.label(hosted, thread, name, login_of(asked))
    return Answer(200, [shapes.label(name) for name in thread.labels])
