"""Every route of an app, also those of routers that it includes."""

from __future__ import annotations

from collections.abc import Iterator

from fastapi import FastAPI
from fastapi.routing import iter_route_contexts


def routes(app: FastAPI) -> Iterator[tuple[str, str]]:
    """Method and path, with its parameters in braces."""
    for context in iter_route_contexts(app.routes):
        assert context.path is not None, f"{context.route!r} is a kind of route that these tests do not know"
        assert context.methods, f"{context.route!r} is a kind of route that these tests do not know"
        for method in sorted(context.methods - {"HEAD"}):
            yield method, context.path
