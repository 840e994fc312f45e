"""Sign-in with an OpenID Connect provider: the authorization code flow with PKCE; whoever signs in stays in their
browser's cookie until they come back, so that nothing is kept for those who never do."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import secrets
import time
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any
from urllib.parse import quote, urlencode

import jwt

from midwatch.domain.errors import InputError
from midwatch.engine.config import OidcSettings
from midwatch.server.accounts.fetching import Unreachable, document, is_safe, post_form
from midwatch.server.problems import Problem

ALGORITHMS = ("RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "ES512", "EdDSA")
"""Signatures by a key that only the provider has. HS256, by the client's own secret, and `none` are not among them."""
FRESH_SECONDS = 3600.0
"""How long what the provider says of itself is believed."""
AGAIN_SECONDS = 10.0
"""How often it is asked again when it did not answer, or for a key because of a token with an unknown one."""
LEEWAY = 60
"""Seconds by which the clocks may differ."""
_KEYS = 64


@dataclass(frozen=True, slots=True)
class Flow:
    """One sign-in that has begun."""

    state: str
    nonce: str
    verifier: str
    onward: str
    """The path where the browser goes after it."""

    def cookie(self) -> str:
        """As it stands in a cookie."""
        return base64.urlsafe_b64encode(json.dumps(asdict(self)).encode()).decode().rstrip("=")


@dataclass(frozen=True, slots=True)
class Person:
    """Who has signed in."""

    subject: str
    """The provider's address, a space, and its name for them, which never changes."""
    called: str


def begun(onward: str) -> Flow:
    """A new sign-in. Only a path of this server is gone on to."""
    onward = onward if _inside(onward) else "/"
    return Flow(secrets.token_urlsafe(32), secrets.token_urlsafe(32), secrets.token_urlsafe(48), onward)


def flow_of(cookie: str) -> Flow | None:
    """What a cookie says; None for what is none of ours."""
    try:
        found = json.loads(base64.urlsafe_b64decode(cookie + "=" * (-len(cookie) % 4)))
        flow = Flow(**found)
    except (ValueError, TypeError, RecursionError):
        return None
    usable = all(isinstance(value, str) and value and value.isprintable() for value in asdict(flow).values())
    return flow if usable and _inside(flow.onward) else None


def _inside(onward: str) -> bool:
    return onward.startswith("/") and not onward.startswith("//") and "\\" not in onward and onward.isprintable()


class Provider:
    """One provider. What it says of itself is asked for when it is first needed."""

    def __init__(self, settings: OidcSettings, secret: str) -> None:
        """Raises InputError for an address that cannot be used."""
        if not is_safe(settings.issuer):
            raise InputError(
                f"server.oidc.issuer is {settings.issuer!r}, which proves nothing",
                "give the provider's https:// address as it stands in its tokens (http:// is for this machine only)",
            )
        self._settings, self._secret = settings, secret
        self._about: Mapping[str, Any] = {}
        self._about_since = self._keys_since = float("-inf")
        self._keys: list[jwt.PyJWK] = []
        self._failure: Unreachable | None = None
        self._failed = float("-inf")

    async def address(self, flow: Flow, back: str) -> str:
        """Where the browser is sent; it comes back to `back`. Raises Unreachable."""
        challenge = base64.urlsafe_b64encode(hashlib.sha256(flow.verifier.encode()).digest()).decode().rstrip("=")
        asked = {
            "response_type": "code",
            "client_id": self._settings.client_id,
            "redirect_uri": back,
            "scope": " ".join(dict.fromkeys(("openid", *self._settings.scopes))),
            "state": flow.state,
            "nonce": flow.nonce,
            "code_challenge": challenge,
            "code_challenge_method": "S256",
        }
        endpoint = await self._endpoint("authorization_endpoint")
        return f"{endpoint}{'&' if '?' in endpoint else '?'}{urlencode(asked)}"

    async def person(self, flow: Flow, came: Mapping[str, str], back: str) -> Person:
        """Who has come back with these parameters. Raises Problem 403 for what does not belong to this sign-in or
        cannot be believed, Unreachable."""
        if not hmac.compare_digest(came.get("state", "").encode(), flow.state.encode()):
            raise Problem(403, "this sign-in was not begun in this browser, or long ago", "begin it again")
        if came.get("iss", self._settings.issuer) != self._settings.issuer:
            raise Problem(403, "the answer is from another provider")
        if "error" in came or not came.get("code"):
            raise Problem(403, f"the provider did not sign you in: {_word(came.get('error', 'no code'))}")
        claims = await self._claims(await self._id_token(flow, came["code"], back))
        if not hmac.compare_digest(str(claims.get("nonce", "")).encode(), flow.nonce.encode()):
            raise Problem(403, "the provider's token is for another sign-in", "begin it again")
        subject = str(claims["sub"])
        if not subject.isprintable():
            raise Problem(403, "the provider's token names nobody that can be kept")
        return Person(f"{self._settings.issuer} {subject}", _word(claims.get(self._settings.name_claim) or subject))

    async def _id_token(self, flow: Flow, code: str, back: str) -> str:
        client = self._settings.client_id
        form = {
            "grant_type": "authorization_code",
            "code": code,
            "redirect_uri": back,
            "client_id": client,
            "code_verifier": flow.verifier,
        }
        headers = {}
        endpoint = await self._endpoint("token_endpoint")
        if self._secret and "client_secret_basic" in self._about.get(
            "token_endpoint_auth_methods_supported", ("client_secret_basic",)
        ):
            pair = f"{quote(client, safe='')}:{quote(self._secret, safe='')}"
            headers["Authorization"] = f"Basic {base64.b64encode(pair.encode()).decode()}"
        elif self._secret:
            form["client_secret"] = self._secret
        status, found = await post_form(endpoint, form, headers)
        if status != 200:
            raise Problem(403, f"the provider refused the sign-in: {_word(found.get('error', status))}")
        token = found.get("id_token")
        if not isinstance(token, str):
            raise Problem(403, "the provider gave no ID token", "server.oidc.scopes must have openid")
        return token

    async def _claims(self, token: str) -> Mapping[str, Any]:
        settings = self._settings
        try:
            head = jwt.get_unverified_header(token)
            key = await self._key(head.get("kid"))
            claims: dict[str, Any] = jwt.decode(
                token,
                key,
                algorithms=list(ALGORITHMS),
                audience=settings.client_id,
                issuer=settings.issuer,
                leeway=LEEWAY,
                options={"require": ["exp", "iat", "iss", "aud", "sub"]},
            )
        except jwt.PyJWTError as error:
            raise Problem(403, f"the provider's token cannot be believed: {type(error).__name__}") from None
        if isinstance(claims["aud"], list) and len(claims["aud"]) > 1 and claims.get("azp") != settings.client_id:
            raise Problem(403, "the provider's token is for another client")
        return claims

    async def _key(self, name: Any) -> jwt.PyJWK:
        """The key of that name, or the only one there is."""
        found = self._named(name)
        now = time.monotonic()
        if (found is None or now > self._keys_since + FRESH_SECONDS) and now > self._keys_since + AGAIN_SECONDS:
            told = await document(await self._endpoint("jwks_uri"))
            listed = [key for key in told.get("keys", []) if isinstance(key, dict) and key.get("use", "sig") == "sig"]
            self._keys, self._keys_since = _usable(listed[:_KEYS]), now
            found = self._named(name)
        if found is None:
            raise Problem(403, "the provider's token is signed with a key that it does not show")
        return found

    def _named(self, name: Any) -> jwt.PyJWK | None:
        if name is None:
            return self._keys[0] if len(self._keys) == 1 else None
        return next((key for key in self._keys if key.key_id == name), None)

    async def _endpoint(self, name: str) -> str:
        now = time.monotonic()
        if now > self._about_since + FRESH_SECONDS:
            if self._failure is not None and now < self._failed + AGAIN_SECONDS:
                raise self._failure
            try:
                self._about, self._about_since = await self._asked(), now
            except Unreachable as failure:
                self._failure, self._failed = failure, now
                raise
        found = self._about.get(name)
        if not isinstance(found, str) or not is_safe(found):
            raise Unreachable(f"the provider says no usable {name}")
        return found

    async def _asked(self) -> Mapping[str, Any]:
        """What the provider says of itself."""
        issuer = self._settings.issuer
        about = await document(f"{issuer.rstrip('/')}/.well-known/openid-configuration")
        if about.get("issuer") != issuer:
            raise Unreachable(
                f"the provider calls itself {_word(about.get('issuer'))}, and server.oidc.issuer {issuer}",
                "set server.oidc.issuer to exactly what the provider calls itself",
            )
        return about


def _usable(listed: list[dict[str, Any]]) -> list[jwt.PyJWK]:
    """Those of kinds that are known; a provider may show others too."""
    found = []
    for key in listed:
        try:
            made = jwt.PyJWK(key)
        except jwt.PyJWTError:
            continue
        if made.algorithm_name in ALGORITHMS:
            found.append(made)
    return found


def _word(value: object) -> str:
    """What somebody else wrote, short and harmless."""
    return "".join(c for c in str(value)[:80] if c.isprintable())
