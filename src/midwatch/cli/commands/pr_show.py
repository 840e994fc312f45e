"""`midwatch pr show`: one pull request."""

from __future__ import annotations

import sys
from argparse import Namespace
from dataclasses import dataclass

from midwatch import reading, wiring
from midwatch.cli import arguments, pulls, render, words
from midwatch.cli.commands.diff import diff_lines
from midwatch.cli.jsonlines import pull_request_json
from midwatch.cli.remote import address
from midwatch.cli.screen import Look, Screen
from midwatch.domain.pull_request import PullRequest
from midwatch.workflows.report import Report

USAGE = "midwatch pr show NUMBER [--diff] [--repo PATH] [--server URL] [--json]"


def add_arguments(parser: arguments.Parser) -> None:
    """Which, and whether with its diff."""
    pulls.pull_request_arguments(parser)
    parser.add_argument("--diff", action="store_true", help="the change too (alone when piped)")


async def execute(options: Namespace, screen: Screen) -> int:
    """Print its head, evidence and text; with `--diff` the change."""
    if where := address.chosen(options, screen.environ):
        from midwatch.cli.remote import looking
        from midwatch.cli.remote import pulls as elsewhere
        from midwatch.cli.remote.session import opened

        async with opened(options, screen, where) as session:
            request = await elsewhere.find(session, options.number, options.repo)
            task_id = request.proposal.task_id
            report, _ = await looking.report(session, task_id)
            diff = await looking.diff(session, task_id) if options.diff else None
            return _print(_Shown(request, report, diff), options.number, screen, session.at)
    async with wiring.home(screen.environ) as home:
        request, stale = await pulls.refreshed(home, await pulls.find(home, options.number, options.repo))
        report = await wiring.report(home, request.proposal.task_id)
        diff = await reading.diff(home, request.proposal.task_id) if options.diff else None
    return _print(_Shown(request, report, diff, stale), options.number, screen)


@dataclass(frozen=True, slots=True)
class _Shown:
    request: PullRequest
    report: Report
    diff: bytes | None
    """None when it is not wanted."""
    stale: str = ""
    """Why it may be older than what the forge has."""


def _print(shown: _Shown, number: str, screen: Screen, at: str = "") -> int:
    request, report, diff = shown.request, shown.report, shown.diff
    evidence = report.chosen.evidence
    if screen.json:
        from midwatch.domain.codec import to_json

        value = pull_request_json(request) | {"evidence": to_json(evidence), "changes": to_json(report.changes)}
        text = {} if diff is None else {"diff": diff.decode("utf-8", "surrogateescape")}
        screen.emit(value | text, indent=2)
        return 0
    if diff is not None and not sys.stdout.isatty():
        screen.raw(diff)
        return 0
    look = screen.look()
    lines = request_lines(request, look)
    if shown.stale:
        lines += ["", *map(look.warn, words.wrap(shown.stale, look.width - 2, "  "))]
    if report.changes:
        lines += ["", look.bold("What changed"), *render.diffstat_lines(report.changes, look)]
    if evidence is not None:
        lines += ["", *render.evidence_section(report.task, evidence, look, at)]
    if diff:
        lines += ["", *diff_lines(diff, look)]
    elif request.state == "open":
        name = number.removeprefix("#")  # to a shell, what follows a # is a comment
        lines += ["", look.dim(f"midwatch pr show {name} --diff{at} shows the change; pr merge {name}{at} merges it")]
    screen.say(lines)
    return 0


def request_lines(request: PullRequest, look: Look) -> list[str]:
    """Head and text. The text's own tables of changes and evidence are left out: the record itself is shown below."""
    lines = render.pull_request_head(request, look)
    age = words.age(request.updated)
    where = render.page_of(request) or [words.line(request.proposal.repository)]
    facts = [*where, f"task {request.proposal.task_id}"]
    facts += ["just now" if age == "now" else f"{age} ago"]
    facts += [f"merged as {request.merge_commit[:12]}"] if request.merge_commit else []
    lines += [f"  {look.dim(words.cut_path(fact, look.width - 2, look.more))}" for fact in facts]
    body = words.clean(request.proposal.body).strip()
    return [*lines, "", *markdown_lines(body.partition("\n## What changed\n")[0].strip(), look)]


def markdown_lines(text: str, look: Look) -> list[str]:
    """Clean Markdown as text: headings stand out, quotes step back, code stays as it is."""
    lines, code = [], False
    for raw in text.split("\n"):
        fence = raw.lstrip().startswith(("```", "~~~"))
        code ^= fence
        wrapped = ["  " + raw] if code or fence else words.wrap(raw, min(look.width, 100) - 2, "  ")
        if not code and raw.startswith("#"):
            wrapped = ["  " + look.bold(raw.lstrip("#").strip())]
        lines += [look.dim(line) for line in wrapped] if raw.startswith(">") else wrapped
    return lines
