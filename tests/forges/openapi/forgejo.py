"""Takes the operations that we use out of the API document that Forgejo and Gitea have in common, with their shapes.
The document itself is in no registry, but clients that are made from it are, and say all of it in their types:

    npm pack gitea-js && tar xzf gitea-js-*.tgz
    python -m tests.forges.openapi.forgejo package/dist/index.d.ts > tests/forges/openapi/forgejo.json

The licence of that client, and of Gitea, is MIT: in forgejo.LICENSE. What Forgejo has in addition is in `_FORGEJO`.
"""

from __future__ import annotations

import json
import re
import sys
from pathlib import Path
from typing import Any

from tests.forges.openapi.declarations import Declarations

USED = (
    "issueAddLabel", "issueCreateComment", "issueCreateLabel", "issueEditComment", "issueGetComments",
    "issueGetCommentsAndTimeline", "issueGetIssue", "issueGetRepoComments", "issueListIssues", "issueListLabels",
    "issuePostCommentReaction", "issuePostIssueReaction", "orgListLabels", "repoCompareDiff",
    "repoCreatePullRequest", "repoCreatePullReview", "repoCreatePullReviewRequests", "repoCreateStatus",
    "repoEditPullRequest", "repoGet", "repoGetAllCommits",
    "repoGetBranch", "repoGetPullRequest", "repoGetPullRequestFiles",
    "repoGetPullReviewComments", "repoGetRepoPermissions", "repoListBranchProtection", "repoListPullRequests",
    "repoListPullReviews", "repoListStatuses", "repoMergePullRequest", "userGetCurrent",
)  # fmt: skip
_CREATED = ("issueCreateComment", "issueCreateLabel", "repoCreatePullRequest", "repoCreatePullReviewRequests",
            "repoCreateStatus", "repoEditPullRequest")  # fmt: skip
"""What is answered with 201; everything else with 200."""
_EITHER = ("issuePostCommentReaction", "issuePostIssueReaction")
"""And these: with 200 for what was there already."""
_FORGEJO = {"Compare": {"files": {"type": "array", "items": {"$ref": "#/components/schemas/CommitAffectedFiles"}}}}
REFUSED = {"description": "", "content": {"application/json": {"schema": {"type": "object"}}}}
_CALL = r"@request (\w+):(\S+)\s(?:(?!@request).)*?\b{}: "


def main(source: str) -> None:
    """Print the part that is used."""
    declared = Declarations(Path(source).read_text())
    paths: dict[str, Any] = {}
    for name in USED:
        found = re.search(_CALL.format(name), declared.text, re.DOTALL)
        assert found is not None, name
        method, path = found[1].lower(), found[2]
        paths.setdefault(path, {})[method] = _operation(name, path, declared.call(found.end()))
    for name, fields in _FORGEJO.items():
        declared.schemas[name]["properties"] |= fields
    shapes = dict(sorted(declared.schemas.items()))
    info = {"title": "The API of Forgejo and Gitea, in part", "version": "1.23", "license": {"name": "MIT"}}
    part = {"openapi": "3.1.0", "info": info, "paths": paths, "components": {"schemas": shapes}}
    print(json.dumps(part, separators=(",", ":")).replace('},"', '},\n"'))


def _operation(name: str, path: str, call: tuple[dict[str, Any], dict[str, Any]]) -> dict[str, Any]:
    asked, answer = call
    parameters = [
        {"name": key, "in": "path", "required": True, "schema": {"type": "string"}}
        for key in re.findall(r"\{(\w+)\}", path)
    ]
    parameters += [
        {"name": key, "in": "query", "required": False, "schema": shape}
        for key, shape in asked.get("query", {}).get("properties", {}).items()
    ]
    content = {"description": ""} | ({"content": {"application/json": {"schema": answer}}} if answer else {})
    codes = {"201": content} if name in _CREATED else {"200": content}
    if name in _EITHER:
        codes = {"200": content, "201": content}
    found: dict[str, Any] = {"parameters": parameters, "responses": {**codes, "4XX": REFUSED}}
    if "body" in asked:
        found["requestBody"] = {"required": True, "content": {"application/json": {"schema": asked["body"]}}}
    return found


if __name__ == "__main__":
    main(sys.argv[1])
