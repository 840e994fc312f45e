"""The words of a pull request: from the whole difference and the log, never from the last message alone."""

from __future__ import annotations

import re
from collections.abc import Sequence

from midwatch.agent import hooks
from midwatch.agent.course import course, follow_ups
from midwatch.agent.log import History
from midwatch.domain.events import Checked, ModelReplied, Proposing
from midwatch.domain.evidence import CheckRun, Evidence, FileChange
from midwatch.domain.pull_request import Proposal
from midwatch.domain.task import Task
from midwatch.workflows import template

TITLE_LENGTH = 72
MOST_FILES = 50
MOST_COMMANDS = 40
SUMMARY_LENGTH = 8000


def title(task: Task, history: History, evidence: Evidence) -> str:
    """One line: the model's own title where it gave one, else the start of the prompt; failing checks come first. A
    follow-up that has changed nothing leaves the title that the pull request has."""
    return _offered(history, evidence)[0] or _own_title(task, history, evidence)


def _own_title(task: Task, history: History, evidence: Evidence) -> str:
    offered = _offered_title(history) or _first_line(task.prompt)
    words = _one_line(offered)
    return f"[checks failing] {words}" if evidence.verdict == "failed" else words


def body(task: Task, history: History, evidence: Evidence, changes: Sequence[FileChange]) -> str:
    """Markdown: what was asked, what was done, what changed, the evidence, and how to check all of it."""
    parts = {
        "closes": f"Closes {task.words.closes}" if task.words.closes else "",
        "summary": _summary(task, history, _words(task, history, evidence)),
        "changes": _changes(changes),
        "evidence": _evidence(task, evidence),
        "commands": _commands(task, history),
        "provenance": _provenance(task, history),
    }
    return template.filled(task.words.template, parts) + "\n"


def proposal(task: Task, history: History, changes: Sequence[FileChange]) -> Proposal:
    """What an attempt with evidence offers. The same log gives the same proposal, so it can be verified later."""
    assert history.checked is not None
    assert history.outcome is not None
    evidence = history.checked.evidence
    return Proposal(
        task_id=task.id,
        repository=task.repository,
        branch=task.branch,
        base=task.base.branch or task.base.commit,
        base_commit=task.base.commit,
        commit=history.checked.commit,
        title=title(task, history, evidence),
        body=body(task, history, evidence, changes),
        draft=evidence.verdict == "failed" or history.outcome.draft or bool(hooks.standing_refusal(history)),
        verdict=evidence.verdict,
    )


def commit_message(task: Task, history: History, evidence: Evidence) -> str:
    """Title, the task, and where it comes from."""
    kept, own = title(task, history, evidence), _own_title(task, history, evidence)
    return message(kept if kept == own else f"{kept}\n\n{own}", task)


def message(title: str, task: Task) -> str:
    """A commit message under that title."""
    return f"{title}\n\nMidwatch-Task: {task.id}\n"


def from_prompt(prompt: str) -> str:
    """A title from what was asked for."""
    return _cut(_first_line(prompt), TITLE_LENGTH)


def _offered_title(history: History) -> str:
    reply = history.last_reply
    if reply is None or reply.calls:
        return ""
    verdict = next((i for i in reply.items if i.get("type") == "verdict"), {})
    if isinstance(verdict.get("title"), str):
        return str(verdict["title"])
    first = _first_line(reply.text).lstrip("#* ").rstrip("* ")
    return first if 0 < len(first) <= TITLE_LENGTH else ""


def _offered(history: History, evidence: Evidence) -> tuple[str, str]:
    """Title of the pull request that offers this very tree with this verdict since an earlier turn, and what was said
    of the change then; both empty where there is none."""
    title = said = waits = ""
    asked = False
    for event in reversed(course(history.events)):
        body = event.body
        if isinstance(body, Proposing):
            title, waits = title or body.title, body.title
        elif isinstance(body, Checked):
            if (body.evidence.tree, body.evidence.verdict) != (evidence.tree, evidence.verdict):
                break
            asked = bool(waits)
        elif isinstance(body, ModelReplied) and not body.calls and asked:
            said = "" if body is history.last_reply else body.text  # that one is no earlier turn's
            asked, waits = False, ""
    return (title, said) if said else ("", "")


def _words(task: Task, history: History, evidence: Evidence) -> str:
    """What the model says was done: its last words, after those of the change where they are of an earlier turn."""
    text = history.last_reply.text.strip() if history.last_reply else ""
    title, said = _offered(history, evidence)
    if title and title != _own_title(task, history, evidence):
        if title.endswith(_one_line(_first_line(said).strip("#* "))):
            said = said.strip().partition("\n")[2]
        return f"{said.strip()}\n\n{text}".strip()
    if _first_line(text) == _offered_title(history):
        text = text.partition("\n")[2].strip() or text  # it is the pull request's title already
    return text


def _first_line(text: str) -> str:
    return next((line.strip() for line in text.splitlines() if line.strip()), "")


def _one_line(text: str) -> str:
    return _cut(re.sub(r"\s+", " ", text).strip().rstrip("."), TITLE_LENGTH)


def _cut(text: str, length: int) -> str:
    return text if len(text) <= length else text[: length - 1].rstrip() + "…"


def _quote(text: str) -> str:
    return "\n".join(f"> {line}".rstrip() for line in text.strip().splitlines())


def _summary(task: Task, history: History, text: str) -> str:
    beneath = ""
    if "uncommitted changes included" in task.base.note:
        beneath = "\n\n**It stands on a commit of your uncommitted changes; merging it merges them as well.**"
    asked = f"Asked for:\n\n{_quote(_cut(task.prompt, 2000))}"
    for message in follow_ups(history.events):
        asked += f"\n\nAnd then:\n\n{_quote(_cut(message.text, 2000))}"
    done = _cut(text, SUMMARY_LENGTH) if text else "The model ended without a summary."
    limit = history.outcome.text if history.outcome and history.outcome.kind == "limit" else ""
    note = f"**Unfinished: {limit}.** What was done until then is offered as a draft.\n\n" if limit else ""
    if refused := hooks.standing_refusal(history):
        note += f"**A hook objects to this as it is:**\n\n{_quote(_cut(refused, 2000))}\n\n"
    return f"{asked}{beneath}\n\n## What was done\n\n{note}{done}"


def _changes(changes: Sequence[FileChange]) -> str:
    rows = [
        f"| `{_code(c.old_path + ' → ' if c.old_path else '')}{_code(c.path)}` | {c.status} "
        f"| {'binary' if c.added is None else f'+{c.added}'} | {'' if c.removed is None else f'-{c.removed}'} |"
        for c in changes[:MOST_FILES]
    ]
    more = f"\n\n… and {len(changes) - MOST_FILES} more files" if len(changes) > MOST_FILES else ""
    table = "\n".join(["| file | | added | removed |", "|---|---|---|---|", *rows])
    return f"## What changed\n\n{table}{more}"


def _evidence(task: Task, evidence: Evidence) -> str:
    intro = f"Run by the harness, not by the model, on tree `{evidence.tree}` in a fresh sandbox without network."
    if not evidence.checks:
        return "## Evidence\n\nThere is none: no check was given (`--check`) and none was found in the repository."
    rows = [_check_row(task, number, run) for number, run in enumerate(evidence.checks, 1)]
    table = "\n".join(["| check | result | time | log |", "|---|---|---|---|", *rows])
    verdict = "**All checks passed.**" if evidence.verdict == "passed" else "**A check failed: do not merge as it is.**"
    source = {"option": "given with the task"}.get(task.checks_from, task.checks_from)
    return f"## Evidence\n\n{verdict} {intro} Checks: {source}.\n\n{table}"


def _check_row(task: Task, number: int, run: CheckRun) -> str:
    log = f"`midwatch log {task.id} --check {number}` ({run.lines} lines, sha256 `{run.digest[:16]}`)"
    if task.words.server:
        log = f"[{run.lines} lines]({task.words.server}/tasks/{task.id}#log=check:{number}): {log}"
    return f"| `{_code(run.command)}` | {run.ended} | {run.duration_ms / 1000:.2f} s | {log} |"


def _commands(task: Task, history: History) -> str:
    if not history.commands:
        return ""
    rows = [
        f"{c.number}. `{_code(_cut(_first_line(c.command), 160))}` — {c.ended}, {c.duration_ms / 1000:.2f} s"
        for c in history.commands[:MOST_COMMANDS]
    ]
    more = len(history.commands) - MOST_COMMANDS
    rows += [f"… and {more} more"] if more > 0 else []
    intro = f"Commands of the agent; `midwatch log {task.id} --cmd N` shows each one's full output."
    head = f"<details><summary>{len(history.commands)} commands</summary>\n\n{intro}\n\n"
    return head + "\n".join(rows) + "\n\n</details>"


def _provenance(task: Task, history: History) -> str:
    cost = f"${history.cost_microusd / 1e6:.4f}" if history.cost_known else "price not known"
    reply = history.last_reply
    model = reply.model if reply else task.model
    head = _head(history)
    name = f"[`{task.id}`]({task.words.server}/tasks/{task.id})" if task.words.server else f"`{task.id}`"
    return (
        f"---\nTask {name}, model `{model}`, {history.turns} turns, {history.usage.total} tokens, {cost}. "
        f"Log: {head[0]} events up to the evidence, chained by SHA-256, head `{head[1]}`; "
        f"`midwatch verify {task.id}` re-computes it."
    )


def _head(history: History) -> tuple[int, str]:
    """Where the chain stood when the evidence was written: that never changes again."""
    for event in reversed(history.events):
        if isinstance(event.body, Checked):
            return event.seq, event.hash
    return len(history.events), history.events[-1].hash if history.events else ""


def _code(text: str) -> str:
    """Text that stays inside a code span and a table cell."""
    shown = text.encode("utf-8", "surrogateescape").decode("utf-8", "replace")
    return re.sub(r"[\x00-\x1f\x7f\u202a-\u202e\u2066-\u2069]", "�", shown).replace("`", "'").replace("|", "\\|")
