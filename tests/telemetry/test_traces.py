"""Spans of real tasks, sent to a real collector on loopback."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path

import pytest

from midwatch.domain.errors import ModelError
from midwatch.domain.witness import witnessed_by
from midwatch.models.fake import FakeModel, Step, calls, calls_all, says
from midwatch.telemetry.traces import Traces
from midwatch.workflows.reopening import Shelf, tell
from tests.support.collector import Collector, attributes, collecting
from tests.support.place import Place, make_repository

SECRET = "the-words-of-the-prompt"
FIRST = calls("shell", command=f"echo one >> count.txt; echo {SECRET}", said=SECRET)
BESIDE = calls_all(("shell", {"command": "cat count.txt"}), ("shell", {"command": "ls"}))
SCRIPT = [FIRST, BESIDE, calls("shell", command="false"), says("Count further")]


@pytest.fixture
def place(tmp_path: Path) -> Place:
    return Place(tmp_path, make_repository(tmp_path / "repo", {"count.txt": "zero\n"}))


async def solved(place: Place, collector: Collector, script: Sequence[Step], *, content: bool = False) -> str:
    task = await place.task(prompt=SECRET)
    traces = Traces(collector.address, content=content)
    with witnessed_by(traces):
        await place.solve(task, FakeModel(script))
    await traces.close()
    return task.id


async def test_an_attempt_is_one_trace_of_model_calls_and_tool_calls_without_a_word_of_what_was_said(
    place: Place,
) -> None:
    with collecting() as collector:
        task = await solved(place, collector, SCRIPT)
    (root,) = collector.named("invoke_agent midwatch")
    chats, tools = collector.named("chat fake"), collector.named("execute_tool shell")
    assert (len(chats), len(tools), len(collector.spans)) == (4, 4, 9)
    assert {span.trace_id for span in collector.spans} == {root.trace_id}
    assert {span.parent_span_id for span in (*chats, *tools)} == {root.span_id}
    assert not root.parent_span_id
    assert len({span.span_id for span in collector.spans}) == 9
    for span in collector.spans:
        assert root.start_time_unix_nano <= span.start_time_unix_nano <= span.end_time_unix_nano
        assert span.end_time_unix_nano <= root.end_time_unix_nano
    told = attributes(chats[0])
    assert told["gen_ai.operation.name"] == "chat"
    assert (told["gen_ai.usage.input_tokens"], told["gen_ai.usage.output_tokens"]) == (100, 10)
    assert told["gen_ai.response.finish_reasons"] == ["calls"]
    assert told["gen_ai.conversation.id"] == task
    assert [attributes(span)["gen_ai.tool.name"] for span in tools] == ["shell"] * 4
    assert [span.status.code for span in tools] == [0, 0, 0, 2]
    assert attributes(tools[3])["midwatch.exit_code"] == 1
    assert "error.type" in attributes(tools[3])
    assert attributes(root)["midwatch.outcome"] in ("proposed", "draft")
    assert attributes(root)["gen_ai.usage.input_tokens"] == 400
    assert SECRET not in str(collector.spans)
    assert set(collector.paths) == {"/v1/traces"}
    assert collector.services == {"midwatch"}


async def test_with_content_the_spans_carry_what_was_said_and_done(place: Place) -> None:
    with collecting() as collector:
        await solved(place, collector, SCRIPT, content=True)
    said = json.loads(str(attributes(collector.named("chat fake")[0])["gen_ai.output.messages"]))
    assert said[0]["parts"][0] == {"type": "text", "content": SECRET}
    told = attributes(collector.named("execute_tool shell")[0])
    assert SECRET in str(told["gen_ai.tool.call.arguments"])
    assert SECRET in str(told["gen_ai.tool.call.result"])


async def test_who_goes_on_after_a_crash_adds_to_the_same_trace_and_sends_nothing_twice(place: Place) -> None:
    task = await place.task()
    with collecting() as collector:
        broken: list[Step] = [FIRST, ModelError("the endpoint is down", "wait")]
        scripts: tuple[Sequence[Step], ...] = (broken, SCRIPT)
        for script in scripts:  # each with witnesses of its own, as processes have
            traces = Traces(collector.address)
            with witnessed_by(traces):
                try:
                    await place.solve(task, FakeModel(script))
                except ModelError:
                    assert script is broken
            await traces.close()
        assert len(collector.named("chat fake")) == 4
        (root,) = collector.named("invoke_agent midwatch")
        first = collector.named("chat fake")[0]
        assert first.parent_span_id == root.span_id
        assert attributes(root)["midwatch.failures"] == 1
        assert attributes(root)["gen_ai.usage.input_tokens"] == 400
        assert root.start_time_unix_nano <= first.start_time_unix_nano

        async with place.store() as store:
            await tell(Shelf(place.state, store, place.forge), task.id, "And two")
        traces = Traces(collector.address)
        with witnessed_by(traces):
            more = [calls("shell", command="echo two >> count.txt"), says("Count to two")]
            await place.solve(task, FakeModel([*SCRIPT, *more]))
        await traces.close()
    roots = collector.named("invoke_agent midwatch")
    assert len(roots) == 2
    assert roots[0].span_id != roots[1].span_id
    assert len({span.trace_id for span in collector.spans}) == 1
    assert {span.parent_span_id for span in collector.named("chat fake")[4:]} == {roots[1].span_id}
    assert len({span.span_id for span in collector.spans}) == len(collector.spans)


async def test_what_a_subtask_does_is_in_the_trace_of_its_attempt(place: Place) -> None:
    script = [
        calls("delegate", prompt="Count to one."),
        calls("shell", command="echo one >> count.txt"),
        says("Count further"),
    ]
    with collecting() as collector:
        await solved(place, collector, script)
    (root,) = collector.named("invoke_agent midwatch")
    attempts = {attributes(span)["midwatch.attempt"] for span in collector.spans}
    assert len(attempts) == 2
    assert {span.trace_id for span in collector.spans} == {root.trace_id}
    assert {span.parent_span_id for span in collector.spans} == {b"", root.span_id}


async def test_a_collector_that_is_not_there_holds_nothing_up(place: Place, caplog: pytest.LogCaptureFixture) -> None:
    with collecting() as collector:
        pass
    await solved(place, collector, SCRIPT)
    assert collector.spans == []
