"""From the checks to a patch: survey, locate, search, choose, and tell. Output is a line a second and, last, one line
`MIDWATCH-REPAIR {json}`."""

from __future__ import annotations

import argparse
import json
import os
import re
import shutil
import sys
import tempfile
import time
from typing import TYPE_CHECKING, Any

from . import edits as edits_of
from . import suspect, tree
from .baseline import quick_copy, survey
from .hub import Hub
from .pool import Pool
from .race import Clock, Race, describe
from .session import Place
from .verify import Verifier

if TYPE_CHECKING:
    from collections.abc import Sequence

    from .pool import Candidate
    from .session import Session
    from .suspect import Suspicion

MARK = "MIDWATCH-REPAIR "
SHARE = 0.4
"""Of the time, the most that the survey may take."""


def main(argv: Sequence[str]) -> int:
    """The program. Exit code 0 when an edit was found, or nothing fails; 1 otherwise."""
    parser = argparse.ArgumentParser(prog="search.py", description="Search for an edit that makes the checks pass.")
    parser.add_argument("--check", action="append", required=True, metavar="CMD", help="a command that must exit 0")
    parser.add_argument("--seconds", type=float, default=75.0, help="the most that the search may take (75)")
    parser.add_argument("--workers", type=int, default=os.cpu_count() or 2, help="candidates at once")
    parser.add_argument("--extra", type=float, default=5.0, help="seconds to go on at least once one was found")
    parser.add_argument("--root", default=".", help="the tree (the current folder)")
    options = parser.parse_args(argv)
    folder = os.path.realpath(tempfile.mkdtemp(prefix="mwr-"))
    try:
        result = _Search(options, folder).run()
    finally:
        shutil.rmtree(folder, ignore_errors=True)
    print(MARK + json.dumps(result, separators=(",", ":")), flush=True)
    return 0 if result["found"] or result.get("passing") else 1


class _Search:
    """One run of the program."""

    def __init__(self, options: argparse.Namespace, folder: str) -> None:
        self.checks: list[str] = options.check
        self.workers = max(1, options.workers)
        self.root = os.path.realpath(options.root)
        self.folder = folder
        self.began = time.monotonic()
        self.deadline = self.began + options.seconds
        self.extra: float = options.extra
        self.sessions: list[Session] = []

    def run(self) -> dict[str, Any]:
        """Everything, in order."""
        place = Place(Hub(self.folder), self.root, quick_copy(self.root, self.folder))
        try:
            return self._run(place)
        finally:
            for session in self.sessions:
                session.close()

    def _run(self, place: Place) -> dict[str, Any]:
        now = time.monotonic()
        self.sessions = survey(place, self.checks, now + SHARE * (self.deadline - now), _say)
        surveyed = time.monotonic() - self.began
        failing = [session for session in self.sessions if session.failing]
        verifier = Verifier(self.root, self.folder, self.checks, max(10.0, 4 * surveyed + 5))
        verifier.extra_path = place.extra_path
        paths = [path for session in self.sessions for path in session.all_files()]
        if failing:
            sources = tree.read_sources(place.root, suspect.relevant(paths, place.root))
            suspicion = suspect.locate(self.sessions, sources)
        else:
            output = self._plain_output(place)
            if output is None:
                return self._answer(None, found=False, passing=True, reason="every check passes")
            sources = tree.read_sources(place.root, tree.python_files(place.root))
            suspicion = _from_output(output, place.root, sources)
        if not any(suspicion.lines.values()):
            return self._answer(suspicion, found=False, reason="no line of Python in this tree can be blamed")
        _say(f"{len(suspicion.failing)} failing, {_lines(suspicion)} suspicious lines")
        context = edits_of.Context(
            other_sources={path: data for path, data in sources.items() if not suspect.is_test(path)},
            messages=suspicion.messages,
            deadline=self.deadline,
            frames=suspicion.frames,
            test_names=suspicion.failing[:50],
        )
        _rewarm(failing, suspicion)
        race = Race(
            place.hub, failing, Pool(sources, suspicion, context), sources, verifier,
            Clock(time.monotonic(), self.deadline, self.extra), self.workers, _say,
            suspect.Imports(sources, failing),
        )  # fmt: skip
        race.run()
        return self._conclude(race, suspicion)

    def _plain_output(self, place: Place) -> str | None:
        """The output of the first check that fails as it is; None when all pass."""
        for check in self.checks:
            path = os.path.join(self.folder, "output")
            command = tree.moved(check, self.root, place.root)
            run = tree.Run(command, place.root, tree.plain_environment(self.root, place.root, place.extra_path), path)
            limit = time.monotonic() + max(5.0, (self.deadline - time.monotonic()) * SHARE)
            while not run.ended() and time.monotonic() < limit:
                time.sleep(0.02)
            ended = run.process.poll()
            run.kill()
            if ended != 0:
                with open(path, "rb") as file:
                    return file.read(1 << 20).decode("utf-8", "replace")
        return None

    def _conclude(self, race: Race, suspicion: Suspicion) -> dict[str, Any]:
        ranked = sorted(race.plausible, key=lambda c: _order(c, race, suspicion))
        if not ranked:
            why = "no edit that was tried makes every check pass"
            if time.monotonic() < self.deadline - 1:
                why = "all edits in reach were tried and none makes every check pass"
            return self._answer(suspicion, found=False, tried=race.tried, refuted=race.refuted, reason=why)
        best = ranked[0]
        patch = self._patch(best, race)
        return self._answer(
            suspicion,
            found=True,
            tried=race.tried,
            refuted=race.refuted,
            plausible=len(ranked),
            patch=patch,
            what=[f"{e.what} (line {e.line} of {e.path})" for e in best.edits],
            why=_why(best, suspicion),
            path=best.edits[0].path,
            line=best.edits[0].line,
            others=[describe(candidate) for candidate in ranked[1:11]],
        )

    def _patch(self, best: Candidate, race: Race) -> str:
        parts = []
        for path, content in best.files(race.sources).items():
            text = edits_of.patch_text(path, race.sources[path], content)
            parts.append("\n".join(text.split("\n")[1:-2]))
        return "\n".join(["*** Begin Patch", *parts, "*** End Patch"]) + "\n"

    def _answer(self, suspicion: Suspicion | None, **facts: Any) -> dict[str, Any]:
        failing = list(suspicion.failing) if suspicion else []
        common = {
            "failing": [key[:200] for key in failing[:10]],
            "failing_count": len(failing),
            "tests": sum(len(session.outcomes) for session in self.sessions),
            "seconds": round(time.monotonic() - self.began, 1),
        }
        return {"tried": 0, **facts, **common}


def _order(candidate: Candidate, race: Race, suspicion: Suspicion) -> tuple[float, ...]:
    """The one to choose comes first: fewest edits, small and suspicious, fewest bytes, and nothing that bends what
    the assertions compare with."""
    bent = any((edit.path, edit.line) in suspicion.yardsticks for edit in candidate.edits)
    # Taking an error away that the program raises by intention silences the alarm rather than the cause.
    silenced = any(
        edit.kind == "statement-deleted"
        and race.sources[edit.path][edit.start : edit.end].startswith((b"raise", b"assert"))
        for edit in candidate.edits
    )
    size = sum(_size(race.sources[edit.path][edit.start : edit.end], edit.new) for edit in candidate.edits)
    likely = round(candidate.priority + bent + silenced, 1)
    return (len(candidate.edits), likely, round(candidate.cost, 1), size, candidate.priority)


def _size(old: bytes, new: bytes) -> int:
    """Bytes that differ, once what both begin and end with is taken away."""
    least = min(len(old), len(new))
    head = next((n for n in range(least) if old[n] != new[n]), least)
    least -= head
    tail = next((n for n in range(least) if old[-1 - n] != new[-1 - n]), least)
    return max(len(old), len(new)) - head - tail


def _rewarm(sessions: Sequence[Session], suspicion: Suspicion) -> None:
    """Start the second servers anew, with the suspicious files parsed ahead of every fork."""
    worth = {path: max(lines.values()) for path, lines in suspicion.lines.items() if lines}
    for session in sessions:
        session.warm = sorted(worth, key=lambda path: -worth[path])[:8]
        if session.second is not None:
            session.second.peer.send(op="warm", paths=session.warm)


def _why(best: Candidate, suspicion: Suspicion) -> str:
    edit = best.edits[0]
    ran, passed = suspicion.counts.get(edit.path, {}).get(edit.line, (0, 0))
    place, among = suspicion.rank(edit.path, edit.line)
    total = suspicion.totals
    where = f"Line {edit.line} of {edit.path}"
    if ran:
        among_passing = f"{passed} of the {total[1]} passing ones"
        told = f"{where} runs in {ran} of the {total[0]} failing tests watched and in {among_passing}"
    else:
        told = f"{where} runs before the tests, or beside a line that the failing ones run"
    return f"{told}; it is number {place} of {among} lines by suspicion."


def _lines(suspicion: Suspicion) -> int:
    return sum(len(lines) for lines in suspicion.lines.values())


def _from_output(output: str, root: str, sources: dict[str, bytes]) -> Suspicion:
    """All that is known is what the check printed: places it names come first, then every file that is no test."""
    result = suspect.Suspicion(messages=tuple(line for line in output.splitlines() if "Error" in line)[-5:])
    files = [path for path in sources if not suspect.is_test(path)]
    places = re.findall(r'([\w./-]+\.py)(?:", line |:)(\d+)', output)
    for path in files:
        count = sources[path].count(b"\n") + 1
        result.lines[path] = dict.fromkeys(range(1, min(count, 3000) + 1), 0.2)
    for name, line in places:
        path = os.path.relpath(os.path.join(root, name), root)
        if path in result.lines:
            result.lines[path][int(line)] = 1.0
    return result


def _say(text: str) -> None:
    print(text[:300], flush=True)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
