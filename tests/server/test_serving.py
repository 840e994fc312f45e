"""Where a server listens: nowhere that others could read along, unless that was asked for by name."""

from __future__ import annotations

import socket
import ssl
from datetime import UTC, datetime, timedelta
from ipaddress import IPv4Address
from pathlib import Path

import httpx2
import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from fastapi import FastAPI

from midwatch.domain.errors import InputError
from midwatch.server.serving import Address, Server, listener
from tests.support.api import serving

PEM = Path("x.pem")


@pytest.mark.parametrize("host", ["127.0.0.1", "127.1.2.3", "::1", "localhost"])
def test_this_machine_alone_needs_no_protection(host: str) -> None:
    Address(host).require_safe()


@pytest.mark.parametrize("host", ["0.0.0.0", "::", "192.0.2.1", "midwatch.example"])
def test_any_other_address_needs_tls_or_a_proxy_or_to_be_asked_for_by_name(host: str) -> None:
    with pytest.raises(InputError, match="in the clear"):
        Address(host).require_safe()
    Address(host, tls_cert=PEM, tls_key=PEM).require_safe()
    Address(host, proxy="192.0.2.7").require_safe()
    Address(host, insecure=True).require_safe()


def test_a_certificate_without_its_key_is_not_enough() -> None:
    for half in (Address(tls_cert=PEM), Address("0.0.0.0", tls_key=PEM, insecure=True)):
        with pytest.raises(InputError, match="its key"):
            half.require_safe()


def test_an_address_that_cannot_be_had_is_named() -> None:
    with listener(Address(port=0)) as taken:
        with pytest.raises(InputError, match="cannot be had"):
            listener(Address(port=taken.getsockname()[1]))
    with pytest.raises(InputError, match="cannot be had"):
        listener(Address("192.0.2.1", 0))


def test_connections_send_what_they_are_given_at_once() -> None:
    with listener(Address(port=0)) as heard, socket.create_connection(heard.getsockname()):
        taken, _ = heard.accept()
        with taken:
            assert taken.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY)


def test_a_certificate_that_cannot_be_read_is_refused_before_anything_is_answered(tmp_path: Path) -> None:
    broken = tmp_path / "broken.pem"
    for content in (None, "no certificate"):
        if content:
            broken.write_text(content)
        with pytest.raises(InputError, match="cannot be used"):
            Server(FastAPI(), Address(tls_cert=broken, tls_key=broken), lambda: None)


def certificate(folder: Path) -> tuple[Path, Path]:
    """One for loopback, and its key."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "midwatch")])
    day = timedelta(days=1)
    made = (
        x509.CertificateBuilder(name, name, key.public_key(), x509.random_serial_number())
        .not_valid_before(datetime.now(UTC) - day)
        .not_valid_after(datetime.now(UTC) + day)
        .add_extension(x509.SubjectAlternativeName([x509.IPAddress(IPv4Address("127.0.0.1"))]), critical=False)
        .sign(key, hashes.SHA256())
    )
    (folder / "cert.pem").write_bytes(made.public_bytes(serialization.Encoding.PEM))
    secret = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    (folder / "key.pem").write_bytes(secret)
    return folder / "cert.pem", folder / "key.pem"


async def test_a_server_with_a_certificate_speaks_tls(tmp_path: Path) -> None:
    cert, key = certificate(tmp_path)
    environ = {"PATH": "/usr/bin:/bin", "XDG_STATE_HOME": str(tmp_path / "state")}
    trusted = ssl.create_default_context(cafile=str(cert))
    async with serving(tmp_path, environ, Address(port=0, tls_cert=cert, tls_key=key)) as api:
        async with httpx2.AsyncClient(verify=trusted) as client:
            assert api.url.startswith("https://")
            assert (await client.get(f"{api.url}/readyz")).json()["status"] == "ok"
