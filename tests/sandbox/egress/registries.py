"""Small registries: a Python index, an npm registry and a git server, each as one function of requests."""

from __future__ import annotations

import base64
import functools
import hashlib
import io
import json
import os
import subprocess
import tarfile
import zipfile
from pathlib import Path

from tests.sandbox.egress.ground import ok


@functools.cache  # both hold the time at which they were packed
def wheel() -> bytes:
    """A Python package `lantern` 1.0."""
    files = {
        "lantern.py": "LIGHT = 'on'\n",
        "lantern-1.0.dist-info/METADATA": "Metadata-Version: 2.1\nName: lantern\nVersion: 1.0\n",
        "lantern-1.0.dist-info/WHEEL": "Wheel-Version: 1.0\nGenerator: t\nRoot-Is-Purelib: true\nTag: py3-none-any\n",
    }
    files["lantern-1.0.dist-info/RECORD"] = "".join(f"{name},,\n" for name in files)
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w") as archive:
        for name, text in files.items():
            archive.writestr(name, text)
    return packed.getvalue()


def python_index(head: bytes, body: bytes) -> bytes:
    """pypi.org and files.pythonhosted.org, PEP 503."""
    path = head.split()[1].decode()
    if path == "/simple/lantern/":
        name, content = "lantern-1.0-py3-none-any.whl", wheel()
        link = f"https://files.pythonhosted.org/packages/{name}#sha256={hashlib.sha256(content).hexdigest()}"
        return ok(
            f"<!DOCTYPE html><html><body><a href='{link}'>{name}</a></body></html>".encode(), "Content-Type: text/html"
        )
    if path.endswith(".whl"):
        return ok(wheel(), "Content-Type: application/octet-stream")
    return missing()


def npm_registry(head: bytes, body: bytes) -> bytes:
    """registry.npmjs.org."""
    path = head.split()[1].decode()
    tarball = package()
    if path == "/lantern":
        digest = base64.b64encode(hashlib.sha512(tarball).digest()).decode()
        where = "https://registry.npmjs.org/lantern/-/lantern-1.0.0.tgz"
        version = {"name": "lantern", "version": "1.0.0", "dist": {"tarball": where, "integrity": f"sha512-{digest}"}}
        packument = {"name": "lantern", "dist-tags": {"latest": "1.0.0"}, "versions": {"1.0.0": version}}
        return ok(json.dumps(packument).encode(), "Content-Type: application/json")
    if path.endswith(".tgz"):
        return ok(tarball, "Content-Type: application/octet-stream")
    return missing()


@functools.cache
def package() -> bytes:
    """An npm package `lantern` 1.0.0."""
    packed = io.BytesIO()
    with tarfile.open(fileobj=packed, mode="w:gz") as archive:
        for name, text in (
            ("package/package.json", json.dumps({"name": "lantern", "version": "1.0.0", "main": "index.js"})),
            ("package/index.js", "module.exports = 'on'\n"),
        ):
            member = tarfile.TarInfo(name)
            member.size = len(text)
            archive.addfile(member, io.BytesIO(text.encode()))
    return packed.getvalue()


def missing() -> bytes:
    """404."""
    return b"HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n"


class GitServer:
    """`git http-backend` over a folder of bare repositories."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        bare, made = folder / "me" / "lantern.git", folder / "made"
        self._git("init", "--quiet", "--initial-branch=main", str(made))
        (made / "README").write_text("a lantern\n")
        self._git("-C", str(made), "add", ".")
        self._git(
            "-C", str(made), "-c", "user.name=t", "-c", "user.email=t@example.com", "commit", "--quiet", "-m", "light"
        )
        self._git("clone", "--quiet", "--bare", str(made), str(bare))
        self._git("-C", str(bare), "config", "http.receivepack", "true")

    def answer(self, head: bytes, body: bytes) -> bytes:
        """One request."""
        method, target = head.decode().split()[:2]
        path, _, query = target.partition("?")
        fields = dict(line.split(": ", 1) for line in head.decode().split("\r\n")[1:] if line)
        environment = {
            "PATH": os.environ["PATH"], "GIT_PROJECT_ROOT": str(self._folder), "GIT_HTTP_EXPORT_ALL": "1",
            "GIT_CONFIG_GLOBAL": "/dev/null", "REQUEST_METHOD": method, "PATH_INFO": path, "QUERY_STRING": query,
            "CONTENT_LENGTH": str(len(body)), "CONTENT_TYPE": fields.get("Content-Type", ""),
            "HTTP_CONTENT_ENCODING": fields.get("Content-Encoding", ""), "REMOTE_USER": "me",
            "GIT_PROTOCOL": fields.get("Git-Protocol", ""),
        }  # fmt: skip
        ran = subprocess.run(["git", "http-backend"], input=body, env=environment, capture_output=True, check=True)
        said, _, content = ran.stdout.partition(b"\r\n\r\n")
        lines = [line for line in said.decode().split("\r\n") if not line.startswith("Status:")]
        status = next((line[8:] for line in said.decode().split("\r\n") if line.startswith("Status:")), "200 OK")
        return ok(content, *lines).replace(b"200 OK", status.encode(), 1)

    def _git(self, *argv: str) -> None:
        environment = {"PATH": os.environ["PATH"], "HOME": str(self._folder), "GIT_CONFIG_NOSYSTEM": "1"}
        subprocess.run(["git", *argv], check=True, env=environment, cwd=self._folder)
