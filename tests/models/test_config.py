"""Settings of models: built in, file, environment, and what is said when they are wrong."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from midwatch.domain.conversation import Replied, Said, Usage
from midwatch.domain.errors import InputError
from midwatch.models.chat import ChatModel
from midwatch.models.config import build, load_models, read_settings_file, settings_path, split
from midwatch.models.responses import ResponsesModel
from tests.support.asking import ask, model_at, view_of
from tests.support.model_server import ModelServer, says


def message_of(error: InputError) -> str:
    """Both sentences."""
    return f"{error.message} | {error.mend}"


def refused(name: str, values: Mapping[str, Any], **environ: str) -> str:
    """What is said instead of a model."""
    with pytest.raises(InputError) as raised:
        build(name, load_models(values, environ, "config.toml"))
    return message_of(raised.value)


def test_without_file_and_environment_the_embedded_model_is_the_default() -> None:
    assert load_models({}, {}).model == "repair"


def test_the_environment_wins_over_the_file() -> None:
    values = {"model": "openai/gpt-5"}
    assert load_models(values, {}).model == "openai/gpt-5"
    assert load_models(values, {"MIDWATCH_MODEL": "ollama/qwen3"}).model == "ollama/qwen3"


def test_a_built_in_provider_has_its_wire_and_window() -> None:
    model = build("openai/gpt-5", load_models({}, {"OPENAI_API_KEY": "k"}))
    assert isinstance(model, ResponsesModel)
    assert (model.name, model.window, model.max_output) == ("openai/gpt-5", 400_000, 32_000)
    other = build("openrouter/openai/gpt-5", load_models({}, {"OPENROUTER_API_KEY": "k"}))
    assert isinstance(other, ChatModel)
    assert other.window == 400_000
    assert build("ollama/something-new", load_models({}, {})).window == 128_000


def test_the_file_changes_a_built_in_provider_and_adds_new_ones() -> None:
    values = {
        "providers": {
            "ollama": {"window": 8192},
            "mine": {"base_url": "https://models.example.org/v1/", "wire": "responses", "api_key_env": "MINE_KEY"},
        },
        "prices": {"mine/big": {"input": 2, "cached": 0.5, "output": 10}},
    }
    settings = load_models(values, {"MINE_KEY": "k"})
    small = build("ollama/qwen3", settings)
    assert (small.window, small.max_output) == (8192, 4096)
    mine = build("mine/big", settings)
    assert isinstance(mine, ResponsesModel)
    assert mine.cost(Usage(input_tokens=1000, cached_input_tokens=400, output_tokens=10)) == 1500


def test_models_on_this_machine_cost_nothing_unless_a_price_is_set() -> None:
    usage = Usage(input_tokens=1000, output_tokens=100)
    assert build("ollama/qwen3", load_models({}, {})).cost(usage) == 0
    moved = {"MIDWATCH_BASE_URL": "http://localhost:9/v1"}
    assert build("vllm/qwen3", load_models({}, moved)).cost(usage) == 0
    # a proxy on this machine to a paid provider is not free
    assert build("openai/gpt-5", load_models({}, moved)).cost(usage)
    priced = {"prices": {"ollama/qwen3": {"input": 1, "output": 1}}}
    assert build("ollama/qwen3", load_models(priced, {})).cost(usage) == 1100


@pytest.mark.parametrize("variable", ["MIDWATCH_BASE_URL", "OPENAI_BASE_URL"])
def test_an_address_of_the_environment_wins_and_is_named_when_wrong(variable: str) -> None:
    values = {"providers": {"openai": {"base_url": "http://x/v1"}}}
    for wrong in ("gopher", "http:", "http://a..b/v1", f"http://{'a' * 64}/v1", "http://h:99999/v1", "http://é/v1"):
        assert refused("openai/gpt-5", values, **{variable: wrong}).startswith(f"{variable} is no address: {wrong!r}")


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("gpt-5", "'gpt-5' is no name of a model | write `repair`, or PROVIDER/MODEL"),
        ("openai/", "'openai/' is no name of a model"),
        ("opneai/gpt-5", "unknown provider 'opneai' in the model name 'opneai/gpt-5' | did you mean openai/gpt-5?"),
        ("foo/bar", "a further one is set with [providers.foo] base_url"),
    ],
)
def test_an_unknown_model_name_is_refused_with_what_there_is(name: str, words: str) -> None:
    said = refused(name, {})
    assert words in said
    assert "ollama" in said


def test_a_missing_key_is_one_line_that_names_the_variable() -> None:
    said = refused("openai/gpt-5", {})
    assert said.startswith("openai needs a key and OPENAI_API_KEY is not set")
    assert "\n" not in said


@pytest.mark.parametrize("key", ["sk-1\nsk-2", "sk 1", "sk-é", "sk-\x00"])
def test_a_key_that_cannot_be_sent_is_refused_without_showing_it(key: str) -> None:
    said = refused("openai/gpt-5", {}, OPENAI_API_KEY=key)
    assert "the key in OPENAI_API_KEY holds" in said
    assert key not in said


def test_settings_do_not_show_keys() -> None:
    settings = load_models({}, {"OPENAI_API_KEY": "sk-secret-123456"})
    assert "sk-secret" not in repr(settings)


@pytest.mark.parametrize(
    ("values", "words"),
    [
        ({"provider": {}}, "there is no setting provider | did you mean providers?"),
        ({"model": 5}, "model should be a valid string"),
        ({"providers": {"openai": {"base_ulr": "x"}}}, "no setting providers.openai.base_ulr | did you mean base_url?"),
        ({"providers": {"openai": {"wire": "carrier"}}}, "openai.wire should be 'responses', 'chat' or 'messages'"),
        ({"providers": {"openai": "x"}}, "providers.openai should be a valid dictionary"),
        ({"providers": {"mine": {"wire": "chat"}}}, "[providers.mine] has no base_url"),
        ({"providers": {"a/b": {"base_url": "http://x"}}}, "'a/b' cannot be the name of a provider"),
        ({"providers": {"ollama": {"headers": {"X-A": "b\nc"}}}}, "the header 'X-A' of [providers.ollama] holds"),
        ({"prices": {"openai/gpt-5": {"input": 1}}}, 'prices."openai/gpt-5".output'),
        ({"prices": {"openai/gpt-5": {"input": -1, "output": 1}}}, "greater than or equal to 0"),
        ({"providers": {"ollama": {"base_url": "http://h/v1/chat/completions"}}}, "leave that off: http://h/v1"),
    ],
)
def test_a_wrong_setting_is_named_with_its_file(values: dict[str, Any], words: str) -> None:
    said = refused("ollama/qwen3", values)
    assert words in said
    assert "config.toml" in said or "ollama" in said


@pytest.mark.parametrize(
    ("variable", "value"),
    [("MIDWATCH_WIRE", "pigeon"), ("MIDWATCH_RETRY_SECONDS", "soon"), ("MIDWATCH_RETRY_SECONDS", "-1")],
)
def test_a_wrong_variable_is_named(variable: str, value: str) -> None:
    assert f"{variable} is '{value}'" in refused("ollama/qwen3", {}, **{variable: value})


def test_a_model_name_keeps_its_slashes_after_the_provider() -> None:
    assert split("openrouter/qwen/qwen3-coder", load_models({}, {})) == ("openrouter", "qwen/qwen3-coder")


def test_the_settings_file_is_looked_for_in_the_xdg_folder() -> None:
    assert settings_path({"XDG_CONFIG_HOME": "/c", "HOME": "/h"}) == Path("/c/midwatch/config.toml")
    assert settings_path({"HOME": "/h"}) == Path("/h/.config/midwatch/config.toml")
    assert settings_path({"XDG_CONFIG_HOME": "relative", "HOME": "/h"}) == Path("/h/.config/midwatch/config.toml")


def test_a_settings_file_that_is_not_there_is_an_empty_one(tmp_path: Path) -> None:
    assert read_settings_file(tmp_path / "config.toml") == {}


def test_a_settings_file_is_read(tmp_path: Path) -> None:
    path = tmp_path / "config.toml"
    path.write_text('model = "openai/gpt-5"\n[prices."a/b"]\ninput = 1\noutput = 2\n')
    assert read_settings_file(path) == {"model": "openai/gpt-5", "prices": {"a/b": {"input": 1, "output": 2}}}


@pytest.mark.parametrize(
    ("content", "words"),
    [(b'model = "x\n', "is not TOML"), (b"a = 1\na = 2\n", "is not TOML"), (b"# \xff\n", "is not UTF-8 (byte 2)")],
)
def test_a_settings_file_that_is_not_toml_is_named_with_the_place(tmp_path: Path, content: bytes, words: str) -> None:
    path = tmp_path / "config.toml"
    path.write_bytes(content)
    with pytest.raises(InputError) as raised:
        read_settings_file(path)
    assert str(path) in raised.value.message
    assert words in raised.value.message


def test_a_folder_in_place_of_the_settings_file_is_told(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="cannot be read: Is a directory"):
        read_settings_file(tmp_path)


def test_nothing_heavy_is_imported_until_a_model_is_asked() -> None:
    code = (
        "import sys; from midwatch.models.config import build, load_models\n"
        "build('ollama/x', load_models({'model': 'ollama/x'}, {}))\n"
        "print([m for m in ('httpx2', 'pydantic', 'genai_prices', 'anyio') if m in sys.modules])"
    )
    environ = {key: value for key, value in os.environ.items() if not key.startswith("COV")}
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, env=environ, check=True)
    assert done.stdout.strip() == "[]"


async def test_the_habits_of_a_provider_reach_the_request(server: ModelServer) -> None:
    base_url = server.script(says("Done."))
    fields = {
        "base_url": base_url, "headers": {"X-Team": "night"}, "reasoning_effort": "high", "prompt_cache_key": True,
        "stream_usage": False, "return_reasoning": False, "output_field": "max_completion_tokens", "max_output": 900,
    }  # fmt: skip
    said = {"role": "assistant", "content": "Hi.", "reasoning_content": "Hm."}
    view = view_of(Replied("chat", "Hi.", (), (said,)), Said("Go on."))
    for wire in ("chat", "responses"):
        values = {"providers": {"mine": {**fields, "wire": wire, "encrypted_reasoning": True}}}
        model = build("mine/m", load_models(values, {}))
        await ask(model, view)
        await model.close()
    chat, responses = server.requests_to(base_url)
    assert chat.headers["x-team"] == "night"
    assert (chat.body["reasoning_effort"], responses.body["reasoning"]) == ("high", {"effort": "high"})
    assert "stream_options" not in chat.body
    assert chat.body["max_completion_tokens"] == responses.body["max_output_tokens"] == 900
    assert chat.body["messages"][2] == {"role": "assistant", "content": "Hi."}
    assert responses.body["include"] == ["reasoning.encrypted_content"]
    assert len(chat.body["prompt_cache_key"]) == 32


async def test_the_cache_key_is_the_same_within_a_conversation_and_differs_between_two(server: ModelServer) -> None:
    base_url = server.script(says("Done."))
    model = model_at(base_url, "responses")
    for view in (view_of(), view_of(Said("Go on.")), view_of(prompt="Another task.")):
        await ask(model, view)
    await model.close()
    keys = [request.body["prompt_cache_key"] for request in server.requests_to(base_url)]
    assert keys[0] == keys[1] != keys[2]
