"""Variables by which programs in a box find the proxy and trust its authority."""

from __future__ import annotations

from collections.abc import Container

PORT = 3128
"""Where the proxy is found on the box's own loopback."""

FOLDER = "/run/midwatch-network"
"""Where the box sees the files of its proxy."""

BUNDLE = f"{FOLDER}/ca.pem"
"""The authorities that the box trusts, inside the box."""

JAVA_STORE = f"{FOLDER}/ca.p12"
"""The same for Java."""

_URL = f"http://127.0.0.1:{PORT}"
_DIRECT = "localhost,127.0.0.1,::1"
_BUNDLE_NAMES = (
    "SSL_CERT_FILE", "REQUESTS_CA_BUNDLE", "PIP_CERT", "NODE_EXTRA_CA_CERTS", "GIT_SSL_CAINFO", "CURL_CA_BUNDLE",
    "CARGO_HTTP_CAINFO", "DENO_CERT", "AWS_CA_BUNDLE",
)  # fmt: skip


def variables(files: Container[str]) -> dict[str, str]:
    """The variables for a box that has these files."""
    found = {"NODE_USE_ENV_PROXY": "1"}
    for name in ("HTTP_PROXY", "HTTPS_PROXY", "npm_config_proxy", "npm_config_https_proxy"):
        found[name] = _URL
    found["NO_PROXY"] = _DIRECT
    for name in ("HTTP_PROXY", "HTTPS_PROXY", "NO_PROXY"):
        found[name.lower()] = found[name]
    found["npm_config_noproxy"] = _DIRECT
    java = [
        "-Dhttp.proxyHost=127.0.0.1", f"-Dhttp.proxyPort={PORT}", "-Dhttps.proxyHost=127.0.0.1",
        f"-Dhttps.proxyPort={PORT}", "-Dhttp.nonProxyHosts=localhost|127.*|[::1]",
    ]  # fmt: skip
    if JAVA_STORE in files:
        java += [f"-Djavax.net.ssl.trustStore={JAVA_STORE}", "-Djavax.net.ssl.trustStorePassword=changeit"]
    found["JAVA_TOOL_OPTIONS"] = " ".join(java)
    if BUNDLE in files:
        found.update(dict.fromkeys(_BUNDLE_NAMES, BUNDLE))
    return found
