"""Connections to forges and the vault from the command line: no secret is an argument, and none is printed."""

from __future__ import annotations

import json
from pathlib import Path

from tests.cli.remote.conftest import World
from tests.cli.remote.test_administration import Admin
from tests.cli.remote.test_administration import admin as admin
from tests.support.forge_scenes import NETWORK
from tests.support.forge_server import serving


async def test_a_connection_is_made_with_a_credential_that_is_piped_in_or_in_a_file(
    admin: Admin, tmp_path: Path
) -> None:
    added = await admin("forges", "add", "hub", "github", typed="ghp_tiger\n")
    assert (added.code, "hub is connected: https://github.com" in added.out) == (0, True)
    key, hook = tmp_path / "app.pem", tmp_path / "hook"
    key.write_text("-----BEGIN RSA PRIVATE KEY-----\ntiger\n-----END RSA PRIVATE KEY-----\n")
    hook.write_text("tiger-tiger-tiger\n")
    more = ("--app-id", "7", "--credential-file", str(key), "--webhook-secret-file", str(hook))
    await admin.done("forges", "add", "work", "github", "--web", "https://hub.example", *more)
    listed = await admin.done("forges")
    assert "App 7" in listed
    told = json.loads(await admin.done("forges", "--json"))["forges"]
    assert [(one["name"], one["webhooks"]) for one in told] == [("hub", False), ("work", True)]
    assert "give the token or key with it" in await admin.refused(
        "forges", "change", "hub", "--web", "https://x.example"
    )
    await admin.done("forges", "change", "hub", "--name", "centre", "--credential", typed="ghp_lion\n")
    assert "the token is empty" in await admin.refused("forges", "add", "other", "gitlab")
    assert "there is no such forge" in await admin.refused("forges", "check", "nobody")
    assert "means nothing to list" in await admin.refused("forges", "--web", "https://x.example")
    shown = added.out + added.err + listed + await admin.done("forges", "--json")
    assert "tiger" not in shown
    await admin.done("forges", "remove", "centre")
    assert "centre" not in await admin.done("forges")


async def test_a_check_says_who_we_are_there_and_what_the_credential_lacks(admin: Admin, tmp_path: Path) -> None:
    lacks = {"github": "lacks repo", "gitlab": "lacks api", "forgejo": "lacks write:repository"}
    for kind, at_network in NETWORK.items():
        with serving(tmp_path / kind, at_network.dialect()) as forge:
            forge.forge.person("night-bot", "tiger-token")
            await admin.done("forges", "add", kind, kind, "--web", forge.web, typed="tiger-token\n")
            match kind:
                case "github":
                    forge.fail("GET", "/user$", 200, headers={"X-OAuth-Scopes": "gist"}, data={"login": "night-bot"})
                case "gitlab":
                    forge.fail("GET", "/personal_access_tokens/self$", 200, data={"scopes": ["read_api"]})
                case _:
                    forge.fail("GET", "/repos/search$", 403, data={"message": "token does not have the scope"})
                    forge.fail("GET", "/repos/issues/search$", 200, data=[])
            ran = await admin("forges", "check", kind)
            assert ran.code == 1
            assert f"{kind} takes us for night-bot" in ran.out
            assert lacks[kind] in ran.err
            forge.fail("GET", "", 401, times=-1)
            assert "does not know our credential (401)" in await admin.refused("forges", "check", kind)
    assert (await admin.done("forges")).count("night-bot") == 3


async def test_keys_are_rotated_on_the_servers_machine_while_it_serves(world: World, admin: Admin) -> None:
    around = dict(world.api.home.environ)

    async def vault(*given: str) -> str:
        ran = await world.run("admin", "vault", *given, **around)
        assert ran.code == 0, ran.err
        return ran.out

    assert "no key yet" in await vault()
    await admin.done("forges", "add", "hub", "github", typed="ghp_tiger\n")
    assert "1 secret, the newest" in await vault()
    first = json.loads(await vault("--json"))["keys"]
    assert "1 secret sealed anew; 0 old keys dropped" in await vault("rotate")
    dropped = json.loads(await vault("rotate", "--drop-old", "--json"))
    assert len(dropped["keys"]) == 1
    assert dropped["keys"] != first
    one = await world.api.home.connected.kept.find("hub")
    assert one is not None
    assert world.api.home.connected.kept.credential(one) == "ghp_tiger"
    assert (await world.run("admin", "vault", "--drop-old", **around)).code == 2
    new = (await vault("new-key")).strip()
    lost = await world.run("admin", "vault", **around, MIDWATCH_VAULT_KEYS=new)
    assert lost.code == 1
    assert f"the key {dropped['keys'][0]} is not in the variable MIDWATCH_VAULT_KEYS" in lost.err
