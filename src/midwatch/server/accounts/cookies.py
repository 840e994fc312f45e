"""The cookies of a browser, and what shows that a request is the site's own."""

from __future__ import annotations

from urllib.parse import urlsplit

from starlette.requests import HTTPConnection
from starlette.responses import Response

SESSION, FLOW = "midwatch_session", "midwatch_oidc"
OURS = "X-Midwatch"
"""A header that pages of other sites cannot send; with any value it takes the place of `Origin`."""


def secure(connection: HTTPConnection, public_url: str) -> bool:
    """Whether browsers reach the server over TLS."""
    return connection.url.scheme == "https" or public_url.startswith("https://")


def own_address(connection: HTTPConnection, public_url: str) -> str:
    """Scheme, host and port by which browsers reach the server; no slash at the end."""
    if public_url:
        return public_url.rstrip("/")
    return f"{connection.url.scheme}://{connection.headers.get('host', connection.url.netloc)}"


def read(connection: HTTPConnection, name: str, public_url: str) -> str:
    """The value of one of ours; empty when it is not there."""
    return connection.cookies.get(_called(name, secure(connection, public_url)), "")


def put(response: Response, connection: HTTPConnection, name: str, value: str, public_url: str, seconds: int) -> None:
    """Have the browser keep it, out of reach of scripts, and not send it along from other sites' forms."""
    tls = secure(connection, public_url)
    response.set_cookie(_called(name, tls), value, max_age=seconds, path="/", secure=tls, httponly=True, samesite="lax")


def drop(response: Response, connection: HTTPConnection, name: str, public_url: str) -> None:
    """Have the browser forget it."""
    put(response, connection, name, "", public_url, 0)


def own(connection: HTTPConnection, public_url: str) -> bool:
    """Whether a request with a cookie comes from the site's own pages, or from a program: a browser says with `Origin`
    where a changing request comes from, and no other site's page can send the header `X-Midwatch`."""
    origin = connection.headers.get("origin")
    if origin is None:
        return bool(connection.headers.get(OURS))
    ours = urlsplit(own_address(connection, public_url))
    return origin.lower() == f"{ours.scheme}://{ours.netloc}".lower()


def _called(name: str, tls: bool) -> str:
    return f"__Host-{name}" if tls else name
