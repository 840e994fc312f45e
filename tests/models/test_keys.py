"""Keys that a command prints."""

from __future__ import annotations

from pathlib import Path

import pytest

from midwatch.domain.errors import InputError, ModelError
from midwatch.models.base import Model
from midwatch.models.config import build, load_models
from midwatch.models.keys import GOOD_SECONDS, KeyCommand
from tests.support.asking import ask, followed_by, view_of
from tests.support.model_server import ModelServer, fails, says


class Clock:
    """Time that passes when it is told to."""

    now = 1000.0

    def __call__(self) -> float:
        return self.now


def counting(folder: Path) -> str:
    """A command that prints another key each time."""
    return f"echo x >> {folder}/runs; echo key-$(wc -l < {folder}/runs)-0123456789"


def at(base_url: str, command: str, **environ: str) -> Model:
    """A model at the server whose key the command prints."""
    provider = {"base_url": base_url, "api_key_command": command, "retry_seconds": 0, "key_header": "x-api-key"}
    return build("vertex/m", load_models({"providers": {"vertex": provider}}, environ))


async def test_a_key_is_asked_for_once_and_again_when_it_has_grown_old(tmp_path: Path) -> None:
    clock = Clock()
    command = KeyCommand(counting(tmp_path), clock)
    assert [await command.key(), await command.key()] == ["key-1-0123456789"] * 2
    clock.now += GOOD_SECONDS + 1
    assert await command.key() == "key-2-0123456789"
    assert "key-" not in repr(command)


@pytest.mark.parametrize(
    ("command", "words"),
    [
        ("echo no login >&2; exit 3", "ended with exit code 3: no login"),
        ("true", "printed nothing"),
        ("echo two words", "printed more than a key"),
        ("printf 'a\\nb'", "printed more than a key"),
    ],
)
async def test_a_command_that_gives_no_key_is_said_with_what_it_said(command: str, words: str) -> None:
    with pytest.raises(InputError, match=f"the command of api_key_command {words}") as raised:
        await KeyCommand(command).key()
    assert command in raised.value.mend


async def test_the_key_is_sent_and_a_variable_wins_over_the_command(server: ModelServer, tmp_path: Path) -> None:
    base_url = server.script(says("Done."))
    for environ in ({}, {"GOOGLE_OAUTH_ACCESS_TOKEN": "of-the-environment"}):
        model = at(base_url, counting(tmp_path), **environ)
        await ask(model)
        await model.close()
    keys = [request.headers["x-api-key"] for request in server.requests_to(base_url)]
    assert keys == ["key-1-0123456789", "of-the-environment"]


async def test_a_key_that_was_good_and_is_refused_is_replaced_by_a_new_one(server: ModelServer, tmp_path: Path) -> None:
    base_url = server.script(says("One."), fails(401, "expired"), says("Two."))
    model = at(base_url, counting(tmp_path))
    _, first = await ask(model)
    deltas, second = await ask(model, followed_by(view_of(), first))
    await model.close()
    assert second.text == "Two."
    assert "no longer takes the key" in next(delta.text for delta in deltas if delta.kind == "notice")
    keys = [request.headers["x-api-key"] for request in server.requests_to(base_url)]
    assert keys == ["key-1-0123456789", "key-1-0123456789", "key-2-0123456789"]


async def test_a_fresh_key_that_is_refused_is_an_error_that_does_not_show_it(
    server: ModelServer, tmp_path: Path
) -> None:
    base_url = server.script(fails(401, "bad key-1-0123456789", times=-1))
    model = at(base_url, counting(tmp_path))
    with pytest.raises(ModelError, match="the key that api_key_command prints was refused by") as raised:
        await ask(model)
    await model.close()
    assert "key-1" not in raised.value.message
    assert len(server.requests_to(base_url)) == 1
