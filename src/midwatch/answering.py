"""What is said at a forge when a turn of a task has ended: to whoever asked for it, and beside its pull request."""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from midwatch.domain.codec import from_json
from midwatch.domain.forge import Judgement, Status
from midwatch.domain.ids import attempt_id
from midwatch.engine.forges.arrivals import FORGOTTEN, TOLD, Arrivals
from midwatch.engine.forges.origins import Origins
from midwatch.forges import outgoing
from midwatch.forges.arrived.base import Arrived
from midwatch.forges.outgoing import Thing
from midwatch.workspace.location import is_url

if TYPE_CHECKING:
    from midwatch.domain.evidence import Evidence
    from midwatch.domain.interventions import Reviewed
    from midwatch.domain.pull_request import PullRequest
    from midwatch.domain.review import Finding
    from midwatch.domain.task import Task
    from midwatch.engine.effects.base import Wanted
    from midwatch.engine.forges.origins import Origin
    from midwatch.engine.turns import Turn
    from midwatch.wiring import Home
    from midwatch.workflows.report import AttemptReport

STATUS = "midwatch"
"""What our own word on a commit is called: as a CI run it is nobody's business here."""
_INNER = re.compile(r"(?:^|[\s'\"`(=])~?/\w|://|\bMIDWATCH_|\b(?:\d{1,3}\.){3}\d|\blocalhost\b")
_URGENT = 1
_MOST_TEXT = 8000


@dataclass(frozen=True, slots=True)
class Ended:
    """A turn, and what the task has come to."""

    task: Task
    turn: Turn
    what: str
    """How it ended: `done`, `failed` or `cancelled`."""
    chosen: AttemptReport
    request: PullRequest | None


async def answers(home: Home, ended: Ended) -> list[Wanted]:
    """The effects that follow; none for a repository that is a folder of this machine. Raises MidwatchError."""
    task = ended.task
    if not is_url(task.repository):
        return []
    origin = await Origins(home.store.database).of_task(task.id)
    if task.kind == "review":
        return [] if origin is None else await _review(home, ended, origin)
    found = _beside(home, ended)
    for what, number in await _asked_at(home, ended, origin):
        thing = Thing(task.repository, number)
        found.append(outgoing.comment(thing, task.id, what, _answer(home, ended), ended.turn.id))
    return found


async def _asked_at(home: Home, ended: Ended, origin: Origin | None) -> list[tuple[str, int]]:
    """Where this turn was asked for, each with a name for the answer there."""
    found: dict[int, str] = {}
    for arrival in await Arrivals(home.store.database).heard_by(ended.turn.id):
        if arrival.event in ("remark", "review") and arrival.outcome == TOLD and arrival.meaning != FORGOTTEN:
            heard = await home.connected.find(arrival.connection)
            told = from_json(Arrived, json.loads(arrival.meaning))
            if heard is not None:
                found[heard.number(told.number, pull=told.pull)] = f"answer-{ended.turn.number}"
    if origin is not None and ended.turn.kind in ("submit", "retry", "resume"):
        heard = await home.connected.find(origin.connection)
        if heard is not None:
            found[heard.number(origin.number, pull=bool(origin.pull))] = "answer"
    return [(what, number) for number, what in found.items()]


def link(home: Home, task: str) -> str:
    """Where a person looks at a task, as Markdown."""
    base = home.settings.server.public_url.rstrip("/")
    return f"[task {task}]({base}/tasks/{task})" if base else f"task `{task}`"


def harmless(text: str) -> str:
    """Text of a model as it may stand in a remark: it calls nobody, and is no command to the forge."""
    quiet = re.sub(r"@(?=\w)", "@\u2060", text.replace("<!--", "&lt;!--"))
    return re.sub(r"(?m)^(\s*)/(?=\w)", "\\1\u2060/", quiet)


def public(text: str) -> str:
    """An error as everybody may read it at a forge; empty for one that tells of this server: a path, an address, a
    variable."""
    return "" if _INNER.search(text) else harmless(text)


def _beside(home: Home, ended: Ended) -> list[Wanted]:
    """What stands beside its pull request."""
    task, request, turn = ended.task, ended.request, ended.turn
    if request is None:
        return []
    thing = Thing(task.repository, request.number)
    if ended.what == "cancelled" and request.state == "open":
        why = f"The work on {link(home, task.id)} was cancelled, so this is closed. The branch stays."
        return [outgoing.comment(thing, task.id, "cancelled", why, turn.id), outgoing.close(thing, task.id, turn.id)]
    evidence = ended.chosen.evidence
    if ended.what != "done" or request.state != "open" or evidence is None:
        return []
    body = _summary(home, ended, evidence)
    said = _status(home, task, evidence)
    return [
        outgoing.comment(thing, task.id, "evidence", body, turn.id),
        outgoing.status(task.repository, request.proposal.commit, said, task.id, turn.id),
    ]


def _summary(home: Home, ended: Ended, evidence: Evidence) -> str:
    task, base = ended.task, home.settings.server.public_url.rstrip("/")
    verdict = {"passed": "All checks passed.", "failed": "**A check failed.**", "none": "There was no check to run."}
    rows = []
    for number, run in enumerate(evidence.checks, 1):
        command = run.command.replace("`", "'").replace("|", "\\|").replace("\n", " ")[:200]
        shown = f"[{run.lines} lines]({base}/tasks/{task.id}#log=check:{number})" if base else f"{run.lines} lines"
        rows.append(f"| `{command}` | {run.ended} | {run.duration_ms / 1000:.2f} s | {shown} |")
    table = "\n".join(["| check | result | time | log |", "|---|---|---|---|", *rows]) if rows else ""
    where = (
        f"Run by the harness on tree `{evidence.tree}`, commit `{ended.chosen.commit[:12]}`, for {link(home, task.id)}."
    )
    return "\n\n".join(part for part in (verdict[evidence.verdict], table, where) if part)


def _status(home: Home, task: Task, evidence: Evidence) -> Status:
    passed = sum(run.passed for run in evidence.checks)
    state = {"passed": "success", "failed": "failure", "none": "neutral"}[evidence.verdict]
    summary = f"{passed} of {len(evidence.checks)} checks passed" if evidence.checks else "no check to run"
    text = "\n".join(f"- `{run.command.replace('`', chr(39))[:200]}`: {run.ended}" for run in evidence.checks)
    base = home.settings.server.public_url.rstrip("/")
    return Status(STATUS, state, summary, text, f"{base}/tasks/{task.id}" if base else "")  # type: ignore[arg-type]


def _answer(home: Home, ended: Ended) -> str:
    task, request, turn = ended.task, ended.request, ended.turn
    text = harmless(ended.chosen.text.strip())[:_MOST_TEXT]
    if ended.what == "failed":
        why = f": {public(turn.error)}" if public(turn.error) else ""
        return f"I could not do it{why}. More is in {link(home, task.id)}."
    if ended.what == "cancelled":
        return f"The work was cancelled: {link(home, task.id)}."
    if request is None:
        return f"{text or 'There was nothing to change.'}\n\n{link(home, task.id)}, without a pull request."
    verdict = {"passed": "all checks passed", "failed": "a check failed", "none": "there was no check to run"}
    draft = " as a draft" if request.proposal.draft else ""
    word = verdict.get(request.proposal.verdict, request.proposal.verdict)
    return f"{request.url} has it{draft}; {word}.\n\n{text}\n\n{link(home, task.id)}".replace("\n\n\n\n", "\n\n")


async def _review(home: Home, ended: Ended, origin: Origin) -> list[Wanted]:
    """What was found, beside the lines; where it came to nothing, why."""
    from midwatch.agent.log import History

    task = ended.task
    thing = Thing(task.repository, origin.number)
    reviewed = History(await home.store.read(attempt_id(task.id, 1))).reviewed
    if ended.what != "done" or reviewed is None:
        why = ended.turn.error or ended.chosen.detail or "it was cancelled"
        said = f": {public(why)}" if public(why) else ""
        text = f"The review came to no result{said}. More is in {link(home, task.id)}."
        return [outgoing.comment(thing, task.id, "review", text, ended.turn.id)]
    rules = await home.connected.beside.forge_at(task.repository)
    everything = origin.purpose == "review-all" or rules.review_all
    judgement = judged(home, task, reviewed, origin.head, everything=everything)
    return [outgoing.review(thing, task.id, judgement)]


def judged(home: Home, task: Task, reviewed: Reviewed, head: str, *, everything: bool) -> Judgement:
    """A review as it is handed in: of what is not urgent the number, unless everything is asked for."""
    told = [one for one in reviewed.findings if everything or one.priority <= _URGENT]
    left = len(reviewed.findings) - len(told)
    lines = ["No finding." if not reviewed.findings else _counted(told), harmless(reviewed.explanation.strip())]
    if left:
        lines.append(f"{left} less urgent {'finding is' if left == 1 else 'findings are'} in {link(home, task.id)}.")
    lines.append(f"Of commit `{head[:12]}`, by {link(home, task.id)}.")
    remarks = tuple((one.file, one.last_line, _finding(one)) for one in told)
    return Judgement(head, "\n\n".join(line for line in lines if line), remarks)


def _counted(told: Sequence[Finding]) -> str:
    return f"{len(told)} {'finding' if len(told) == 1 else 'findings'} beside the lines." if told else "Nothing urgent."


def _finding(one: Finding) -> str:
    return f"**[P{one.priority}] {harmless(one.title)}**\n\n{harmless(one.body)}"
