"""`repair` as a model: a pure function of the view, from the checks to the report."""

from __future__ import annotations

import json
from typing import Any

import pytest

from midwatch.domain.conversation import INTERRUPTED, Answered, Brief, Item, Replied, Reply, Said, ToolCall, View
from midwatch.domain.limits import Limits
from midwatch.models.repair.model import MARK, RepairModel, search_seconds
from midwatch.tools.toolset import default_tools

FOUND: dict[str, Any] = {
    "found": True, "tried": 12, "plausible": 1, "what": ["`<` becomes `<=` (line 3 of fees.py)"], "why": "Line 3 runs.",
    "path": "fees.py", "patch": "*** Begin Patch\n*** Update File: fees.py\n@@\n-a\n+b\n*** End Patch\n",
    "others": [], "seconds": 2.5, "failing": ["tests/test_fees.py::test_day"], "failing_count": 1,
}  # fmt: skip


async def _reply(view: View) -> Reply:
    pieces = [piece async for piece in RepairModel().reply(view, default_tools().specs)]
    assert isinstance(pieces[-1], Reply)
    assert sum(isinstance(piece, Reply) for piece in pieces) == 1
    return pieces[-1]


def _view(*items: Item, checks: tuple[str, ...] = ("make test",), limits: Limits | None = None) -> View:
    return View("be good", Brief("Fix it", "/workspace", checks, limits or Limits()), (Said("Fix it"), *items))


def _answer(call: ToolCall, output: str = "exit 0 · 0.1 s", ok: bool = True) -> Answered:
    return Answered(call.id, call.name, output, ok)


def _after(view: View, reply: Reply, *answers: Answered) -> View:
    replied = Replied(reply.wire, reply.text, reply.calls, reply.items)
    return View(view.instructions, view.brief, (*view.items, replied, *answers))


async def _searched(result: dict[str, Any] | None, checks: tuple[str, ...] = ("make test",)) -> tuple[View, Reply]:
    """The view after the search has said `result` (None: it was cut off), and the reply to it."""
    view = _view(checks=checks)
    first = await _reply(view)
    view = _after(view, first, *(_answer(c, "exit 1 · 0.1 s\nFAILED", ok=c.name != "shell") for c in first.calls))
    second = await _reply(view)
    said = "exit 0\ntried 1\n" + (MARK + json.dumps(result) if result is not None else "")
    view = _after(view, second, *(_answer(c, said if c.name == "shell" else "ok") for c in second.calls))
    return view, await _reply(view)


def _verdict(reply: Reply) -> dict[str, Any]:
    assert reply.calls == ()
    return dict(reply.items[0])


async def test_it_says_what_it_is_and_runs_every_check_as_given() -> None:
    reply = await _reply(_view(checks=("make test", "python -m pytest -q 'a b'")))
    assert "no language model" in reply.text
    commands = [json.loads(c.arguments)["command"] for c in reply.calls if c.name == "shell"]
    assert commands == ["make test", "python -m pytest -q 'a b'"]
    assert reply.calls[0].name == "update_plan"


async def test_without_a_check_or_a_failure_it_changes_nothing_and_says_why() -> None:
    assert "no check" in (await _reply(_view(checks=()))).text
    view = _view()
    first = await _reply(view)
    done = await _reply(_after(view, first, *(_answer(call) for call in first.calls)))
    assert _verdict(done) == {"type": "verdict", "found": False, "passing": True}
    assert "passes already" in done.text


async def test_it_searches_with_the_checks_quoted_and_a_deadline_inside_the_tools() -> None:
    view = _view(checks=("pytest -k 'a b'",))
    first = await _reply(view)
    failed = [_answer(c, "exit 1", ok=False) for c in first.calls]
    second = await _reply(_after(view, first, *failed))
    arguments = json.loads(second.calls[-1].arguments)
    assert arguments["command"] == (
        "python3 \"$MIDWATCH_SUPPORT/search.py\" --seconds 75 --check 'pytest -k '\"'\"'a b'\"'\"''"
    )
    assert arguments["timeout_seconds"] > 75


async def test_it_applies_what_was_found_runs_the_checks_and_reports() -> None:
    view, third = await _searched(FOUND)
    assert [c.name for c in third.calls] == ["update_plan", "apply_patch", "shell", "update_plan"]
    assert json.loads(third.calls[1].arguments)["patch"] == FOUND["patch"]
    last = await _reply(_after(view, third, *(_answer(c) for c in third.calls)))
    assert _verdict(last) == {
        "type": "verdict", "found": True, "tried": 12, "plausible": 1,
        "title": "Fix fees.py: `<` becomes `<=`", "draft": False,
    }  # fmt: skip
    for word in ("Fix fees.py", "12 edits", "Line 3 runs.", "test_day", "not a proof", "No other edit"):
        assert word in last.text


async def test_an_edit_that_may_not_be_made_is_told_with_the_reason_and_the_way_to_have_it() -> None:
    view, third = await _searched(FOUND)
    refused = [_answer(c, "This task is read-only: no file.", ok=c.name == "update_plan") for c in third.calls]
    last = await _reply(_after(view, third, *refused))
    assert _verdict(last)["found"] is False
    for word in (
        "Nothing was changed",
        "`<=`",
        "This task is read-only",
        "workspace-write",
        str(FOUND["patch"]).strip(),
    ):
        assert word in last.text


async def test_several_plausible_edits_or_a_check_that_still_fails_ask_for_a_second_look() -> None:
    several = {**FOUND, "plausible": 3, "others": ["`<` becomes `!=` (line 3)", "another"]}
    view, third = await _searched(several)
    last = await _reply(_after(view, third, *(_answer(c) for c in third.calls)))
    assert _verdict(last)["draft"] is True
    assert "2 other edits pass" in last.text
    assert "`!=`" in last.text
    view, third = await _searched(FOUND)
    last = await _reply(_after(view, third, *(_answer(c, ok=c.name != "shell") for c in third.calls)))
    assert _verdict(last)["draft"] is True
    assert "failed all the same" in last.text


@pytest.mark.parametrize(
    ("result", "word"),
    [
        (None, "ended before it had a result"),
        ({"found": False, "tried": 900, "seconds": 75.0, "reason": "none was right"}, "none was right"),
        ({"found": False, "passing": True}, "did not come again"),
    ],
)
async def test_where_nothing_is_found_it_says_so_and_asks_for_nothing(result: dict[str, Any] | None, word: str) -> None:
    _, third = await _searched(result)
    assert _verdict(third)["found"] is False
    assert word in third.text


async def test_the_same_view_gives_the_same_reply() -> None:
    view, third = await _searched(FOUND)
    assert await _reply(view) == third


@pytest.mark.parametrize(
    ("limits", "seconds"),
    [
        (Limits(), 75),
        (Limits(seconds=None), 75),
        (Limits(seconds=60), 30),
        (Limits(seconds=600), 360),
        (Limits(seconds=36000), 570),
        (Limits(seconds=200, command_seconds=40), 10),
        (Limits(seconds=1), 1),
    ],
)
def test_the_search_takes_its_share_of_the_time(limits: Limits, seconds: int) -> None:
    assert search_seconds(limits) == seconds


async def test_after_an_answer_a_further_message_begins_anew_with_calls_of_new_names() -> None:
    view, third = await _searched(FOUND)
    view = _after(view, third, *(_answer(call) for call in third.calls))
    done = await _reply(view)
    assert _verdict(done)["found"] is True
    again = _after(view, done)
    again = View(again.instructions, again.brief, (*again.items, Said("And once more")))
    first = await _reply(again)
    assert [call.name for call in first.calls] == ["update_plan", "shell"]
    before = {call.id for item in again.items if isinstance(item, Replied) for call in item.calls}
    assert not before & {call.id for call in first.calls}
    passing = await _reply(_after(again, first, *(_answer(call) for call in first.calls)))
    assert "passes already" in passing.text


async def test_after_an_interruption_it_begins_anew_and_after_a_crash_it_goes_on() -> None:
    view = _view()
    first = await _reply(view)
    failed = _after(view, first, *(_answer(c, "exit 1", ok=c.name != "shell") for c in first.calls))
    search = await _reply(failed)
    cut = _after(failed, search, *(_answer(call, INTERRUPTED, ok=False) for call in search.calls))
    begun = await _reply(View(cut.instructions, cut.brief, (*cut.items, Said("Go on"))))
    assert [call.name for call in begun.calls] == ["update_plan", "shell"]
    told = View(failed.instructions, failed.brief, (*failed.items, Said("The sandbox is new.")))
    assert "search.py" in (await _reply(told)).calls[-1].arguments
