"""`midwatch doctor`: can a task run here?"""

from __future__ import annotations

from argparse import Namespace
from collections.abc import Sequence

from midwatch import reading, wiring
from midwatch.cli import arguments, words
from midwatch.cli.screen import Look, Screen
from midwatch.domain.codec import to_json
from midwatch.sandbox.probe import Finding

USAGE = "midwatch doctor [--json]"


def add_arguments(parser: arguments.Parser) -> None:
    """None of its own."""


async def execute(options: Namespace, screen: Screen) -> int:
    """Print every finding; 0 when a task can run."""
    async with wiring.home(screen.environ) as home:
        findings = await reading.findings(home)
    code = 0 if able(findings) else 1
    if screen.json:
        screen.emit({"type": "doctor", "ok": code == 0, "exit_code": code, "findings": to_json(findings)}, indent=2)
    else:
        screen.say(finding_lines(findings, screen.look()))
    return code


def optional(finding: Finding) -> bool:
    """Whether a task runs without it too."""
    return finding.ok or finding.mend.startswith("optional")


def able(findings: Sequence[Finding]) -> bool:
    """Whether a task can run here."""
    return all(map(optional, findings))


def finding_lines(findings: Sequence[Finding], look: Look) -> list[str]:
    """A line for each finding, and below a bad one how to mend it."""
    width = max((words.cells(finding.name) for finding in findings), default=0)
    lines = []
    for finding in findings:
        mark = None if not finding.ok and optional(finding) else finding.ok
        name = words.pad(words.line(finding.name), width)
        first, *more = words.wrap(words.line(finding.text), look.width - width - 6) or [""]
        lines.append(f"{look.mark(mark)} {look.bold(name)}  {first}")
        lines += [" " * (width + 4) + text for text in more]
        if not finding.ok and finding.mend:
            mend = words.wrap(words.line(finding.mend), look.width - 6)
            lines += [f"  {look.arrow if n == 0 else '  '} {text}" for n, text in enumerate(mend)]
    end = "a task can run here" if able(findings) else "no task can run here before this is mended"
    return [*lines, "", f"{look.mark(able(findings))} {look.bold(end)}"]
