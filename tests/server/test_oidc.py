"""Sign-in with an OpenID Connect provider, against one on loopback."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import httpx2
import pytest
from cryptography.hazmat.primitives.asymmetric import rsa

from midwatch.domain.errors import InputError
from midwatch.engine.config import OidcSettings, ServingSettings
from midwatch.engine.database.sqlite import SqliteDatabase
from midwatch.server.accounts.desk import opened
from midwatch.server.accounts.provider import begun, flow_of
from tests.support.oidc_provider import CLIENT, SECRET, OidcProvider, oidc_provider
from tests.support.site import Site, site_of

START = "/api/v1/session/oidc"


@pytest.fixture
async def provider() -> AsyncIterator[OidcProvider]:
    """On loopback."""
    async with oidc_provider() as made:
        yield made


@pytest.fixture
async def with_provider(provider: OidcProvider, tmp_path: Path) -> AsyncIterator[Site]:
    """A site where one signs in there."""
    database = SqliteDatabase(tmp_path / "state.db")
    yield site_of(database, settings(provider), {"OIDC_SECRET": SECRET})
    await database.close()


def settings(provider: OidcProvider, **more: Any) -> ServingSettings:
    oidc = OidcSettings(issuer=provider.issuer, client_id=CLIENT, client_secret_env="OIDC_SECRET", **more)
    return ServingSettings(oidc=oidc)


async def sign_in(client: httpx2.AsyncClient, provider: OidcProvider, onward: str = "/") -> httpx2.Response:
    """The whole way of a browser."""
    sent = await client.get(START, params={"onward": onward})
    assert sent.status_code == 303, sent.text
    return await client.get(provider.authorize(sent.headers["location"]))


async def test_somebody_new_gets_a_user_without_any_role_and_the_same_one_again(
    with_provider: Site, provider: OidcProvider
) -> None:
    async with with_provider.client() as client, with_provider.client() as again:
        back = await sign_in(client, provider, "/tasks?x=1")
        assert (back.status_code, back.headers["location"]) == (303, "/tasks?x=1")
        assert "midwatch_oidc" not in client.cookies
        me = (await client.get("/api/v1/me")).json()
        assert (me["name"], me["admin"], me["roles"], me["by"]) == ("ada-lovelace", False, {}, "session")
        provider.name = "Renamed"
        await sign_in(again, provider)
        assert (await again.get("/api/v1/me")).json()["id"] == me["id"]
        user = (await client.get("/api/v1/users/ada-lovelace")).json()
        assert (user["password"], user["oidc"]) == (False, True)
        assert provider.basic == [f"{CLIENT}:the%20client%27s%20secret"] * 2
        assert provider.calls.count("/keys") == 1


async def test_a_user_that_is_there_is_never_taken_over_by_name(with_provider: Site, provider: OidcProvider) -> None:
    taken = await with_provider.user("ada-lovelace", admin=True)
    async with with_provider.client() as client:
        await sign_in(client, provider)
        me = (await client.get("/api/v1/me")).json()
    assert me["id"] != taken
    assert (me["name"], me["admin"]) == ("ada-lovelace-2", False)


async def test_a_default_role_is_given_to_new_users_on_every_repository(provider: OidcProvider, tmp_path: Path) -> None:
    database = SqliteDatabase(tmp_path / "state.db")
    site = site_of(database, settings(provider, default_role="viewer"), {"OIDC_SECRET": SECRET})
    async with site.signed_in("root", admin=True) as root, site.client() as client:
        made = await root.post("/api/v1/repositories", json={"name": "r", "location": "https://git.test/r"})
        await sign_in(client, provider)
        assert (await client.get("/api/v1/me")).json()["roles"] == {made.json()["id"]: "viewer"}
        await root.delete("/api/v1/roles/ada-lovelace")
        await sign_in(client, provider)
        assert (await client.get("/api/v1/me")).json()["roles"] == {}  # taken back is taken back
    await database.close()


async def test_a_disabled_user_is_not_signed_in(with_provider: Site, provider: OidcProvider) -> None:
    async with with_provider.signed_in("root", admin=True) as root, with_provider.client() as client:
        await sign_in(client, provider)
        await root.patch("/api/v1/users/ada-lovelace", json={"disabled": True})
        assert (await sign_in(client, provider)).status_code == 403
        assert (await client.get("/api/v1/me")).status_code == 401


@pytest.mark.parametrize(
    "claims",
    [
        {"aud": "another client"},
        {"aud": [CLIENT, "another"], "azp": "another"},
        {"iss": "https://elsewhere.test"},
        {"exp": 1},
        {"exp": None},
        {"nonce": "of another sign-in"},
        {"nonce": None},
        {"sub": None},
        {"iat": 4102444800},
    ],
    ids=str,
)
async def test_a_token_that_is_not_for_this_sign_in_signs_nobody_in(
    with_provider: Site, provider: OidcProvider, claims: dict[str, Any]
) -> None:
    provider.claims = claims
    async with with_provider.client() as client:
        assert (await sign_in(client, provider)).status_code == 403
        assert (await client.get("/api/v1/me")).status_code == 401
    assert await with_provider.desk.people.all() == []


async def test_a_signature_by_another_key_or_by_none_signs_nobody_in(
    with_provider: Site, provider: OidcProvider
) -> None:
    async with with_provider.client() as client:
        provider.sign_with = rsa.generate_private_key(public_exponent=65537, key_size=2048)
        assert (await sign_in(client, provider)).status_code == 403
        provider.sign_with, provider.algorithm = "", "none"
        assert (await sign_in(client, provider)).status_code == 403
        provider.sign_with, provider.algorithm = SECRET.ljust(32, "x"), "HS256"
        assert (await sign_in(client, provider)).status_code == 403
        provider.sign_with, provider.algorithm = None, "RS256"
        assert (await sign_in(client, provider)).status_code == 303


async def test_a_new_key_of_the_provider_is_learned(
    with_provider: Site, provider: OidcProvider, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with with_provider.client() as client:
        await sign_in(client, provider)
        provider.new_key("two", "ES256")
        soon = await sign_in(client, provider)  # its keys are not asked for each time that somebody makes up a name
        assert soon.status_code == 403
        monkeypatch.setattr("midwatch.server.accounts.provider.AGAIN_SECONDS", 0.0)
        assert (await sign_in(client, provider)).status_code == 303


async def test_what_was_begun_in_another_browser_is_refused(with_provider: Site, provider: OidcProvider) -> None:
    async with with_provider.client() as mine, with_provider.client() as theirs:
        begun_by_them = (await theirs.get(START)).headers["location"]
        back = provider.authorize(begun_by_them)
        assert (await mine.get(back)).status_code == 403  # nothing was begun here
        await mine.get(START)
        assert (await mine.get(back)).status_code == 403  # nor was this
        assert "/token" not in provider.calls
        assert (await theirs.get(back)).status_code == 303
        assert (await theirs.get(back)).status_code == 403  # and it is over


async def test_a_code_without_its_verifier_is_worth_nothing(with_provider: Site, provider: OidcProvider) -> None:
    async with with_provider.client() as client:
        sent = (await client.get(START)).headers["location"]
        flow = flow_of(client.cookies["midwatch_oidc"])
        assert flow is not None
        assert parse_qs(urlsplit(sent).query)["nonce"] == [flow.nonce]
        client.cookies.set("midwatch_oidc", replace(flow, verifier="guessed").cookie(), domain="midwatch.test")
        refused = await client.get(provider.authorize(sent))
        assert refused.status_code == 403
        assert "invalid_grant" in refused.json()["detail"]


@pytest.mark.parametrize("query", ["", "?code=x", "?state=x", "?error=access_denied&state=STATE", "?state=STATE"])
async def test_an_answer_that_is_none_is_refused(with_provider: Site, provider: OidcProvider, query: str) -> None:
    async with with_provider.client() as client:
        sent = (await client.get(START)).headers["location"]
        state = parse_qs(urlsplit(sent).query)["state"][0]
        assert (await client.get(f"{START}/callback{query.replace('STATE', state)}")).status_code == 403
        assert "/token" not in provider.calls


async def test_a_provider_that_is_gone_or_is_another_one_is_503(
    with_provider: Site, provider: OidcProvider, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with with_provider.client() as client:
        provider.about = {"issuer": "https://elsewhere.test"}
        assert [(await client.get(START)).status_code for _ in range(3)] == [503] * 3
        assert len(provider.calls) == 1  # not by everybody who comes along
        monkeypatch.setattr("midwatch.server.accounts.provider.AGAIN_SECONDS", 0.0)
        provider.about = {"token_endpoint": "http://elsewhere.test/token", "authorization_endpoint": 1}
        assert (await client.get(START)).status_code == 503
        provider.port = 1
        assert (await client.get(START)).status_code == 503


@pytest.mark.parametrize("onward", ["https://evil.test", "//evil.test", "/\\evil.test", "x", "/\nx", ""])
def test_a_sign_in_goes_on_to_paths_of_this_server_only(onward: str) -> None:
    assert begun(onward).onward == "/"


@pytest.mark.parametrize("cookie", ["", "x", "e30", "bnVsbA", "é", "W10", "W1tb" * 2000])
def test_a_cookie_that_is_none_of_ours_is_no_sign_in(cookie: str) -> None:
    assert flow_of(cookie) is None


async def test_sign_in_that_is_not_set_up_is_404_and_one_that_cannot_work_is_said_at_the_start(site: Site) -> None:
    async with site.client() as client:
        assert (await client.get(START)).status_code == 404
        assert (await client.get(f"{START}/callback")).status_code == 404
    for oidc, named in (
        (OidcSettings(issuer="http://provider.test", client_id="x"), "server.oidc.issuer"),
        (OidcSettings(issuer="https://provider.test"), "server.oidc.client_id"),
        (OidcSettings(issuer="https://provider.test", client_id="x", client_secret_env="UNSET"), "UNSET"),
    ):
        with pytest.raises(InputError, match=named):
            opened(site.desk.database, ServingSettings(oidc=oidc), {})
    for address in ("midwatch.example.com", "https://", "https://x.test/sub", "ftp://x.test"):
        with pytest.raises(InputError, match=r"server\.public_url"):
            opened(site.desk.database, ServingSettings(public_url=address), {})
