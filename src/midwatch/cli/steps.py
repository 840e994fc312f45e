"""Events as lines for a person: one short line for each thing that has happened."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from midwatch.cli import words
from midwatch.cli.screen import Look
from midwatch.domain.events import (
    Checked,
    Compacted,
    EnvironmentReady,
    Failed,
    LimitReached,
    Message,
    ModelReplied,
    NetworkRequested,
    PlanUpdated,
    Proposed,
    Proposing,
    Stopped,
    TaskStarted,
    ToolFinished,
    ToolStarted,
)
from midwatch.domain.evidence import CheckRun
from midwatch.domain.interventions import (
    ApprovalGiven,
    Delegated,
    FilesImported,
    Forked,
    HookRan,
    Interrupted,
    McpConnected,
    ModeChosen,
    ModelChosen,
    Reviewed,
    SessionEnded,
    Undone,
)

LONGEST = 200
"""Columns of a line where there is no terminal to say."""


@dataclass(frozen=True, slots=True)
class Step:
    """A line in parts: `text` may be cut to fit, `facts` are kept as long as there is room at all."""

    ok: bool | None
    text: str
    facts: tuple[str, ...] = ()


def step_line(step: Step, look: Look, width: int | None = None) -> str:
    """The step on one line: mark, text, facts. Facts leave the text three fifths of the line, if it takes as much."""
    room = look.width if width is None else width
    mark = 2 if look.unicode or step.ok is None else 3 if step.ok else 5
    wanted = min(words.cells(step.text), (room - mark) * 3 // 5)
    facts = list(step.facts)
    while facts and room - mark - sum(len(look.dot) + words.cells(fact) for fact in facts) < wanted:
        facts.pop()
    tail = "".join(look.dot + fact for fact in facts)
    text = words.cut(step.text, room - mark - words.cells(tail), look.more)
    return f"{look.mark(step.ok)} {text}{look.dim(tail)}"


class Steps:
    """Turns events into steps. Remembers what a tool call was about until its result comes."""

    def __init__(self) -> None:
        self._summaries: dict[str, str] = {}

    def of(self, body: Any) -> list[Step]:
        """The steps that an event means to a person who watches; none for what is only bookkeeping."""
        if isinstance(body, ToolStarted | Proposing | Message):
            self.every(body)
            return []
        if isinstance(body, ModelReplied) and not body.text.strip() and body.calls:
            return []  # its calls show themselves
        if isinstance(body, ModelReplied) and not body.calls and body.text.lstrip().startswith("{"):
            return []  # an answer for a program, which shows it in its own way
        if isinstance(body, ToolFinished) and body.ok and body.tool == "update_plan":
            return []  # so does the plan
        if isinstance(body, ModelReplied):
            step = _reply(body)
            return [Step(step.ok, step.text.removeprefix(f"{words.line(body.model)}: "), step.facts)]
        if isinstance(body, HookRan) and not body.refused and body.exit_code == 0:
            return []
        if isinstance(body, NetworkRequested) and body.allowed:
            return []  # only what was refused may need a person
        if isinstance(body, Checked):
            return [check_step(number, run) for number, run in enumerate(body.evidence.checks, 1)]
        return [self.every(body)]

    def every(self, body: Any) -> Step:
        """One step for any event, for `midwatch log`."""
        match body:
            case ToolStarted():
                self._summaries[body.call_id] = body.summary
                return Step(None, _named(body.tool, body.summary))
            case ToolFinished():
                return _tool(body, self._summaries.pop(body.call_id, ""))
            case ModelReplied():
                return _reply(body)
            case TaskStarted():
                return Step(None, f"started in {words.line(body.sandbox)}", tuple(map(words.line, body.protections)))
            case EnvironmentReady():
                return _environment(body)
            case Message():
                return Step(None, f"{words.line(body.author)}: {words.line(body.text)}")
            case NetworkRequested():
                return _request(body)
            case PlanUpdated():
                return _plan(body)
            case Checked():
                return _checked(body)
            case Proposing():
                return Step(None, f"offering {words.line(body.branch)} to {words.line(body.base)}")
            case Proposed():
                words_for = "draft pull request" if body.draft else "pull request"
                return Step(True, f"{words_for} #{body.number}", (words.line(body.branch),))
            case Compacted():
                facts = [f"{words.compact(body.usage.total)} tokens"] if body.usage.total else []
                return Step(None, "the conversation was summed up to make room", tuple(facts))
            case LimitReached():
                return Step(False, words.line(body.text))
            case Stopped():
                return Step(body.reason == "answered", _stopped(body))
            case Failed():
                return Step(False, words.line(body.error), (words.line(body.mend),) if body.mend else ())
        return _intervention(body)


def _intervention(body: Any) -> Step:
    match body:
        case Undone():
            return Step(None, f"undone: back to event {body.to}", (words.line(body.reason),) if body.reason else ())
        case Forked():
            return Step(None, f"forked from {words.line(body.attempt)}, event {body.seq}")
        case FilesImported():
            return Step(None, f"{words.count(len(body.files), 'file')} changed in your folder")
        case Interrupted():
            return Step(False, f"interrupted: {words.line(body.reason)}")
        case ModelChosen():
            return Step(None, f"the model is {words.line(body.model)} now")
        case ModeChosen():
            return Step(None, f"the mode is {words.line(body.mode)} now")
        case ApprovalGiven():
            verb = "allowed" if body.allowed else "refused"
            return Step(body.allowed, f"{verb} by {words.line(body.author)}: {words.line(body.subject)}")
        case HookRan():
            facts = (f"refused: {words.line(body.refused)}",) if body.refused else (words.line(body.ended),)
            return Step(not body.refused, f"hook {words.line(body.hook)}: {words.line(body.command)}", facts)
        case Delegated():
            tokens = [f"{words.compact(body.usage.total)} tokens"] if body.usage.total else []
            told = (words.line(body.status), words.count(body.turns, "turn"), *tokens)
            return Step(body.status == "done", f"subtask {words.line(body.task)}", told)
        case Reviewed():
            dropped = [f"{len(body.dropped)} dropped"] if body.dropped else []
            told = (words.count(len(body.findings), "finding"), *dropped)
            return Step(body.verdict == "correct", f"reviewed: {words.line(body.explanation)}", told)
        case SessionEnded():
            log = f"[{body.number}] " if body.number else ""
            return Step(None, f"{log}session {body.session} $ {words.line(body.command)}", (words.line(body.ended),))
        case McpConnected():
            return _mcp(body)
    return Step(None, words.line(str(getattr(body, "kind", body))))


def _mcp(body: McpConnected) -> Step:
    name = f"MCP server {words.line(body.server)}"
    if body.error:
        return Step(False, f"{name} cannot be used: {words.line(body.error)}")
    facts = [words.line(fact) for fact in (body.identity, body.place) if fact]
    return Step(None, f"{name}: {words.count(len(body.tools), 'tool')}", tuple(facts))


def _tool(body: ToolFinished, summary: str) -> Step:
    took = words.milliseconds(body.duration_ms)
    if body.number:
        ok: bool | None = body.exit_code == 0
        if body.exit_code is None:  # goes on, or was ended: in a session that may have been asked for
            ok = None if body.ended == "running" else body.ok and body.tool == "session"
        facts = (words.line(body.ended), took, *((words.count(body.lines, "line"),) if body.lines else ()))
        return Step(ok, f"[{body.number}] $ {words.line(body.command)}", facts)
    facts = () if body.ok else (words.line(body.ended) or words.cut(words.line(body.output), 100),)
    return Step(body.ok, _named(body.tool, summary or body.output), tuple(f for f in facts if f))


def _named(tool: str, summary: str) -> str:
    """A tool call in a line; most summaries name their tool themselves."""
    name, text = words.line(tool), words.line(summary)
    return text if text.startswith((name, "plan: ")) else f"{name}: {text}"


def _reply(body: ModelReplied) -> Step:
    said = words.line(body.text)
    if not said:
        said = "asks for " + ", ".join(words.line(call.name) for call in body.calls) if body.calls else "says nothing"
    facts = [words.milliseconds(body.latency_ms)] if body.latency_ms >= 50 else []
    if body.usage.total:
        cached = f", {body.usage.cached_percent} % cached" if body.usage.cached_percent else ""
        facts.append(f"{words.compact(body.usage.total)} tokens{cached}")
    if body.cost_microusd:
        facts.append(words.money(body.cost_microusd))
    return Step(None, f"{words.line(body.model)}: {said}", tuple(facts))


def _environment(body: EnvironmentReady) -> Step:
    text = f"environment {'made' if body.built else 'ready'}: {words.count(len(body.commands), 'command')}"
    facts = [f"{body.seconds:.1f} s" if body.built else "kept from before", *map(words.line, body.notes)]
    return Step(False if body.notes else None, text, tuple(facts))


def _request(body: NetworkRequested) -> Step:
    """`GET pypi.org/simple/`, and what was decided."""
    where = words.line(body.host) + (f":{body.port}" if body.port not in (80, 443) else "") + words.line(body.path)
    text = f"network: {words.line(body.method)} {where}" if body.host else "network: further requests"
    facts = [words.line(body.reason) if body.allowed else f"refused: {words.line(body.reason)}"]
    if body.count > 1:
        facts.append(f"{body.count} times")
    return Step(body.allowed, text, tuple(facts))


def _plan(body: PlanUpdated) -> Step:
    done = sum(step.status == "completed" for step in body.steps)
    now = next((step.step for step in body.steps if step.status == "in_progress"), "")
    return Step(None, f"plan: {done} of {len(body.steps)} done", (f"now: {words.line(now)}",) if now else ())


def _checked(body: Checked) -> Step:
    verdict = body.evidence.verdict
    passed = sum(run.passed for run in body.evidence.checks)
    text = "no checks to run" if verdict == "none" else f"{passed} of {len(body.evidence.checks)} checks passed"
    return Step({"passed": True, "failed": False}.get(verdict), text, (f"tree {body.evidence.tree[:12]}",))


def check_step(number: int, run: CheckRun) -> Step:
    """How a check of the evidence ended."""
    facts = (words.line(run.ended), words.milliseconds(run.duration_ms))
    return Step(run.passed, f"check {number}: {words.line(run.command)}", facts)


def _stopped(body: Stopped) -> str:
    reasons = {"no_change": "no file was changed", "not_chosen": "not chosen", "answered": "answered"}
    return f"{reasons.get(body.reason, words.line(body.reason))}: {words.line(body.text)}"
