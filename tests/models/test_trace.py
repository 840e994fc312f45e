"""Where the content of a conversation is written, and where it is not."""

from __future__ import annotations

import logging
import stat
from pathlib import Path

import pytest

from midwatch.domain.errors import InputError, ModelError
from midwatch.models.trace import Trace
from tests.support.asking import ask, model_at, view_of
from tests.support.model_server import ModelServer, cut_after, fails, says

WIRES = pytest.mark.parametrize("wire", ["responses", "chat", "messages"])
PROMPT, ANSWER, KEY = "the prompt of the night", "the answer of the model", "sk-secret-0123456789"


@WIRES
async def test_nothing_of_a_conversation_and_no_key_gets_into_the_logs_of_the_process(
    server: ModelServer, wire: str, caplog: pytest.LogCaptureFixture, capfd: pytest.CaptureFixture[str]
) -> None:
    base_url = server.script(fails(503), cut_after(3), says(ANSWER))
    with caplog.at_level(logging.DEBUG):
        model = model_at(base_url, wire, OPENAI_API_KEY=KEY)
        deltas, reply = await ask(model, view_of(prompt=PROMPT))
        await model.close()
    assert reply.text == ANSWER
    out, err = capfd.readouterr()
    written = caplog.text + out + err + "".join(delta.text for delta in deltas if delta.kind == "notice")
    for secret in (PROMPT, ANSWER, KEY):
        assert secret not in written


@WIRES
async def test_where_a_person_asks_for_it_requests_and_answers_are_written_as_they_were(
    server: ModelServer, wire: str, tmp_path: Path
) -> None:
    base_url = server.script(fails(503, "too busy"), says(ANSWER))
    folder = tmp_path / "a" / "trace"
    model = model_at(base_url, wire, OPENAI_API_KEY=KEY, MIDWATCH_TRACE=str(folder))
    await ask(model, view_of(prompt=PROMPT))
    await model.close()
    files = sorted(folder.iterdir())
    assert [path.name.split("-", 2)[2] for path in files] == ["answer.txt", "request.json"] * 2
    bodies = [request.raw for request in server.requests_to(base_url)]
    assert [files[1].read_bytes(), files[3].read_bytes()] == bodies
    assert "too busy" in files[0].read_text()
    assert "the answer" in files[2].read_text()
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700
    for path in files:
        assert stat.S_IMODE(path.stat().st_mode) == 0o600
        assert KEY not in path.read_text()


async def test_a_trace_that_cannot_be_written_is_said_before_anything_is_sent(
    server: ModelServer, tmp_path: Path
) -> None:
    base_url = server.script(says(ANSWER))
    (tmp_path / "file").write_text("")
    model = model_at(base_url, "chat", MIDWATCH_TRACE=str(tmp_path / "file"))
    with pytest.raises(InputError, match="MIDWATCH_TRACE names a folder that cannot be written"):
        await ask(model)
    await model.close()
    assert server.requests_to(base_url) == []


def test_without_a_folder_nothing_is_written(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    with Trace("").answer(b"{}") as file:
        assert file is None
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("said", "setting"),
    [
        ("cache_control: Extra inputs are not permitted", "cache_marks"),
        ("Unknown parameter: 'stream_options'", "stream_usage = false"),
        ("Use 'max_completion_tokens' instead", 'output_field = "max_completion_tokens"'),
        ("Invalid value: 'custom'. Supported values are: 'function'", "custom_tools = false"),
        ("include: reasoning.encrypted_content is not supported", "encrypted_reasoning = false"),
    ],
)
async def test_a_server_that_refuses_a_part_of_the_request_gets_the_setting_named_that_changes_it(
    server: ModelServer, said: str, setting: str
) -> None:
    model = model_at(server.script(fails(400, said, times=-1)), "responses")
    with pytest.raises(ModelError) as raised:
        await ask(model)
    await model.close()
    assert said in raised.value.message
    assert f"set {setting}" in raised.value.mend
