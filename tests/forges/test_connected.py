"""Which connection a location has, and what it is let in by: tokens of settings, of the database, of a GitHub App."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import jwt
import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa

from midwatch import wiring
from midwatch.domain.errors import InputError
from midwatch.domain.observer import Silent
from midwatch.engine.accounts.audit import SERVER, Deed
from midwatch.engine.accounts.identity import new_id
from midwatch.engine.accounts.repositories import Registered, Repositories
from midwatch.engine.forges.connections import Connection, Secrets
from midwatch.forges.app import AppCredential, AppKey
from midwatch.forges.standing import standing
from midwatch.settings import load
from midwatch.workflows.start import Request
from tests.support.forge_github import GitHubDialect
from tests.support.forge_server import serving as serving_forge
from tests.support.loopback import QuietHandler, running
from tests.support.model_server import calls, says
from tests.support.model_server import serving as serving_models

KEY = rsa.generate_private_key(public_exponent=65537, key_size=2048)
PEM = KEY.private_bytes(
    serialization.Encoding.PEM, serialization.PrivateFormat.TraditionalOpenSSL, serialization.NoEncryption()
).decode()
SETTINGS = """\
[forges.hub]
kind = "github"
token_env = "HUB_TOKEN"
labels = ["night"]

[forges.lab]
kind = "gitlab"
web = "https://git.example/lab"
token_env = "LAB_TOKEN"
"""


@dataclass
class AppHost:
    """The part of GitHub that Apps ask."""

    url: str = ""
    now: float = 1_000_000.0
    asked: list[tuple[str, Any]] = field(default_factory=list)


class Handler(QuietHandler, BaseHTTPRequestHandler):
    host: AppHost

    def do_GET(self) -> None:
        self._answer(None)

    def do_POST(self) -> None:
        self._answer(json.loads(self.body()))

    def _answer(self, body: Any) -> None:
        host, token = self.host, self.headers["Authorization"].removeprefix("Bearer ")
        unchecked: Any = {"verify_exp": False, "verify_iat": False}  # the clock is the test's
        said = jwt.decode(token, KEY.public_key(), algorithms=["RS256"], issuer="77", options=unchecked)
        assert said["iat"] < host.now < said["exp"] <= host.now + 600
        host.asked.append((self.path, body))
        slug = self.path.removeprefix("/repos/").removesuffix("/installation")
        headers, status, data = {}, 200, dict[str, Any]()
        if self.path.endswith("/access_tokens"):
            status, data = 201, {"token": f"ghs_{len(host.asked)}", "expires_at": "1970-01-12T14:46:40Z"}
        elif self.path == "/app":
            data = {"slug": "nightly", "permissions": {"contents": "write", "issues": "read", "metadata": "read"}}
        elif slug == "ann/old":
            status, headers = 301, {"Location": f"{host.url}/repositories/5/installation"}
        elif slug == "ann/shelf" or self.path.startswith("/repositories/5"):
            data = {"id": 9}
        else:
            status, data = 404, {"message": "Not Found"}
        text = json.dumps(data).encode()
        self.send_response(status)
        for name, value in {**headers, "Content-Length": str(len(text))}.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(text)


@contextmanager
def app_host() -> Iterator[AppHost]:
    made = AppHost()

    class Bound(Handler):
        host = made

    server = ThreadingHTTPServer(("127.0.0.1", 0), Bound)
    made.url = f"http://127.0.0.1:{server.server_port}"
    with running(server):
        yield made


async def test_an_app_has_a_token_for_each_repository_alone_and_a_new_one_before_it_ends() -> None:
    with app_host() as host:
        credential = AppCredential(AppKey("hub", "77", PEM, clock=lambda: host.now), host.url)
        first = await credential.token("ann/shelf")
        assert await credential.token("ann/shelf") == first
        assert host.asked[1:] == [("/app/installations/9/access_tokens", {"repositories": ["shelf"]})]
        await credential.token("ann/old")
        assert host.asked[-1][1] == {"repository_ids": [5]}, "one that was renamed is asked for by its number"
        host.now = 1_003_100.0  # the first ends at 1,003,600
        assert await credential.token("ann/shelf") != first
        newer = await credential.token("ann/shelf")
        credential.forget("ann/shelf")
        assert await credential.token("ann/shelf") != newer, "the App may have got more rights since"
        with pytest.raises(InputError, match="is not installed on eve/other"):
            await credential.token("eve/other")
        one = Connection("1", "hub", "github", host.url, host.url, "app", "77")
        found = await standing(one, credential)
        assert found.login == "nightly[bot]"
        assert found.missing == ("pull_requests: write", "issues: write", "checks: write")
        assert "BEGIN" not in repr(credential.key)


async def test_a_key_that_is_none_is_said_without_being_shown() -> None:
    with pytest.raises(InputError, match="cannot sign") as caught:
        await AppKey("hub", "77", "planted-key").token("ann/shelf")
    assert "planted" not in str(caught.value)


@pytest.fixture
def environ(tmp_path: Path) -> dict[str, str]:
    config = tmp_path / "config/midwatch"
    config.mkdir(parents=True)
    (config / "config.toml").write_text(SETTINGS)
    return {
        "HOME": str(tmp_path), "XDG_CONFIG_HOME": str(tmp_path / "config"), "XDG_STATE_HOME": str(tmp_path / "state"),
        "HUB_TOKEN": "ghp_tiger",
    }  # fmt: skip


async def test_the_location_says_the_connection_and_git_is_lent_its_token(environ: dict[str, str]) -> None:
    async with wiring.home(environ) as home:
        await home.store.database.migrate()
        one = Connection(new_id(), "inner", "forgejo", "https://git.example", "https://git.example/api/v1", "token")
        await home.connected.kept.add(one, Secrets("fj_puma"), Deed(SERVER, "forge.create", one.id))
        for location, name, slug in (
            ("https://github.com/o/r.git", "hub", "o/r"),
            ("git@github.com:o/r", "hub", "o/r"),
            ("https://git.example/o/r", "inner", "o/r"),
            ("https://git.example/lab/a/b/r", "lab", "a/b/r"),
        ):
            found = await home.connected.of(location)
            assert found is not None
            assert (found[0].name, found[1]) == (name, slug)
        assert await home.connected.of("https://elsewhere.example/o/r") is None
        assert await home.connected.lend("/srv/o/r") == {}
        assert home.forge is not None
        lent = await home.connected.lend("git@github.com:o/r")
        assert (lent["MIDWATCH_LENT_USER"], lent["MIDWATCH_LENT_TOKEN"]) == ("x-access-token", "ghp_tiger")
        assert "https://github.com/o/r.git" in "".join(lent.values())
        assert (await home.connected.lend("https://git.example/o/r"))["MIDWATCH_LENT_TOKEN"] == "fj_puma"
        with pytest.raises(
            InputError, match=r"the variable LAB_TOKEN, which has the token of \[forges.lab\], is not set"
        ):
            await home.connected.lend("https://git.example/lab/a/r")
        named, hub = ["https://github.com/O/named.git"], "https://github.com/o"
        assert await home.connected.lend_inside("https://elsewhere.example/o/r", []) == {}
        for inside in (f"{hub}/named", "git@github.com:o/named.git"):
            assert "ghp_tiger" in (await home.connected.lend_inside(inside, named)).values()
        for inside in (f"{hub}/named2", f"{hub}/r", "https://github.com/named/named"):
            with pytest.raises(InputError, match=r"hub is not lent for https://github\.com/") as refused:
                await home.connected.lend_inside(inside, named)
            assert 'private_submodules = ["https://github.com/' in refused.value.mend
        registered = Registered(new_id(), "library", "git@github.com:O/r.git", 0)
        await Repositories(home.store.database).register(registered, Deed(SERVER, "repository.create", registered.id))
        assert "ghp_tiger" in (await home.connected.lend_inside(f"{hub}/r", [])).values()
        forge = await home.connected.adapter("https://github.com/o/r")
        assert forge is not None
        assert forge is await home.connected.adapter("git@github.com:o/other"), "one for each connection"
        assert (await home.forge.of("https://github.com/o/r")).name == "hub"
        assert (await home.forge.of("/srv/o/r")).name != "hub"


async def test_a_token_does_not_cross_the_network_in_the_clear_unless_that_is_wanted(environ: dict[str, str]) -> None:
    plain = '[forges.hub]\nkind = "forgejo"\nweb = "http://hub.example"\ntoken_env = "HUB_TOKEN"\n'
    for more, lent in (("", 0), ("insecure = true", 1)):
        Path(environ["XDG_CONFIG_HOME"], "midwatch/config.toml").write_text(plain + more)
        async with wiring.home(environ) as home:
            await home.store.database.migrate()
            if lent:
                assert "ghp_tiger" in (await home.connected.lend("http://hub.example/o/r")).values()
            else:
                with pytest.raises(InputError, match="in the clear"):
                    await home.connected.lend("http://hub.example/o/r")


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ('[forges.a]\nkind = "svn"', "forges.a.kind"),
        ('[forges.a]\nkind = "github"', "either token_env, or app_id and private_key_file"),
        ('[forges.a]\nkind = "github"\ntoken = "ghp_tiger"', "forges.a.token"),
        ('[forges.a]\nkind = "gitlab"\napp_id = "1"\nprivate_key_file = "k"', "only GitHub has Apps"),
    ],
)
def test_settings_that_cannot_be_are_said_with_their_place(environ: dict[str, str], text: str, words: str) -> None:
    Path(environ["XDG_CONFIG_HOME"], "midwatch/config.toml").write_text(text)
    with pytest.raises(InputError) as caught:
        load(environ)
    assert words in str(caught.value)
    assert "tiger" not in str(caught.value)


async def test_a_task_on_a_url_that_a_connection_of_the_settings_has_ends_in_a_pull_request_there(
    environ: dict[str, str], tmp_path: Path
) -> None:
    with serving_forge(tmp_path / "forge", GitHubDialect()) as forge, serving_models() as models:
        forge.forge.person("midwatch-bot", "ghp_tiger")
        hosted = forge.forge.repository("ann/shelf", **{"midwatch-bot": "write"})
        hosted.public = False
        text = f'[forges.hub]\nkind = "github"\nweb = "{forge.web}"\ntoken_env = "HUB_TOKEN"\nlabels = ["night"]\n'
        Path(environ["XDG_CONFIG_HOME"], "midwatch/config.toml").write_text(text)
        base = models.script(calls("shell", command="echo four >> a.txt"), says("Count\n\nIt counts."))
        more = {"OPENAI_BASE_URL": base, "OPENAI_API_KEY": "sk", "PATH": "/usr/bin:/bin"}
        async with wiring.home({**environ, **more}) as home:
            where = forge.url("ann/shelf")
            request = Request("Count", where, model="openai/scripted", sandbox="process", checks=("true",))
            task = await wiring.start(home, request)
            report = await wiring.run(home, task.id, Silent())
            assert report.pull_request is not None
            assert report.pull_request.url == f"{forge.web}/ann/shelf/pull/1"
            assert (await home.forge.list(where))[0].number == 1
        thread = hosted.threads[1]
        assert thread.labels == ["night"]
        assert hosted.git("show", f"{thread.head_commit}:a.txt").endswith("four")
