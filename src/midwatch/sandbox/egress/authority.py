"""The certificate authority of one box: made when the box is opened, kept in memory, and gone with it."""

from __future__ import annotations

import datetime
import os
import ssl
from collections.abc import Iterable

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

_DAY = datetime.timedelta(days=1)
_LIFE = 30 * _DAY
_KEPT = 64


class Authority:
    """Vouches, towards one box only, for the names that the proxy intercepts."""

    def __init__(self) -> None:
        """Takes some milliseconds."""
        self._key = ec.generate_private_key(ec.SECP256R1())
        self._leaf_key = ec.generate_private_key(ec.SECP256R1())
        self._name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "Midwatch, for one box")])
        self._certificate = self._made()
        self._contexts: dict[str, ssl.SSLContext] = {}

    @property
    def pem(self) -> bytes:
        """The authority's certificate."""
        return self._certificate.public_bytes(serialization.Encoding.PEM)

    def java_store(self, others: Iterable[bytes]) -> bytes:
        """A trust store for Java (PKCS #12, password `changeit`) with this authority and others, given as DER."""
        from cryptography.hazmat.primitives.serialization import pkcs12

        trusted = [*map(x509.load_der_x509_certificate, others), self._certificate]
        entries = [pkcs12.PKCS12Certificate(one, str(number).encode()) for number, one in enumerate(trusted)]
        return pkcs12.serialize_java_truststore(entries, serialization.BestAvailableEncryption(b"changeit"))

    def context(self, host: str) -> ssl.SSLContext:
        """The server's side of TLS for a host, which speaks HTTP/1.1."""
        if host not in self._contexts:
            if len(self._contexts) >= _KEPT:  # a rule with a star has any number of names
                self._contexts.pop(next(iter(self._contexts)))
            self._contexts[host] = self._context(host)
        return self._contexts[host]

    def _context(self, host: str) -> ssl.SSLContext:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.minimum_version = ssl.TLSVersion.TLSv1_2
        context.set_alpn_protocols(["http/1.1"])
        context.options |= ssl.OP_NO_RENEGOTIATION
        key = self._leaf_key.private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        )
        # The standard library wants a file: one without a name, in memory.
        handle = os.memfd_create("midwatch")
        try:
            os.write(handle, self._leaf(host).public_bytes(serialization.Encoding.PEM) + key)
            context.load_cert_chain(f"/proc/self/fd/{handle}")
        finally:
            os.close(handle)
        return context

    def _made(self) -> x509.Certificate:
        usage = x509.KeyUsage(
            digital_signature=False, content_commitment=False, key_encipherment=False, data_encipherment=False,
            key_agreement=False, key_cert_sign=True, crl_sign=True, encipher_only=False, decipher_only=False,
        )  # fmt: skip
        return (
            self._begun(self._name, self._key.public_key())
            .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
            .add_extension(usage, critical=True)
            .sign(self._key, hashes.SHA256())
        )

    def _leaf(self, host: str) -> x509.Certificate:
        issuer = x509.AuthorityKeyIdentifier.from_issuer_public_key(self._key.public_key())
        # The name stands in the extension alone: a common name has 64 characters at most.
        return (
            self._begun(x509.Name([]), self._leaf_key.public_key())
            .add_extension(x509.SubjectAlternativeName([x509.DNSName(host)]), critical=True)
            .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
            .add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH]), critical=False)
            .add_extension(issuer, critical=False)
            .sign(self._key, hashes.SHA256())
        )

    def _begun(self, subject: x509.Name, key: ec.EllipticCurvePublicKey) -> x509.CertificateBuilder:
        now = datetime.datetime.now(datetime.UTC)
        return (
            x509.CertificateBuilder()
            .subject_name(subject)
            .issuer_name(self._name)
            .public_key(key)
            .serial_number(x509.random_serial_number())
            .not_valid_before(now - _DAY)  # clocks differ
            .not_valid_after(now + _LIFE)
            .add_extension(x509.SubjectKeyIdentifier.from_public_key(key), critical=False)
        )
