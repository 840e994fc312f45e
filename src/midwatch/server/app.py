"""The app: routes, their document, and what stands before them."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any

from fastapi import FastAPI
from fastapi.openapi.utils import get_openapi

from midwatch import __version__
from midwatch.engine.turns import Turns
from midwatch.server import problems
from midwatch.server.admission import PREFIX, admit
from midwatch.server.aside import Aside
from midwatch.server.bodies import Bounded
from midwatch.server.branched import Branching
from midwatch.server.counts import Counts
from midwatch.server.pages import Pages
from midwatch.server.problems import ProblemDetails, answers
from midwatch.server.routes import (
    archives,
    attempts,
    beside,
    branches,
    budgets,
    choices,
    effects,
    environments,
    forges,
    health,
    hooks,
    importing,
    insight,
    kept,
    limits,
    logins,
    metrics,
    recipes,
    reviewing,
    running,
    steering,
    stream,
    tasks,
    terminals,
    webhooks,
    workers,
)
from midwatch.server.rows import Rows
from midwatch.server.seats import Seats
from midwatch.server.service import Service
from midwatch.server.streams import Streams
from midwatch.server.sums import Sums

if TYPE_CHECKING:
    from midwatch.engine.base import Engine
    from midwatch.wiring import Home

DOCUMENT = f"{PREFIX}/openapi.json"
_ABOUT = "Tasks and repositories go in, tested pull requests come out."
_ROUTES = (
    importing, tasks, stream, choices, steering, attempts, kept, budgets, limits, workers, effects, webhooks, archives,
    forges, beside, branches, logins, reviewing, recipes, environments, terminals,
)  # fmt: skip
_EVERY = (401, 403, 404, 413, 422, 429, 503)
"""What any address but those of health may answer."""
_KEY = {
    "name": "Idempotency-Key", "in": "header", "required": False,
    "schema": {"type": "string", "minLength": 1, "maxLength": 255, "pattern": "^[!-~]+$"},
    "description": "The same request with the same key is done once, and answered the same, for a day.",
}  # fmt: skip
_SCHEMES = {
    "token": {"type": "http", "scheme": "bearer", "description": "A token of `POST /api/v1/tokens`."},
    "session": {"type": "apiKey", "in": "cookie", "name": "midwatch_session", "description": "Of a browser."},
}


def make_app(home: Home, engine: Engine) -> FastAPI:
    """The app over a state folder, its database and the engine that takes what is submitted. Nothing is opened before
    it is started. Raises InputError for settings of sign-in that cannot be used."""

    @asynccontextmanager
    async def living(app: FastAPI) -> AsyncIterator[None]:
        try:
            yield
        finally:
            await app.state.service.close()

    app = FastAPI(
        title="Midwatch", version=__version__, description=_ABOUT, lifespan=living,
        openapi_url=DOCUMENT, docs_url=None, redoc_url=None, redirect_slashes=False,
    )  # fmt: skip
    problems.install(app)
    app.include_router(health.router)
    app.include_router(metrics.router)
    app.include_router(hooks.router)
    for module in _ROUTES:
        app.include_router(module.router, prefix=PREFIX, responses=answers(*_EVERY))
    for router in (insight.router, insight.csv_router, running.router):
        app.include_router(router, prefix=PREFIX, responses=answers(*_EVERY))
    desk = admit(app, home.store.database, home.settings.server, home.environ)
    app.add_middleware(Bounded)  # before all that reads: nobody reads what is too large
    app.add_middleware(Pages)
    turns, aside = Turns(home.store.database), Aside()
    sums = Sums(home, aside)
    app.state.service = Service(
        home=home,
        turns=turns,
        engine=engine,
        repositories=desk.repositories,
        streams=Streams(home.store),
        seats=Seats(desk.settings.streams, desk.settings.streams_per_user),
        aside=aside,
        branching=Branching(home, aside),
        counts=Counts(home.environ, home.state),
        sums=sums,
        rows=Rows(home.store, turns, desk.repositories, sums),
    )
    app.openapi = _document(app)  # type: ignore[method-assign]  # how FastAPI has it replaced
    return app


def _document(app: FastAPI) -> Callable[[], dict[str, Any]]:
    """The document, made once, when it is first asked for."""

    def made() -> dict[str, Any]:
        if not app.openapi_schema:
            found = get_openapi(
                title=app.title, version=app.version, description=app.description, routes=app.routes,
                openapi_version="3.1.0",
            )  # fmt: skip
            app.openapi_schema = _completed(found)
        return app.openapi_schema

    return made


def _completed(document: dict[str, Any]) -> dict[str, Any]:
    """With the shape of problems, who may come in, and what every address of a kind takes and answers."""
    shapes = document.setdefault("components", {}).setdefault("schemas", {})
    details = ProblemDetails.model_json_schema(ref_template="#/components/schemas/{model}")
    shapes |= details.pop("$defs", {})
    shapes["ProblemDetails"] = details
    for name in ("HTTPValidationError", "ValidationError"):
        shapes.pop(name, None)
    document["components"]["securitySchemes"] = _SCHEMES
    for path, operations in document["paths"].items():
        for method, operation in operations.items():
            if not path.startswith(PREFIX):
                continue
            operation["security"] = [{"token": []}, {"session": []}]
            for status, answered in answers(*_EVERY, *((409,) if method == "post" else ())).items():
                operation["responses"][str(status)] = answered
            if method == "post":
                operation.setdefault("parameters", []).append(_KEY)
    return document
