"""Accounts put before and into an app."""

from __future__ import annotations

from collections.abc import Mapping

from fastapi import FastAPI

from midwatch.engine.config import ServingSettings
from midwatch.engine.database.base import Database
from midwatch.server.accounts.desk import Desk, opened
from midwatch.server.accounts.gate import Gate
from midwatch.server.accounts.repeating import Repeating
from midwatch.server.routes import audit, organisations, repositories, roles, session, sessions, tokens, users

PREFIX = "/api/v1"


def admit(app: FastAPI, database: Database, settings: ServingSettings, environ: Mapping[str, str]) -> Desk:
    """Let nobody in but through the gate, from now on for every route that the app has or will have; add the routes of
    accounts. Call it once, after other middleware: what is added later would stand before the gate. Raises InputError
    for settings that cannot be used."""
    desk = opened(database, settings, environ)
    app.state.accounts = desk
    for router in (
        session.signing_in,
        session.router,
        sessions.router,
        users.router,
        tokens.router,
        organisations.router,
        repositories.router,
        roles.router,
        audit.router,
    ):
        app.include_router(router, prefix=PREFIX)
    app.add_middleware(Repeating, repeats=desk.repeats)
    app.add_middleware(Gate, desk=desk)
    return desk
