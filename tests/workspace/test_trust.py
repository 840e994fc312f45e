"""Whose recipe may name hosts and secrets, and where the values of secrets come from."""

from __future__ import annotations

from pathlib import Path

import pytest

from midwatch.domain.errors import InputError
from midwatch.domain.task import NeededSecret
from midwatch.workspace.config import EnvironmentSettings, SecretSettings
from midwatch.workspace.recipe import Recipe, parse
from midwatch.workspace.secrets import headers, source
from midwatch.workspace.trust import is_trusted, require_trust, wishes

HARMLESS = b'setup = ["make"]\nchecks = ["make test"]\nbase = "debian"\n[variables]\nA = "b"\n[limits]\ncpus = 1\n'
TOKEN = NeededSecret("TOKEN", "registry.example.com", "Authorization", "Bearer {}")


def test_commands_variables_and_limits_need_no_trust() -> None:
    assert wishes(parse(HARMLESS)) == ()
    require_trust(parse(HARMLESS), "/x")


@pytest.mark.parametrize(
    ("recipe", "word"),
    [
        (b'network.setup = ["pypi.org"]', "hosts for setup (pypi.org)"),
        (b'network.agent = ["preset:node"]', "hosts for the agent (preset:node)"),
        (b'network.setup = ["a.example.com"]\n[secrets.T]\nhost = "a.example.com"', "secrets (T)"),
        (b"repository.submodules = true", "submodules"),
        (b'[repository]\nsubmodules = true\nprivate_submodules = ["https://a.b/c/d"]', "for https://a.b/c/d"),
    ],
)
def test_hosts_secrets_and_submodules_do_and_the_refusal_says_how_to_allow_them(recipe: bytes, word: str) -> None:
    with pytest.raises(InputError) as caught:
        require_trust(parse(recipe), "/home/ann/shop")
    assert word in caught.value.message
    assert "/home/ann/shop" in caught.value.message
    assert "--trust-recipe" in caught.value.mend
    assert "`trusted` in [environments]" in caught.value.mend


@pytest.mark.parametrize(
    ("location", "entry", "expected"),
    [
        ("/srv/code/shop", "/srv/code/shop", True),
        ("/srv/code/shop", "/srv/code", True),
        ("/srv/code/shop", "/srv/code/", True),
        ("/srv/code/shopping", "/srv/code/shop", False),
        ("/srv/code/shop", "srv/code", False),
        ("/home/ann/code/shop", "~/code", True),
        ("/home/bob/code/shop", "~/code", False),
        ("/srv/code/shop/../evil", "/srv/code/shop", False),
        ("https://github.com/org/shop", "https://github.com/org/*", True),
        ("https://github.com/org/shop.git", "https://github.com/org/shop.git", True),
        ("https://github.com/org/shop", "https://github.com/org/shop", True),
        ("https://github.com/organ/shop", "https://github.com/org/*", False),
        ("https://github.com/org/../evil/shop", "https://github.com/org/*", False),
        ("https://github.com/org/%2e%2e/evil", "https://github.com/org/*", False),
        ("https://github.com.evil.org/org/shop", "https://github.com*", False),
        ("https://evil.org/github.com/org/shop", "https://*/github.com/org/*", False),
        ("https://a@github.com/org/shop", "https://github.com/org/*", False),
        ("http://github.com/org/shop", "https://github.com/org/*", False),
        ("git@github.com:org/shop", "git@github.com:org/*", True),
        ("git@evil.org:org/shop", "git@github.com:org/*", False),
        ("https://github.com/org/shop", "/", False),
        ("/github.com/org", "https://github.com/org/*", False),
    ],
)
def test_an_entry_of_the_settings_covers_a_folder_or_an_address(location: str, entry: str, expected: bool) -> None:
    assert is_trusted(location, [entry], "/home/ann") is expected


def test_a_link_into_a_trusted_folder_is_judged_by_where_it_leads(tmp_path: Path) -> None:
    for name in ("trusted", "other"):
        (tmp_path / name).mkdir()
    (tmp_path / "trusted/link").symlink_to(tmp_path / "other")
    assert not is_trusted(str(tmp_path / "trusted/link"), [str(tmp_path / "trusted")], "/")


def test_a_secret_comes_from_the_variable_of_its_name() -> None:
    (header,) = headers([TOKEN], EnvironmentSettings(), {"MIDWATCH_SECRET_TOKEN": "hush\n"})
    assert (header.host, header.header, header.value) == ("registry.example.com", "Authorization", "Bearer hush")
    assert "hush" not in repr(header)
    assert (
        source(TOKEN, EnvironmentSettings(), {"MIDWATCH_SECRET_TOKEN": "hush"}) == "the variable MIDWATCH_SECRET_TOKEN"
    )


def test_the_settings_may_name_another_variable_or_a_file(tmp_path: Path) -> None:
    (tmp_path / "token").write_text("from-file\n")
    by_env = EnvironmentSettings(secrets={"TOKEN": SecretSettings(env="NPM")})
    by_file = EnvironmentSettings(secrets={"TOKEN": SecretSettings(file="~/token")})
    environ = {"NPM": "from-env", "HOME": str(tmp_path), "MIDWATCH_SECRET_TOKEN": "not this"}
    assert headers([TOKEN], by_env, environ)[0].value == "Bearer from-env"
    assert headers([TOKEN], by_file, environ)[0].value == "Bearer from-file"
    assert source(TOKEN, by_file, environ) == "the file ~/token"


def test_a_secret_with_hosts_in_the_settings_goes_nowhere_else() -> None:
    settings = EnvironmentSettings(secrets={"TOKEN": SecretSettings(env="NPM", hosts=("registry.npmjs.org",))})
    with pytest.raises(InputError, match=r"may only be sent to registry\.npmjs\.org"):
        headers([TOKEN], settings, {"NPM": "hush"})
    assert source(TOKEN, settings, {"NPM": "hush"}) == ""


@pytest.mark.parametrize(
    ("secret", "environ", "word"),
    [
        (None, {}, "is missing"),
        (None, {"MIDWATCH_SECRET_TOKEN": "a\nb"}, "cannot stand in a header"),
        (None, {"MIDWATCH_SECRET_TOKEN": "ü"}, "cannot stand in a header"),
        (None, {"MIDWATCH_SECRET_TOKEN": "x" * 9000}, "cannot stand in a header"),
        (SecretSettings(), {}, "one of `env` and `file`"),
        (SecretSettings(env="A", file="/b"), {}, "one of `env` and `file`"),
        (SecretSettings(env="GONE"), {}, "is missing"),
        (SecretSettings(file="/nonexistent/token"), {}, "cannot be read"),
    ],
)
def test_what_is_wrong_with_a_secret_names_it_and_never_its_value(
    secret: SecretSettings | None, environ: dict[str, str], word: str
) -> None:
    settings = EnvironmentSettings(secrets={"TOKEN": secret} if secret else {})
    with pytest.raises(InputError) as caught:
        headers([TOKEN], settings, environ)
    assert word in caught.value.message
    assert "TOKEN" in caught.value.message
    assert caught.value.mend
    assert not any(value in caught.value.message for value in environ.values())


def test_a_recipe_without_secrets_needs_none() -> None:
    assert headers(Recipe().secrets, EnvironmentSettings(), {}) == ()
