"""Real programs in a real box: what they need comes through the allowlist, and nothing else."""

from __future__ import annotations

import asyncio
import importlib.util
import secrets
import shutil
import subprocess
import sys
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

from midwatch.sandbox.bubblewrap import Bubblewrap
from midwatch.sandbox.egress.rules import rules
from midwatch.sandbox.network import Decision, InjectedHeader, Network
from tests.sandbox.boxes import Bench, opened
from tests.sandbox.egress.ground import Authority, Server, ok, serving
from tests.sandbox.egress.registries import GitServer, npm_registry, python_index

# Everything but the host's programs, and what /proc tells of the processes. The needle comes written backwards.
SEARCH = """
import os, sys
needle = sys.stdin.buffer.read()[::-1]
assert len(needle) == 32
def holds(path):
    try:
        return os.path.isfile(path) and needle in open(path, "rb").read()
    except OSError:
        return False  # not for this user, so not for the box
for top, folders, files in os.walk("/"):
    folders[:] = [name for name in folders if os.path.join(top, name) not in ("/usr", "/sys", "/proc", sys.argv[1])]
    print(*[path for name in files if holds(path := os.path.join(top, name))], sep="", end="")
for pid in filter(str.isdecimal, os.listdir("/proc")):
    for path in (f"/proc/{pid}/{name}" for name in ("environ", "cmdline", "status", "mountinfo", "net/tcp")):
        print(*[path for _ in "1" if holds(path)], sep="", end="")
print("searched")
"""

Answer = Callable[[bytes, bytes], bytes]


def needs(program: str) -> pytest.MarkDecorator:
    """Skip where a client is not installed."""
    return pytest.mark.skipif(shutil.which(program, path="/usr/bin") is None, reason=f"{program} is not installed")


@asynccontextmanager
async def boxed(
    internet: Authority,
    folder: Path,
    answer: Answer,
    hosts: list[str],
    entries: list[str],
    **more: Any,
) -> AsyncIterator[tuple[Bench, list[Decision], Server]]:
    """A box whose network is these entries; all hosts are one server on loopback."""
    decisions: list[Decision] = []
    headers = more.pop("headers", ())
    async with AsyncExitStack() as stack:
        server = await stack.enter_async_context(serving(answer, internet.server(*hosts)))
        pinned = dict.fromkeys(hosts, f"127.0.0.1:{server.port}")
        network = Network(rules(entries), headers, decisions.append, pinned)
        bench = await stack.enter_async_context(opened(Bubblewrap(), folder / "box", **{"network": network, **more}))
        yield bench, decisions, server


async def test_pip_installs_from_the_python_preset(internet: Authority, tmp_path: Path) -> None:
    found = importlib.util.find_spec("pip")
    assert found is not None
    assert found.origin is not None
    support = tmp_path / "support"
    shutil.copytree(Path(found.origin).parent, support / "pip")
    hosts = ["pypi.org", "files.pythonhosted.org"]
    variables = {"PIP_CONFIG_FILE": "/dev/null", "PYTHONPATH": "/run/midwatch", "PIP_DISABLE_PIP_VERSION_CHECK": "1"}
    more = {"support": support, "environment": variables}
    async with boxed(internet, tmp_path, python_index, hosts, ["preset:python"], **more) as (bench, decisions, _):
        result, said = await bench.run("python3", "-m", "pip", "install", "--target", "got", "lantern")
        assert result.ended == "exit 0", said
        result, said = await bench.run("python3", "-c", "import lantern; print(lantern.LIGHT)", cwd="got")
        assert said == "on\n"
        elsewhere = ["--target=other", "--retries=1", "--index-url=https://evil.example/simple"]
        result, said = await bench.run("python3", "-m", "pip", "install", *elsewhere, "lantern")
        assert result.exit_code == 1
        assert "the host evil.example is not in the allowed hosts" in said, said
    paths = [(one.host, one.method, one.path) for one in decisions if one.allowed]
    assert paths == [
        ("pypi.org", "GET", "/simple/lantern/"),
        ("files.pythonhosted.org", "GET", "/packages/lantern-1.0-py3-none-any.whl"),
    ]


@needs("npm")
async def test_npm_installs_from_the_node_preset(internet: Authority, tmp_path: Path) -> None:
    variables = {"npm_config_globalconfig": "/dev/null", "npm_config_update_notifier": "false"}
    async with boxed(
        internet, tmp_path, npm_registry, ["registry.npmjs.org"], ["preset:node"], environment=variables
    ) as (bench, decisions, _):
        result, said = await bench.run("npm", "install", "lantern")
        assert result.ended == "exit 0", said
        _, said = await bench.run("node", "-p", "require('lantern')")
        assert said == "on\n"
    allowed = [(one.method, one.path) for one in decisions if one.allowed]
    assert allowed == [("GET", "/lantern"), ("GET", "/lantern/-/lantern-1.0.0.tgz")]


@needs("git")
async def test_git_clones_over_https_and_cannot_push_where_it_only_reads(internet: Authority, tmp_path: Path) -> None:
    (tmp_path / "served").mkdir()
    server = GitServer(tmp_path / "served")
    where = "https://github.com/me/lantern.git"
    async with boxed(internet, tmp_path, server.answer, ["github.com"], ["preset:github"]) as (bench, decisions, seen):
        result, said = await bench.run("git", "clone", "--quiet", where, "got")
        assert result.ended == "exit 0", said
        assert await bench.box.read(b"got/README") == b"a lantern\n"
        name = ["-c", "user.name=t", "-c", "user.email=t@example.com"]
        await bench.run("git", *name, "commit", "--allow-empty", "-qm", "more", cwd="got")
        result, said = await bench.run("git", "push", "origin", "HEAD:refs/heads/out", cwd="got")
        assert result.exit_code != 0
        assert "403" in said
    assert [one.method for one in decisions if one.allowed] == ["GET", "POST", *(["POST"] * (len(seen.heads) - 2))]
    assert not any(b"receive-pack" in head for head in seen.heads)


@needs("git")
async def test_git_clones_and_pushes_through_a_tunnel_where_every_method_is_allowed(
    internet: Authority, tmp_path: Path
) -> None:
    (tmp_path / "served").mkdir()
    server = GitServer(tmp_path / "served")
    where = "https://git.example/me/lantern.git"
    trust = {"GIT_SSL_CAINFO": "/run/midwatch/internet.pem"}
    (tmp_path / "support").mkdir()
    shutil.copy(internet.file, tmp_path / "support")
    more = {"support": tmp_path / "support", "environment": trust}
    async with boxed(internet, tmp_path, server.answer, ["git.example"], ["git.example"], **more) as (bench, told, _):
        result, said = await bench.run("git", "clone", "--quiet", where, "got")
        assert result.ended == "exit 0", said
        result, said = await bench.run("git", "push", "--quiet", "origin", "HEAD:refs/heads/out", cwd="got")
        assert result.ended == "exit 0", said
    assert {(one.method, one.allowed) for one in told} == {("CONNECT", True)}
    heads = subprocess.run(
        ["git", "for-each-ref", "--format=%(refname)"], cwd=tmp_path / "served/me/lantern.git",
        capture_output=True, text=True, check=True, env={"PATH": "/usr/bin:/bin", "GIT_CONFIG_COUNT": "1",
        "GIT_CONFIG_KEY_0": "safe.directory", "GIT_CONFIG_VALUE_0": "*"},
    )  # fmt: skip
    assert "refs/heads/out" in heads.stdout


async def test_nothing_but_the_proxy_can_be_reached(internet: Authority, tmp_path: Path) -> None:
    async with serving(lambda head, body: ok(b"host")) as host:
        async with boxed(internet, tmp_path, python_index, ["pypi.org"], ["preset:python"]) as (bench, decisions, _):
            code = """
import socket, sys
def tried(what, family, kind, *address):
    try:
        one = socket.socket(family, kind)
        one.settimeout(5)
        one.connect(address)
        one.send(b"x")
        print("OPEN", what)
    except OSError as error:
        print("closed", what)
tried("host", socket.AF_INET, socket.SOCK_STREAM, "127.0.0.1", int(sys.argv[1]))
tried("internet", socket.AF_INET, socket.SOCK_STREAM, "1.1.1.1", 443)
tried("dns", socket.AF_INET, socket.SOCK_DGRAM, "1.1.1.1", 53)
tried("metadata", socket.AF_INET, socket.SOCK_STREAM, "169.254.169.254", 80)
tried("v6", socket.AF_INET6, socket.SOCK_STREAM, "2606:4700:4700::1111", 443)
tried("v6 host", socket.AF_INET6, socket.SOCK_STREAM, "::1", int(sys.argv[1]))
try:
    print("OPEN", socket.getaddrinfo("pypi.org", 443))
except OSError:
    print("closed names")
"""
            said = await bench.python(code, str(host.port))
            assert said.count("closed") == 7, said
            assert "OPEN" not in said
    assert host.connections == 0
    assert decisions == []


@pytest.mark.parametrize("through", ["python", "curl"])
async def test_a_secret_is_seen_by_its_server_and_by_nobody_else(
    internet: Authority, tmp_path: Path, through: str
) -> None:
    if through == "curl" and shutil.which("curl") is None:
        pytest.skip("curl is not installed")
    secret = secrets.token_hex(16)
    header = InjectedHeader("registry.example", "Authorization", f"Bearer {secret}")

    def answer(head: bytes, body: bytes) -> bytes:
        return ok(b"you sent: " + head, f"X-Echo: {secret}")

    hosts = ["registry.example", "other.example"]
    more = {"headers": (header,)}
    async with boxed(internet, tmp_path, answer, hosts, [f"{host} read-only" for host in hosts], **more) as opened_box:
        bench, decisions, server = opened_box
        for host in hosts:
            if through == "curl":
                _, said = await bench.run("curl", "-sSi", f"https://{host}/private")
            else:
                code = (
                    "import sys, urllib.request as u; r = u.urlopen(sys.argv[1]); print(r.headers, r.read().decode())"
                )
                _, said = await bench.run("python3", "-c", code, f"https://{host}/private")
            assert "you sent: GET /private" in said
            if host == "registry.example":
                assert secret not in said
        _, said = await bench.run("env")
        assert secret not in said
        shown = await bench.run(
            "python3", "-I", "-c", SEARCH, sys.base_prefix, stdin=secret[::-1].encode(), timeout=300
        )
        assert shown[1] == "searched\n"
    with_secret = [head for head in server.heads if secret.encode() in head]
    assert len(with_secret) == 1
    assert b"Host: registry.example\r\n" in with_secret[0]
    assert secret not in repr(decisions)
    assert secret not in repr(header)
    assert [one.host for one in decisions] == hosts


async def test_the_way_out_ends_with_the_box(internet: Authority, tmp_path: Path) -> None:
    async with boxed(internet, tmp_path, python_index, ["pypi.org"], ["preset:python"]) as (bench, decisions, _):
        hold = (
            "import socket, time; s = socket.create_connection(('127.0.0.1', 3128)); s.send(b'CONN'); time.sleep(600)"
        )
        held = asyncio.create_task(bench.run("python3", "-c", hold))
        await asyncio.sleep(0.5)
        await bench.box.close()
        result, _ = await held
        assert result.exit_code is None
    assert len(decisions) <= 1
