"""Whom the proxy trusts, and the bundle of authorities that a box is given."""

from __future__ import annotations

import os
import ssl
from pathlib import Path

from midwatch.domain.errors import OperationError

_SYSTEM = (
    "/etc/ssl/certs/ca-certificates.crt",  # Debian, Ubuntu, Arch
    "/etc/pki/tls/certs/ca-bundle.crt",  # Fedora, Red Hat
    "/etc/ssl/ca-bundle.pem",  # openSUSE
    "/etc/ssl/cert.pem",  # Alpine
)


def authorities() -> bytes:
    """The certificates that this machine trusts, and those of SSL_CERT_FILE, as PEM. Reads files. Raises
    OperationError when there are none."""
    files = [
        path for path in (*map(Path, _SYSTEM), Path(ssl.get_default_verify_paths().openssl_cafile)) if path.is_file()
    ]
    named = os.environ.get("SSL_CERT_FILE", "")
    try:
        pieces = [files[0].read_bytes()] if files else []
        if named and not (files and Path(named).samefile(files[0])):
            pieces.append(Path(named).read_bytes())
    except OSError as error:
        raise OperationError(
            f"certificates cannot be read: {error}", "check the file that SSL_CERT_FILE names"
        ) from None
    if not pieces:
        raise OperationError(
            "this machine has no certificates of authorities, so no https can be checked",
            "install ca-certificates, or name a file in SSL_CERT_FILE",
        )
    return b"\n".join(pieces)


def readable(context: ssl.SSLContext) -> list[bytes]:
    """The authorities that a context trusts, as DER, without the few old ones whose number is not positive: the rules
    forbid it, and stricter programs do not read them."""
    both = zip(context.get_ca_certs(binary_form=True), context.get_ca_certs(), strict=True)
    return [der for der, described in both if int(str(described["serialNumber"]), 16) > 0]


def client_context(pem: bytes) -> ssl.SSLContext:
    """How hosts outside are checked: by these authorities and their names; HTTP/1.1. Takes 30 ms. Raises
    OperationError."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.set_alpn_protocols(["http/1.1"])
    try:
        context.load_verify_locations(cadata=pem.decode("ascii", "ignore"))
    except ssl.SSLError as error:
        raise OperationError(
            f"the certificates of authorities cannot be read: {error.reason}",
            "check the file that SSL_CERT_FILE names: it holds PEM certificates",
        ) from None
    return context
