"""`midwatch exec` beside `codex exec` on the same scripted model: the order and the fields of the events."""

from __future__ import annotations

import argparse
import itertools
import json
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tests.support.model_server import ModelServer, Step, calls_all, cut_after, fails, raw, says, serving

VERSION = "0.169.0"
MIDWATCH = str(Path(sys.executable).with_name("midwatch"))
PATCH = "*** Begin Patch\n*** Add File: b/x.txt\n+hi\n*** Update File: a.txt\n@@\n-one\n+two\n*** End Patch\n"
BROKEN = PATCH.replace("-one", "-nothing like it")
RATE = 'event: error\ndata: {"type":"error","error":{"code":"rate_limit_exceeded","message":"slow"}}\n\n'
SCHEMA = {"type": "object", "properties": {"n": {"type": "integer"}}, "required": ["n"], "additionalProperties": False}

REASONS = {
    "two commands": "Codex runs the calls of one reply beside each other and tells of them as they come; here calls "
    "that may change something run one after the other",
    "failing patch": "Codex leaves no trace of a patch that does not fit",
    "unknown tool": "Codex leaves no trace of a call of a tool that there is not",
    "bad arguments": "Codex leaves no trace of a call whose arguments cannot be read",
    "status 400": "Codex gives the endpoint's JSON as the message, we a sentence",
    "status 401": "Codex sends a request again whose key was refused; that cannot help",
    "status 429": "Codex does not tell of requests that it sends again below the stream",
    "status 500": "Codex has a sentence of its own for it, we name the status",
}
"""Why a scenario differs, where it does."""


@dataclass(frozen=True, slots=True)
class Scenario:
    """What a model does; `{shell}` is the command tool's name and `{command}` its argument's."""

    name: str
    steps: Sequence[Step]
    prompts: Sequence[str] = ("go",)
    options: Sequence[str] = ()


def command(*lines: str, **more: Any) -> Step:
    """A turn that runs commands."""
    return calls_all(*(("{shell}", {"{command}": line}) for line in lines), **more)


def heredoc(patch: str) -> str:
    """A patch as a command."""
    return f"apply_patch <<'EOF'\n{patch}EOF\n"


def plan(status: str) -> dict[str, Any]:
    """A plan of one step."""
    return {"plan": [{"step": "a", "status": status}]}


SCENARIOS = (
    Scenario("answer", [says("Hi.")]),
    Scenario("reasoning", [says("Hi.", reasoning="Think.")]),
    Scenario("command", [command("echo a"), says("Done.")]),
    Scenario("failing command", [command("echo a; exit 3"), says("Done.")]),
    Scenario("quoted command", [command("echo 'a' \"b\" ${X-y}"), says("Done.")]),
    Scenario("all quotes", [command("printf '%s\\n' \\x a^b !c `echo d` {e,f} \"${X-y}\" # ü"), says("Done.")]),
    Scenario("two commands", [command("sleep 0.5; echo a", "echo b"), says("Done.")]),
    Scenario("words before a command", [command("echo a", say="Let me see."), says("Done.")]),
    Scenario("long output", [command("seq 1 40000"), says("Done.")]),
    Scenario("patch", [command(heredoc(PATCH)), says("Done.")]),
    Scenario("failing patch", [command(heredoc(BROKEN)), says("Done.")]),
    Scenario("unknown tool", [calls_all(("no_such_tool", {"a": 1})), says("Done.")]),
    Scenario("bad arguments", [calls_all(("{shell}", {"{command}": 7})), says("Done.")]),
    Scenario(
        "plan",
        [calls_all(("update_plan", plan("in_progress"))), calls_all(("update_plan", plan("completed"))), says("Done.")],
        options=("-c", "tools.update_plan.enabled=true"),
    ),
    Scenario("resume", [says("One."), says("Two.")], ("one", "two")),
    Scenario("output schema", [says('{"n": 1}')], options=("--output-schema", "{schema}")),
    Scenario("status 400", [fails(400, "no", times=-1), says("never")]),
    Scenario("status 401", [fails(401, "no", times=-1), says("never")]),
    Scenario("status 429", [fails(429, "slow", times=-1), says("never")]),
    Scenario("status 500", [fails(500, "boom", times=-1), says("never")]),
    Scenario("disconnect", [cut_after(1, times=1), says("Done.")]),
    Scenario("dead stream", [cut_after(1, times=-1), says("never")]),
    Scenario("error event", [raw(RATE)]),
)


@dataclass(frozen=True, slots=True)
class Agent:
    """One of the two."""

    name: str
    program: str
    names: Mapping[str, str]
    environ: Mapping[str, str] = field(default_factory=dict)
    options: Sequence[str] = ()


def main() -> int:
    """Print the table; 1 where something differs without a known reason."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--codex", metavar="PATH", help=f"the binary (default: npm's {VERSION}, from the user's cache)")
    parser.add_argument("--only", metavar="NAME", help="one scenario, with both streams")
    options = parser.parse_args()
    scratch = Path(tempfile.mkdtemp(prefix="midwatch-differential-", dir=Path.home()))
    known = {name: value for name, value in os.environ.items() if not name.startswith(("MIDWATCH_", "OPENAI_"))}
    known["HOME"] = str(scratch)  # no profile of the person's, which may print
    codex = Agent(
        "codex", options.codex or fetched(), {"shell": "exec_command", "command": "cmd"},
        {**known, "CODEX_HOME": str(scratch / "codex"), "MOCK_KEY": "k"},
    )  # fmt: skip
    ours = Agent(
        "midwatch", MIDWATCH, {"shell": "shell", "command": "command"},
        {**known, "XDG_STATE_HOME": str(scratch / "state"), "XDG_CONFIG_HOME": str(scratch), "MOCK_KEY": "k"},
        ("-c", "midwatch.extra_fields=false"),
    )  # fmt: skip
    (scratch / "codex").mkdir()
    (scratch / "schema.json").write_text(json.dumps(SCHEMA))
    wrong = 0
    print(f"| script | events of codex {VERSION} and of midwatch | |\n|---|---|---|")
    try:
        with serving() as server:
            for scenario in SCENARIOS:
                if options.only in (None, scenario.name):
                    wrong += not compared(scenario, (codex, ours), server, scratch, whole=bool(options.only))
    finally:
        shutil.rmtree(scratch, ignore_errors=True)
    return 1 if wrong else 0


def compared(
    scenario: Scenario, agents: tuple[Agent, Agent], server: ModelServer, scratch: Path, *, whole: bool
) -> bool:
    """Print a row; False where the two differ and nobody knows why."""
    theirs, ours = (shape(run(scenario, agent, server, scratch, whole=whole)) for agent in agents)
    if theirs == ours:
        print(f"| {scenario.name} | {len(ours)} events, alike | |")
        return True
    if scenario.name in REASONS:
        print(f"| {scenario.name} | {len(theirs)} and {len(ours)} events | {REASONS[scenario.name]} |")
        return True
    lines = itertools.zip_longest(theirs, ours, fillvalue="(nothing)")
    told = "; ".join(f"{a} / {b}" for a, b in lines if a != b)
    print(f"| {scenario.name} | {told} | NOT EXPLAINED |")
    return False


def run(scenario: Scenario, agent: Agent, server: ModelServer, scratch: Path, *, whole: bool) -> list[dict[str, Any]]:
    """The events of all turns."""
    text = json.dumps(list(scenario.steps))
    for name, value in agent.names.items():
        text = text.replace(f"{{{name}}}", value)
    base_url = server.script(*json.loads(text))
    folder = Path(tempfile.mkdtemp(dir=scratch))
    (folder / "a.txt").write_text("one\n")
    who = ["-c", "user.name=a", "-c", "user.email=a@localhost"]
    for arguments in (["init", "-q"], ["add", "-A"], [*who, "commit", "-q", "-m", "First"]):
        subprocess.run(["git", *arguments], cwd=folder, check=True)
    provider = {"base_url": base_url, "wire_api": "responses", "env_key": "MOCK_KEY", "name": "m"}
    values = [f'model_providers.m.{name}="{value}"' for name, value in provider.items()]
    values += [f"model_providers.m.{name}_max_retries=1" for name in ("stream", "request")]
    values += ['model_provider="m"', "analytics.enabled=false"]
    given = [part for value in values for part in ("-c", value)]
    given += [option.replace("{schema}", str(scratch / "schema.json")) for option in scenario.options]
    events: list[dict[str, Any]] = []
    for number, prompt in enumerate(scenario.prompts):
        resume = ["resume", events[0]["thread_id"]] if number else []
        command_line = [agent.program, "exec", "--experimental-json", *agent.options, *given, "-m", "gpt-5.5"]
        done = subprocess.run(
            [*command_line, "-s", "workspace-write", *resume, prompt], cwd=folder, env=dict(agent.environ),
            stdin=subprocess.DEVNULL, capture_output=True, timeout=120, check=False,
        )  # fmt: skip
        if whole:
            print(f"{agent.name}, exit code {done.returncode}:\n{done.stdout.decode()}{done.stderr.decode()}")
        events += [json.loads(line) for line in done.stdout.splitlines()]
        events.append({"type": f"exit code {done.returncode}"})
    return events


def shape(events: Sequence[dict[str, Any]]) -> list[str]:
    """What is compared: types, statuses, ids, commands, files and exit codes, and the names of all fields."""
    shown = []
    for event in events:
        item = event.get("item", {})
        facts = [
            str(item.get(name)) for name in ("id", "type", "status", "exit_code", "command", "text") if name in item
        ]
        files = [f"{change['kind']} {Path(change['path']).name}" for change in item.get("changes", [])]
        output = str(len(item["aggregated_output"])) if item.get("aggregated_output") else ""
        message = str(event.get("message") or "").partition(" (")[0].partition(":")[0]
        fields = ",".join(sorted({*event, *item} - {"type", "item", "id"}))
        shown.append(" ".join(filter(None, [event["type"], *facts, *files, output, message, f"[{fields}]"])))
    return shown


def fetched() -> str:
    """The binary from npm, kept in the user's cache."""
    base = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")
    folder = base / "midwatch-tests" / f"codex-{VERSION}"
    folder.mkdir(parents=True, exist_ok=True)
    found = list(folder.glob("node_modules/@openai/codex-*/vendor/*/bin/codex"))
    if not found:
        subprocess.run(
            ["npm", "install", "--no-audit", "--no-fund", f"@openai/codex@{VERSION}"], cwd=folder, check=True
        )
        found = list(folder.glob("node_modules/@openai/codex-*/vendor/*/bin/codex"))
    return str(found[0])


if __name__ == "__main__":
    sys.exit(main())
