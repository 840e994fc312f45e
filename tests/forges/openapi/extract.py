"""Takes the operations that we use out of GitHub's own OpenAPI description, with the shapes that they need:

    npm pack @octokit/openapi && tar xzf octokit-openapi-*.tgz
    python tests/forges/openapi/extract.py package/generated/api.github.com.json > tests/forges/openapi/github.json

Left out is what says nothing about shapes: descriptions, examples, and what is particular to one client. Where a value
may be null and has a list of values, null is put into the list, as OpenAPI 3.0.3 asks for. The licence of the
description (MIT) is beside it, in github.LICENSE.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

USED: dict[str, tuple[str, ...]] = {
    "/app/installations/{installation_id}/access_tokens": ("post",),
    "/repos/{owner}/{repo}": ("get",),
    "/repos/{owner}/{repo}/actions/jobs/{job_id}/logs": ("get",),
    "/repos/{owner}/{repo}/actions/runs": ("get",),
    "/repos/{owner}/{repo}/actions/runs/{run_id}/jobs": ("get",),
    "/repos/{owner}/{repo}/branches/{branch}": ("get",),
    "/repos/{owner}/{repo}/check-runs": ("post",),
    "/repos/{owner}/{repo}/check-runs/{check_run_id}": ("patch",),
    "/repos/{owner}/{repo}/collaborators/{username}/permission": ("get",),
    "/repos/{owner}/{repo}/commits/{ref}/check-runs": ("get",),
    "/repos/{owner}/{repo}/commits/{ref}/status": ("get",),
    "/repos/{owner}/{repo}/compare/{basehead}": ("get",),
    "/repos/{owner}/{repo}/installation": ("get",),
    "/repos/{owner}/{repo}/issues": ("get",),
    "/repos/{owner}/{repo}/issues/comments": ("get",),
    "/repos/{owner}/{repo}/issues/comments/{comment_id}": ("patch",),
    "/repos/{owner}/{repo}/issues/comments/{comment_id}/reactions": ("post",),
    "/repos/{owner}/{repo}/issues/{issue_number}": ("get",),
    "/repos/{owner}/{repo}/issues/{issue_number}/comments": ("get", "post"),
    "/repos/{owner}/{repo}/issues/{issue_number}/events": ("get",),
    "/repos/{owner}/{repo}/issues/{issue_number}/labels": ("post",),
    "/repos/{owner}/{repo}/issues/{issue_number}/reactions": ("post",),
    "/repos/{owner}/{repo}/pulls": ("get", "post"),
    "/repos/{owner}/{repo}/pulls/comments": ("get",),
    "/repos/{owner}/{repo}/pulls/comments/{comment_id}/reactions": ("post",),
    "/repos/{owner}/{repo}/pulls/{pull_number}": ("get", "patch"),
    "/repos/{owner}/{repo}/pulls/{pull_number}/comments": ("get",),
    "/repos/{owner}/{repo}/pulls/{pull_number}/files": ("get",),
    "/repos/{owner}/{repo}/pulls/{pull_number}/merge": ("put",),
    "/repos/{owner}/{repo}/pulls/{pull_number}/requested_reviewers": ("post",),
    "/repos/{owner}/{repo}/pulls/{pull_number}/reviews": ("get", "post"),
    "/repos/{owner}/{repo}/pulls/{pull_number}/reviews/{review_id}": ("get",),
    "/repos/{owner}/{repo}/statuses/{sha}": ("post",),
    "/user": ("get",),
}
_WORDS = ("example", "examples", "description", "externalDocs", "tags", "summary", "title")


def main(source: str) -> None:
    """Print the part that is used."""
    whole = json.loads(Path(source).read_text())
    paths: dict[str, Any] = {}
    for path, methods in USED.items():
        entry = whole["paths"][path]
        kept = {method: entry[method] for method in methods}
        if "parameters" in entry:
            kept["parameters"] = entry["parameters"]
        paths[path] = _plain(kept)
    components: dict[str, dict[str, Any]] = {}
    waiting = list(_references(paths))
    while waiting:
        _, _, kind, name = waiting.pop().split("/")
        if name in components.get(kind, {}):
            continue
        part = _plain(whole["components"][kind][name])
        components.setdefault(kind, {})[name] = _described(part) if kind == "responses" else part
        waiting += _references(part)
    info = {
        "title": "GitHub's REST API, in part",
        "version": whole["info"]["version"],
        "license": whole["info"]["license"],
    }
    ordered = {kind: dict(sorted(parts.items())) for kind, parts in sorted(components.items())}
    part = {"openapi": whole["openapi"], "info": info, "paths": paths, "components": ordered}
    print(json.dumps(part, separators=(",", ":")).replace('},"', '},\n"'))


def _plain(value: Any, *, names: bool = False) -> Any:
    """Without words; `names`: the keys are names of somebody's fields, and none is left out."""
    if isinstance(value, list):
        return [_plain(one) for one in value]
    if not isinstance(value, dict):
        return value
    kept = {}
    for key, one in value.items():
        if names or not (key in _WORDS or key.startswith("x-")):
            kept[key] = _plain(one, names=key in ("properties", "responses", "headers", "content") and not names)
    if kept.get("nullable") is True and isinstance(kept.get("enum"), list) and None not in kept["enum"]:
        kept["enum"] = [*kept["enum"], None]
    if "responses" in kept and "operationId" in value:
        kept["responses"] = {code: _described(answer) for code, answer in kept["responses"].items()}
    return kept


def _described(answer: dict[str, Any]) -> dict[str, Any]:
    """With the description that an answer must have."""
    return answer if "$ref" in answer else {"description": "", **answer}


def _references(value: Any) -> list[str]:
    if isinstance(value, list):
        return [found for one in value for found in _references(one)]
    if not isinstance(value, dict):
        return []
    own = [value["$ref"]] if isinstance(value.get("$ref"), str) else []
    return own + [found for one in value.values() for found in _references(one)]


if __name__ == "__main__":
    main(sys.argv[1])
