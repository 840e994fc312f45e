"""A small OpenID Connect provider on loopback: discovery, keys, codes with PKCE, signed ID tokens."""

from __future__ import annotations

import asyncio
import base64
import contextlib
import hashlib
import json
import secrets
import time
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from typing import Any
from urllib.parse import parse_qs, urlencode, urlsplit

import jwt
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from jwt.algorithms import ECAlgorithm, RSAAlgorithm

CLIENT, SECRET = "midwatch", "the client's secret"


class OidcProvider:
    """Signs everybody in as `subject`. What it says can be changed between two requests."""

    def __init__(self) -> None:
        self.port = 0
        self.subject, self.name = "248289", "Ada Lovelace"
        self.asked: dict[str, dict[str, str]] = {}
        """What came with each code that is not yet taken."""
        self.calls: list[str] = []
        self.claims: dict[str, Any] = {}
        """In place of what is right; None takes a claim out."""
        self.about: dict[str, Any] = {}
        self.algorithm, self.key_name = "RS256", "one"
        self.sign_with: Any = None
        """In place of the right key."""
        self.kept: Any = rsa.generate_private_key(public_exponent=65537, key_size=2048)
        self.basic: list[str] = []

    @property
    def issuer(self) -> str:
        """Its address."""
        return f"http://127.0.0.1:{self.port}"

    def new_key(self, name: str, algorithm: str) -> None:
        """Sign with another one from now on, and show no other."""
        self.key_name, self.algorithm = name, algorithm
        self.kept = ec.generate_private_key(ec.SECP256R1()) if algorithm == "ES256" else self.kept

    async def connection(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """One request, one answer."""
        with contextlib.suppress(asyncio.IncompleteReadError, ConnectionError):
            head = (await reader.readuntil(b"\r\n\r\n")).decode()
            first, *lines = head.split("\r\n")
            headers = {k.lower(): v.strip() for k, _, v in (line.partition(":") for line in lines if line)}
            body = (await reader.readexactly(int(headers.get("content-length", 0)))).decode()
            _, target, _ = first.split(" ")
            status, answer = self._answer(target, headers, {k: v[0] for k, v in parse_qs(body).items()})
            data = json.dumps(answer).encode()
            writer.write(
                f"HTTP/1.1 {status} X\r\nConnection: close\r\nContent-Length: {len(data)}\r\n\r\n".encode() + data
            )
            await writer.drain()
        writer.close()

    def authorize(self, address: str) -> str:
        """As if a person had gone there and signed in: where their browser is sent back to."""
        parts = urlsplit(address)
        query = {key: values[0] for key, values in parse_qs(parts.query).items()}
        assert (parts.path, query["response_type"], query["client_id"]) == ("/authorize", "code", CLIENT)
        assert query["code_challenge_method"] == "S256"
        code = secrets.token_hex(8)
        self.asked[code] = query
        return f"{query['redirect_uri']}?{urlencode({'code': code, 'state': query['state'], 'iss': self.issuer})}"

    def _answer(self, target: str, headers: Mapping[str, str], form: dict[str, str]) -> tuple[int, Any]:
        self.calls.append(path := urlsplit(target).path)
        if path == "/.well-known/openid-configuration":
            ends = {f"{name}_endpoint": f"{self.issuer}/{name}" for name in ("authorize", "token")}
            about = {"authorization_endpoint": ends["authorize_endpoint"], "token_endpoint": ends["token_endpoint"]}
            return 200, {"issuer": self.issuer, "jwks_uri": f"{self.issuer}/keys", **about, **self.about}
        if path == "/keys":
            kind: Any = ECAlgorithm if self.algorithm == "ES256" else RSAAlgorithm
            shown = kind.to_jwk(self.kept.public_key(), as_dict=True)
            odd = {"kty": "future", "kid": "odd"}
            return 200, {"keys": [odd, {**shown, "kid": self.key_name, "use": "sig", "alg": self.algorithm}]}
        if path == "/token":
            return self._token(headers, form)
        return 404, {"error": "not found"}

    def _token(self, headers: Mapping[str, str], form: dict[str, str]) -> tuple[int, Any]:
        asked = self.asked.pop(form["code"], None)
        hashed = base64.urlsafe_b64encode(hashlib.sha256(form["code_verifier"].encode()).digest()).decode().rstrip("=")
        self.basic.append(base64.b64decode(headers.get("authorization", "").removeprefix("Basic ")).decode())
        if asked is None or hashed != asked["code_challenge"] or form["redirect_uri"] != asked["redirect_uri"]:
            return 400, {"error": "invalid_grant"}
        now = int(time.time())
        claims: dict[str, Any] = {
            "iss": self.issuer, "aud": CLIENT, "sub": self.subject, "iat": now, "exp": now + 300,
            "nonce": asked["nonce"], "preferred_username": self.name, **self.claims,
        }  # fmt: skip
        told = {name: value for name, value in claims.items() if value is not None}
        key = self.kept if self.sign_with is None else self.sign_with
        signed = jwt.encode(told, key, algorithm=self.algorithm, headers={"kid": self.key_name})
        return 200, {"access_token": "unused", "token_type": "Bearer", "id_token": signed}


@asynccontextmanager
async def oidc_provider() -> AsyncIterator[OidcProvider]:
    """On the running loop."""
    made = OidcProvider()
    server = await asyncio.start_server(made.connection, "127.0.0.1", 0)
    made.port = server.sockets[0].getsockname()[1]
    try:
        yield made
    finally:
        server.close()
