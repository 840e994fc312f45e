"""Asking GitHub: its headers, its addresses, and the two questions that only GraphQL answers."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from midwatch.domain.errors import InputError, OperationError
from midwatch.forges.http import Http
from midwatch.forges.once import Unsure
from midwatch.workspace.names import shown

_VERSION = "2022-11-28"


def headers(token: str) -> Mapping[str, str]:
    """What goes with each request."""
    return {
        "Accept": "application/vnd.github+json",
        "X-GitHub-Api-Version": _VERSION,
        "Authorization": f"Bearer {token}",
    }


def graph_address(api: str) -> str:
    """Where GraphQL is: beside the REST API at github.com, above it at GitHub Enterprise."""
    base = api.rstrip("/")
    return f"{base.removesuffix('/v3')}/graphql" if base.endswith("/api/v3") else f"{base}/graphql"


async def graph(http: Http, slug: str, question: str, **variables: Any) -> Mapping[str, Any]:
    """The `data` of an answer. Raises InputError with GitHub's words when it refuses, OperationError for a rate limit,
    Unsure where it broke off: both come as answers there."""
    body = {"query": question, "variables": variables}
    reply = await http.request("POST", graph_address(http.api), slug=slug, json=body)
    answer = reply.data if isinstance(reply.data, dict) else {}
    if answer.get("errors"):
        first = answer["errors"][0]
        told = first if isinstance(first, dict) else {}
        words = shown(str(told.get("message") or first))[:400]
        if told.get("type") == "RATE_LIMITED":
            raise OperationError(
                f"the forge {http.name} takes no more requests from us now: {words}", "try again later"
            )
        if "omething went wrong" in words:
            raise Unsure(f"the forge {http.name} broke off: {words}", "try again; what was done already is found")
        raise InputError(
            f"the forge {http.name} refuses that for {slug}: {words}",
            f"look at it there; docs/forges.md lists the rights that the token of the connection {http.name} needs",
        )
    if not isinstance(answer.get("data"), dict):
        said = shown(json.dumps(reply.data))[:200]
        raise OperationError(f"the forge {http.name} gives no answer to a question of GraphQL: {said}", "try again")
    data: Mapping[str, Any] = answer["data"]
    return data
