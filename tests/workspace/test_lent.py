"""What git is lent is given to one host, and shown to nobody."""

from __future__ import annotations

from pathlib import Path

import pytest

from midwatch.domain.errors import InputError
from midwatch.workspace.git import Git
from midwatch.workspace.lent import environment

WEB = "http://127.0.0.1:1/base"
TOKEN = 't0ken\'with "quotes" and $HOME'


async def _asked(url: str, env: dict[str, str]) -> bytes:
    git = Git(cwd=Path("/"), trusted=True, environment={"GIT_CONFIG_GLOBAL": "/dev/null", **env})
    return (await git.ask("credential", "fill", stdin=f"url={url}\n\n".encode())).stdout


async def test_what_lies_below_the_address_is_given_user_and_token() -> None:
    said = await _asked(f"{WEB}/o/r.git", environment(f"{WEB}/", "oauth2", TOKEN))
    assert f"username=oauth2\npassword={TOKEN}\n".encode() in said


@pytest.mark.parametrize(
    "url",
    ["http://127.0.0.1:1/other", "http://127.0.0.1:2/base/x", "https://127.0.0.1:1/base/x", "http://127.0.0.2:1/base"],
)
async def test_nobody_else_is_given_the_token(url: str) -> None:
    assert b"password" not in await _asked(url, environment(WEB, "oauth2", TOKEN))


async def test_helpers_of_the_person_are_neither_asked_nor_told(tmp_path: Path) -> None:
    kept = tmp_path / "config"
    kept.write_text(f"[credential]\n\thelper = store --file={tmp_path}/stored\n")
    web = "http://127.0.0.1:1"
    env = {**environment(web, "oauth2", TOKEN), "GIT_CONFIG_GLOBAL": str(kept)}
    git = Git(cwd=Path("/"), trusted=True, environment=env)
    filled = await git.run("credential", "fill", stdin=f"url={web}/o/r\n\n".encode())
    await git.run("credential", "approve", stdin=filled)
    assert not (tmp_path / "stored").exists()


async def test_an_address_by_ssh_is_used_by_https_and_other_settings_of_the_environment_stay(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    for name, value in (("COUNT", "1"), ("KEY_0", "user.name"), ("VALUE_0", "Own")):
        monkeypatch.setenv(f"GIT_CONFIG_{name}", value)
    env = environment(WEB, "git", TOKEN, {"git@127.0.0.1:o/r": f"{WEB}/o/r"})
    git = Git(cwd=Path("/"), trusted=True, environment=env)
    assert await git.run("ls-remote", "--get-url", "git@127.0.0.1:o/r") == f"{WEB}/o/r\n".encode()
    assert await git.run("config", "user.name") == b"Own\n"


@pytest.mark.parametrize(
    ("web", "user", "token"),
    [(WEB, "git", ""), (WEB, "git", "a\nb"), (WEB, "", "t"), ("ssh://h", "git", "t"), ("https://u:p@h", "git", "t")],
)
def test_what_no_helper_can_say_is_refused_without_repeating_it(web: str, user: str, token: str) -> None:
    with pytest.raises(InputError) as caught:
        environment(web, user, token)
    assert "a\nb" not in str(caught.value)
    assert "u:p" not in str(caught.value)
