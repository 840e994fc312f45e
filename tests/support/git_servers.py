"""Git servers on loopback for tests: https with a password (and Git LFS), and ssh.

    with https_server(folder, secret=("ann", "s3cret")) as server: server.url("project")

serves every repository of the folder through `git http-backend`. What was asked is in `server.requests`.
"""

from __future__ import annotations

import base64
import contextlib
import getpass
import hashlib
import json
import os
import shutil
import socket
import ssl
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

from tests.support.loopback import QuietHandler, running

SSHD = shutil.which("sshd") or "/usr/sbin/sshd"


@dataclass
class GitServer:
    """What is served, and what was asked for."""

    root: Path
    certificate: Path
    secret: tuple[str, str] | None
    port: int = 0
    requests: list[tuple[str, str, dict[str, str]]] = field(default_factory=list)
    """Method, path with query, headers (names in lower case)."""
    redirects: dict[str, str] = field(default_factory=dict)
    """First part of a path, and the address that it is sent to."""
    broken: set[str] = field(default_factory=set)
    """Ids of LFS objects that are served with other bytes."""
    hrefs: dict[str, str] = field(default_factory=dict)
    """Ids of LFS objects, and where a batch answer says that they are."""
    put: dict[str, bytes] = field(default_factory=dict)
    """What was put, by path."""
    sent: int = 0
    """Bytes of bodies that were sent."""

    def url(self, name: str) -> str:
        """The address of a repository."""
        return f"https://localhost:{self.port}/{name}"

    def object_file(self, name: str, oid: str) -> Path:
        """Where the server has an LFS object."""
        return self.root / name / "lfs" / "objects" / oid[:2] / oid[2:4] / oid


def make_certificate(folder: Path) -> Path:
    """A certificate for localhost, with its key in the same file."""
    key, certificate = folder / "server.key", folder / "server.pem"
    subprocess.run(
        ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-days", "2",
         "-subj", "/CN=localhost", "-addext", "subjectAltName=DNS:localhost,IP:127.0.0.1",
         "-keyout", str(key), "-out", str(certificate)],
        check=True, capture_output=True,
    )  # fmt: skip
    certificate.write_bytes(certificate.read_bytes() + key.read_bytes())
    return certificate


@contextmanager
def https_server(root: Path, folder: Path, secret: tuple[str, str] | None = None) -> Iterator[GitServer]:
    """Serve the repositories in `root`; `folder` is for the certificate."""
    served = GitServer(root, make_certificate(folder), secret)
    with _serving(served, tls=True):
        yield served


@contextmanager
def http_server(root: Path, folder: Path) -> Iterator[GitServer]:
    """The same without TLS."""
    served = GitServer(root, folder / "none", None)
    with _serving(served, tls=False):
        yield served


@contextmanager
def _serving(served: GitServer, *, tls: bool) -> Iterator[None]:
    class Handler(_Handler):
        server_side = served

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = False
    server.block_on_close = True
    if tls:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(served.certificate)
        server.socket = context.wrap_socket(server.socket, server_side=True, do_handshake_on_connect=False)
    served.port = server.server_port
    with running(server):
        yield


class _Handler(QuietHandler, BaseHTTPRequestHandler):
    server_side: GitServer

    def do_GET(self) -> None:
        self._answer(b"")

    def do_PUT(self) -> None:
        self.server_side.put[self.path] = self.body()
        self.server_side.requests.append((self.command, self.path, {k.lower(): v for k, v in self.headers.items()}))
        self._send(200, b"", {})

    def do_POST(self) -> None:
        self._answer(self.body())

    def _answer(self, body: bytes) -> None:
        served = self.server_side
        headers = {name.lower(): value for name, value in self.headers.items()}
        served.requests.append((self.command, self.path, headers))
        first = self.path.split("/")[1]
        if first in served.redirects:
            rest = self.path.removeprefix(f"/{first}")
            self._send(302, b"", {"Location": served.redirects[first] + rest})
        elif served.secret and headers.get("authorization") != _basic(*served.secret):
            self._send(401, b"", {"WWW-Authenticate": 'Basic realm="test"'})
        elif self.path.endswith("/info/lfs/objects/batch"):
            self._batch(body)
        elif "/lfs-object/" in self.path:
            self._object()
        else:
            self._backend(body)

    def _send(self, status: int, body: bytes, headers: dict[str, str]) -> None:
        self.send_response(status)
        for name, value in {**headers, "Content-Length": str(len(body))}.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(body)
        self.server_side.sent += len(body)

    def _batch(self, body: bytes) -> None:
        served = self.server_side
        name = self.path.removeprefix("/").removesuffix("/info/lfs/objects/batch")
        answers = []
        for wanted in json.loads(body)["objects"]:
            oid = wanted["oid"]
            if not served.object_file(name, oid).is_file():
                answers.append({**wanted, "error": {"code": 404, "message": "Object does not exist"}})
                continue
            scheme = "https" if served.certificate.is_file() else "http"
            href = served.hrefs.get(oid, f"{scheme}://localhost:{served.port}/{name}/lfs-object/{oid}")
            answers.append({**wanted, "actions": {"download": {"href": href, "header": {"X-Ticket": "1"}}}})
        text = json.dumps({"transfer": "basic", "objects": answers}).encode()
        self._send(200, text, {"Content-Type": "application/vnd.git-lfs+json"})

    def _object(self) -> None:
        name, _, oid = self.path.removeprefix("/").partition("/lfs-object/")
        data = self.server_side.object_file(name, oid).read_bytes()
        if oid in self.server_side.broken:
            data = data[::-1]
        self._send(200, data, {"Content-Type": "application/octet-stream"})

    def _backend(self, body: bytes) -> None:
        path, _, query = self.path.partition("?")
        environment = {
            "PATH": os.environ["PATH"], "GIT_PROJECT_ROOT": str(self.server_side.root), "GIT_HTTP_EXPORT_ALL": "1",
            "GIT_CONFIG_COUNT": "1", "GIT_CONFIG_KEY_0": "safe.directory", "GIT_CONFIG_VALUE_0": "*",
            "REQUEST_METHOD": self.command, "PATH_INFO": path, "QUERY_STRING": query, "REMOTE_ADDR": "127.0.0.1",
            "CONTENT_TYPE": self.headers.get("Content-Type", ""), "CONTENT_LENGTH": str(len(body)),
            "HTTP_CONTENT_ENCODING": self.headers.get("Content-Encoding", ""),
            "GIT_PROTOCOL": self.headers.get("Git-Protocol", ""),
        }  # fmt: skip
        done = subprocess.run(["git", "http-backend"], input=body, env=environment, capture_output=True, check=False)
        head, _, content = done.stdout.partition(b"\r\n\r\n")
        headers = dict(line.split(": ", 1) for line in head.decode("latin1").split("\r\n") if ": " in line)
        self._send(int(headers.pop("Status", "200").split()[0]), content, headers)


def _basic(user: str, password: str) -> str:
    return "Basic " + base64.b64encode(f"{user}:{password}".encode()).decode()


def put_lfs_object(folder: Path, data: bytes) -> str:
    """Store an LFS object below a git folder as git-lfs does; the text of its pointer."""
    oid = hashlib.sha256(data).hexdigest()
    file = folder / "lfs" / "objects" / oid[:2] / oid[2:4] / oid
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_bytes(data)
    return f"version https://git-lfs.github.com/spec/v1\noid sha256:{oid}\nsize {len(data)}\n"


@dataclass(frozen=True)
class SshServer:
    """An sshd for the user who runs the tests."""

    port: int
    command: str
    """What GIT_SSH_COMMAND must be to reach it."""

    def url(self, path: Path) -> str:
        """The address of a repository at a path of this machine."""
        return f"ssh://{getpass.getuser()}@127.0.0.1:{self.port}{path}"


@contextmanager
def ssh_server(folder: Path) -> Iterator[SshServer]:
    """A real sshd on a high port, with keys made for it in `folder`."""
    for name in ("host", "person"):
        subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", str(folder / name)], check=True)
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    shutil.copyfile(folder / "person.pub", folder / "authorized_keys")
    (folder / "sshd_config").write_text(
        f"Port {port}\nListenAddress 127.0.0.1\nHostKey {folder}/host\nAuthorizedKeysFile {folder}/authorized_keys\n"
        f"StrictModes no\nUsePAM no\nPasswordAuthentication no\nPermitRootLogin prohibit-password\nPidFile none\n"
    )
    host = (folder / "host.pub").read_text().rsplit(" ", 1)[0]
    (folder / "known_hosts").write_text(f"[127.0.0.1]:{port} {host}\n")
    command = f"ssh -F none -i {folder}/person -o UserKnownHostsFile={folder}/known_hosts -o IdentitiesOnly=yes"
    if os.geteuid() == 0:
        Path("/run/sshd").mkdir(mode=0o755, exist_ok=True)
    log = folder / "sshd.log"
    process = subprocess.Popen([SSHD, "-D", "-f", str(folder / "sshd_config"), "-E", str(log)])
    try:
        deadline = time.monotonic() + 20
        while time.monotonic() < deadline and process.poll() is None:
            with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), 1):
                break
            time.sleep(0.02)
        assert process.poll() is None, log.read_text()
        yield SshServer(port, command)
    finally:
        process.terminate()
        process.wait()
