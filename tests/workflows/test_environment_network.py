"""A setup that fetches: the hosts of the recipe, a secret that the box never sees, and nothing of it later."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from midwatch.domain.errors import OperationError
from midwatch.workflows.environment import Wanted, environment_layers
from midwatch.workspace.config import EnvironmentSettings, SecretSettings
from tests.sandbox.egress.ground import Authority, ok, serving
from tests.workflows.test_environment import Lab

SECRET = "planted-31415926"
FETCH = """\
import sys, urllib.request
try:
    print(urllib.request.urlopen(sys.argv[1], timeout=20).read().decode())
except Exception as error:
    sys.exit(f"{error}")
"""
RECIPE = """\
setup = [
  "mkdir -p build; python3 fetch.py https://registry.example.com:{port}/package > build/package",
  "python3 fetch.py https://elsewhere.example.com/ 2> build/refused || true",
  "env > build/variables; cat /proc/*/environ > build/processes 2>/dev/null || true",
]
network.setup = ["registry.example.com:{port}"]
secrets.TOKEN = {{ host = "registry.example.com", format = "Bearer {{}}" }}
"""


@pytest.fixture
def internet(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Authority:
    """An authority that Midwatch is told to trust, as a person tells it."""
    authority = Authority(tmp_path)
    monkeypatch.setenv("SSL_CERT_FILE", str(authority.file))
    return authority


def answer(head: bytes, body: bytes) -> bytes:
    """A registry that wants the secret."""
    known = f"Authorization: Bearer {SECRET}".encode().lower() in head.lower()
    return ok(b"the package" if known else b"who are you?")


def make(lab: Lab, port: int, recipe: str = RECIPE) -> None:
    (lab.root.parent / "token").write_text(SECRET + "\n")
    lab.settings = EnvironmentSettings(
        secrets={"TOKEN": SecretSettings(file=str(lab.root.parent / "token"), hosts=("registry.example.com",))},
        addresses={"registry.example.com": "127.0.0.1"},
    )
    lab.make(recipe.format(port=port), **{"fetch.py": FETCH})


async def test_a_setup_gets_a_private_package_and_the_secret_is_nowhere_in_what_is_kept(
    tmp_path: Path, internet: Authority
) -> None:
    lab = Lab(tmp_path / "lab")
    lab.root.mkdir()
    async with serving(answer, internet.server("registry.example.com")) as server:
        make(lab, server.port)
        task = await lab.task()
        async with environment_layers(Wanted.by(task), await lab.parts()) as environment:
            assert environment.network is None  # the agent's time has no hosts
            build = environment.workspace[0] / "build"
            assert (build / "package").read_text() == "the package\n"
            assert "403" in (build / "refused").read_text()
    log = lab.cache.kept()[0][0].log.read_text()
    assert f"registry.example.com:{server.port}/package allowed" in log
    assert "elsewhere.example.com:443 refused" in log
    found = subprocess.run(["grep", "-rl", SECRET, lab.root], capture_output=True, text=True, check=False)
    assert found.stdout == ""
    assert SECRET not in str(task)
    assert SECRET.encode() not in lab.observer.said
    look = await lab.look(
        "cat build/package; env | grep -ci proxy; python3 fetch.py https://registry.example.com/ 2>&1"
    )
    assert look.startswith("the package\n0\n")
    assert "rror" in look


async def test_a_setup_that_wants_a_host_that_is_not_allowed_fails_with_the_hosts_name_in_the_log(
    tmp_path: Path, internet: Authority
) -> None:
    lab = Lab(tmp_path / "lab")
    lab.root.mkdir()
    recipe = "setup = ['python3 fetch.py https://elsewhere.example.com/']\nnetwork.setup = ['registry.example.com']"
    make(lab, 0, recipe)
    with pytest.raises(OperationError) as caught:
        async with lab.environment():
            pass
    assert "403" in caught.value.detail
    log = Path(caught.value.mend.split("the whole log is ")[1].split(";")[0])
    assert "# network: CONNECT elsewhere.example.com:443 refused" in log.read_text()
