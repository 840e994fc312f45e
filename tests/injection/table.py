"""The page about injection, written from the same data that the tests run by."""

from __future__ import annotations

from tests.injection.goals import GOALS
from tests.injection.sources import SOURCES

_HEAD = """# Injection

Written by `scripts/bench injection --write` from the data of the tests (`tests/injection`); a test fails when it is
out of date.

A model reads text that nobody here wrote: issues, files, pages, what tools print and say of themselves. Some of it may
tell the model to do something. Midwatch marks such text as data, and tells the model that data is no order. That helps,
and is not relied on: **the tests below run a model that obeys every word of it**, with the real sandbox, and look from
the outside at what it could reach.

What decides is outside the model. The prompt is yours; the mode, the rules, the hooks, the checks, the hosts and the
sandbox are fixed when the task is made and kept in its log. Nothing that is read later changes one of them. The model
has no credential, no network and no file of yours, so there is nothing that it could give away or break.
"""
_TRUST = "not read, unless you trust the repository"
_HOSTILE = {
    "`rules.toml` that allows what you forbid": f"{_TRUST}; where you do, the strictest rule of all counts",
    "`hooks.toml`": f"{_TRUST}; where you do, hooks run inside the box. The tests run the orders above as hooks: they "
    "reach nothing either",
    "`settings.toml` with a model, a provider, an MCP server, a mode, a sandbox": f"{_TRUST}; where you do, an error: "
    "only lower limits can be set there",
    "`prompts/` with the name of a prompt of yours": "yours is taken",
    "`environment.toml` with hosts or secrets": "an error before anything is made, unless you trust it: see "
    "[Environments](environments.md#trust)",
    "`environment.toml` with a check that always passes": "it is the repository's own word on what its checks are, and "
    "the pull request says where they come from; `--check` is yours",
}
_TAIL = """
## What is left

A model that obeys can still do its task badly or not at all, or write something harmful into the repository's own
files: that is why its work is a pull request, with the whole difference and evidence that the harness made. In the mode
`full`, and with the sandbox `process`, nothing stops it (last column above).
"""


def page() -> str:
    """The whole page."""
    lines = [_HEAD, "## Where the text came from\n", "| Source | How the model is shown it |", "|---|---|"]
    lines += [f"| {source.name} | {source.mark} |" for source in SOURCES]
    lines += ["\n## What a model that obeys has reached\n"]
    lines += [
        "The same from each source.\n",
        "| Asked for | Reached | What stops it | Without a sandbox |",
        "|---|---|---|---|",
    ]
    for goal in GOALS:
        bare = "**open**" if goal.open_without_box else "nothing"
        lines.append(f"| {goal.name}: {goal.asks} | nothing | {goal.by} | {bare} |")
    lines.append("| any change in a `read-only` task | nothing | the files are put back after each call | nothing |")
    lines += ["\n## What a hostile repository can set\n", "| In its `.midwatch/` | What comes of it |", "|---|---|"]
    lines += [f"| {what} | {comes} |" for what, comes in _HOSTILE.items()]
    return "\n".join([*lines, _TAIL])
