"""Says what we use of GitLab's API. GitLab's own document is in no registry, so that the shapes of answers are those
that a widely used client has, and the calls are listed here by hand from https://docs.gitlab.com/api/:

    npm pack @gitbeaker/core && tar xzf gitbeaker-core-*.tgz
    python -m tests.forges.openapi.gitlab package/dist/index.d.ts > tests/forges/openapi/gitlab.json

The licence of that client (MIT) is in gitlab.LICENSE. It does not say which fields always come, so none is required.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

from tests.forges.openapi.declarations import Declarations
from tests.forges.openapi.forgejo import REFUSED

_PROJECT = "/projects/{id}"
_REQUEST = f"{_PROJECT}/merge_requests/{{iid}}"
_ISSUE = f"{_PROJECT}/issues/{{iid}}"

_NOTED = ("body!",)
_PLACED = ("base_sha!", "start_sha!", "head_sha!", "position_type!", "new_path", "old_path", "new_line#", "old_line#")
USED: tuple[tuple[str, str, str, tuple[str, ...]], ...] = (
    ("get", "/user", "ExpandedUserSchema", ()),
    ("get", "/users", "[SimpleUserSchema", ("username",)),
    ("get", _PROJECT, "ProjectSchema", ()),
    ("get", f"{_PROJECT}/repository/branches/{{branch}}", "BranchSchema", ()),
    ("get", f"{_PROJECT}/repository/compare", "RepositoryCompareSchema", ("from!", "to!")),
    ("get", f"{_PROJECT}/repository/commits/{{sha}}/statuses", "[CommitStatusSchema", ("name",)),
    ("post", f"{_PROJECT}/statuses/{{sha}}", "CommitStatusSchema", ("state!", "name", "description", "target_url")),
    ("get", f"{_PROJECT}/protected_branches", "[ProtectedBranchSchema", ()),
    ("get", f"{_PROJECT}/members/all/{{user}}", "SimpleMemberSchema", ()),
    ("get", f"{_PROJECT}/merge_requests", "[MergeRequestSchema",
     ("source_branch", "state", "order_by", "sort", "updated_after")),
    ("get", f"{_PROJECT}/issues", "[IssueSchema", ("state", "order_by", "sort", "updated_after")),
    ("get", f"{_ISSUE}/resource_label_events", "[LabelEventSchema", ()),
    ("get", f"{_PROJECT}/pipelines", "[PipelineSchema", ("order_by", "sort", "updated_after")),
    ("get", f"{_PROJECT}/pipelines/{{pipeline}}/jobs", "[JobSchema", ()),
    ("post", f"{_PROJECT}/merge_requests", "ExpandedMergeRequestSchema",
     ("source_branch!", "target_branch!", "title!", "description")),
    ("get", _REQUEST, "ExpandedMergeRequestSchema", ()),
    ("put", _REQUEST, "ExpandedMergeRequestSchema",
     ("title", "description", "target_branch", "state_event", "add_labels", "reviewer_ids[")),
    ("put", f"{_REQUEST}/merge", "ExpandedMergeRequestSchema", ("sha", "should_remove_source_branch?")),
    ("get", f"{_REQUEST}/versions", "[MergeRequestDiffVersionsSchema", ()),
    ("get", f"{_REQUEST}/versions/{{version}}", "ExpandedMergeRequestDiffVersionsSchema", ()),
    ("post", f"{_REQUEST}/discussions", "DiscussionSchema", ("body!", "position{")),
    *(
        call
        for thread in (_REQUEST, _ISSUE)
        for call in (
            ("get", f"{thread}/notes", "[Note", ("sort", "order_by")),
            ("post", f"{thread}/notes", "Note", _NOTED),
            ("put", f"{thread}/notes/{{note}}", "Note", _NOTED),
            *(
                call
                for below in (thread, f"{thread}/notes/{{note}}")
                for call in (
                    ("get", f"{below}/award_emoji", "[AwardEmojiSchema", ()),
                    ("post", f"{below}/award_emoji", "AwardEmojiSchema", ("name!",)),
                )
            ),
        )
    ),
    ("get", _ISSUE, "IssueSchema", ()),
)  # fmt: skip
"""Method, path, the answer, and what may be asked: `!` must be said, `#` is a number, `?` yes or no, `[` a list of
numbers, `{` the place of a remark."""


def main(source: str) -> None:
    """Print it."""
    declared = Declarations(Path(source).read_text())
    note = declared.schema("DiscussionNoteSchema")["properties"]
    for extra in ("NoteSchema", "MergeRequestNoteSchema", "MergeRequestDiscussionNoteSchema"):
        note = {**note, **declared.schema(extra)["properties"]}
    declared.schemas["Note"] = {"type": "object", "properties": note, "additionalProperties": False}
    for side in ("new_line", "old_line"):  # the client has them as text
        declared.schema("DiscussionNotePositionTextSchema")["properties"][side] = {"type": ["integer", "null"]}
    paths: dict[str, Any] = {}
    for method, path, answer, asked in USED:
        paths.setdefault(path, {})[method] = _operation(method, path, _answer(declared, answer), asked)
    shapes = {name: _optional(shape) for name, shape in sorted(declared.schemas.items())}
    info = {"title": "GitLab's API, in part", "version": "v4", "license": {"name": "MIT"}}
    part = {"openapi": "3.1.0", "info": info, "paths": paths, "components": {"schemas": shapes}}
    print(json.dumps(part, separators=(",", ":")).replace('},"', '},\n"'))


def _answer(declared: Declarations, name: str) -> dict[str, Any]:
    one = name.removeprefix("[")
    declared.schema(one)
    shape = {"$ref": f"#/components/schemas/{one}"}
    return {"type": "array", "items": shape} if name.startswith("[") else shape


def _operation(method: str, path: str, answer: dict[str, Any], asked: tuple[str, ...]) -> dict[str, Any]:
    names = [part[1:-1] for part in path.split("/") if part.startswith("{")]
    parameters = [{"name": name, "in": "path", "required": True, "schema": {"type": "string"}} for name in names]
    code = "201" if method == "post" else "200"
    found: dict[str, Any] = {
        "responses": {
            code: {"description": "", "content": {"application/json": {"schema": answer}}}, "4XX": REFUSED,
        },
    }  # fmt: skip
    fields = {name.rstrip("!#?[{"): _field(name) for name in asked}
    if method == "get":
        paged = ("page", "per_page") if answer.get("type") == "array" else ()
        parameters += [
            {"name": name.rstrip("!"), "in": "query", "required": name.endswith("!"), "schema": {"type": "string"}}
            for name in (*asked, *paged)
        ]
    elif fields:
        must = [name[:-1] for name in asked if name.endswith("!")]
        body = {"type": "object", "properties": fields, "required": must, "additionalProperties": False}
        found["requestBody"] = {"required": True, "content": {"application/json": {"schema": body}}}
    return {"parameters": parameters, **found}


def _field(name: str) -> dict[str, Any]:
    match name[-1]:
        case "#":
            return {"type": "integer"}
        case "?":
            return {"type": "boolean"}
        case "[":
            return {"type": "array", "items": {"type": "integer"}}
        case "{":
            fields = {one.rstrip("!#"): _field(one) for one in _PLACED}
            must = [one[:-1] for one in _PLACED if one.endswith("!")]
            return {"type": "object", "properties": fields, "required": must, "additionalProperties": False}
    return {"type": "string"}


def _optional(value: Any) -> Any:
    if isinstance(value, list):
        return [_optional(one) for one in value]
    if not isinstance(value, dict):
        return value
    return {key: _optional(one) for key, one in value.items() if not (key == "required" and isinstance(one, list))}


if __name__ == "__main__":
    main(sys.argv[1])
