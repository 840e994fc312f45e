"""The whole way: `midwatch serve` with its worker, and a client, each in a process of its own."""

from __future__ import annotations

import json
import subprocess

import httpx2

from tests.cli.conftest import CHECK, Program, mending
from tests.support.model_server import ModelServer


def test_what_is_submitted_to_a_server_comes_back_as_a_pull_request(program: Program, server: ModelServer) -> None:
    around = {**program.env(), "OPENAI_BASE_URL": server.script(*mending())}
    pipe = subprocess.PIPE
    serve = program.argv("serve", "--port", "0", "--concurrency", "1", "--json")
    with subprocess.Popen(serve, cwd=program.repo, env=around, stdout=pipe, stderr=subprocess.DEVNULL) as served:
        assert served.stdout is not None
        try:
            said = json.loads(served.stdout.readline())
            _register(program, said)
            mine = {"MIDWATCH_SERVER": said["url"], "XDG_STATE_HOME": str(program.folder / "mine")}
            login = ("login", "--user", said["admin"], "--scope", "admin")
            signed = program(*login, env=mine, stdin=said["password"].encode())
            assert signed.returncode == 0, signed.stderr.decode()
            asked = ("Mend the sum", "--model", "openai/scripted", "--sandbox", "process", "--check", CHECK)
            done = program("submit", *asked, "--follow", env=mine)
            assert done.returncode == 0, done.stderr.decode()
            assert "pull request #1 is ready" in done.stdout.decode()
        finally:
            served.terminate()


def _register(program: Program, said: dict[str, str]) -> None:
    with httpx2.Client(base_url=f"{said['url']}/api/v1", headers={"X-Midwatch": "1"}, trust_env=False) as client:
        client.post("/session", json={"name": said["admin"], "password": said["password"]}).raise_for_status()
        client.post("/repositories", json={"name": "calc", "location": str(program.repo)}).raise_for_status()
