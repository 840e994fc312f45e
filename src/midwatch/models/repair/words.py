"""What `repair` says to a person."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

MOST_LISTED = 10
TITLE_LENGTH = 72

OPENING = (
    "I am `repair`, Midwatch's built-in model. I am no language model: I cannot read what was asked. "
    "I run the checks, and where one fails I search for a small edit of the Python source that makes all of them pass."
)

NO_CHECKS = (
    "Nothing was changed: there is no check to go by\n\n"
    "`repair` is no language model; it can only make failing checks pass. Give one with `--check 'COMMAND'`, or choose "
    "a language model with `--model PROVIDER/MODEL`."
)


def nothing_fails(checks: Sequence[str]) -> str:
    """Every check passes as it is."""
    named = ", ".join(f"`{check}`" for check in checks)
    return (
        "Nothing was changed: every check passes already\n\n"
        f"I ran {named}. `repair` is no language model and cannot read a request; it only makes failing checks pass. "
        "Add a test that shows what is wrong, or choose a language model with `--model PROVIDER/MODEL`."
    )


def first_line(output: str) -> str:
    """How a command ended: the line that the tool puts first."""
    return output.partition("\n")[0].strip()[:200]


def not_found(found: Mapping[str, Any], failure: str = "") -> str:
    """The search came to nothing. `failure` says how the first failing check ended."""
    if not found:
        return (
            "Nothing was changed: the search ended before it had a result\n\nThe log of its command says how it ended."
        )
    if found.get("passing"):
        return (
            "Nothing was changed: the failure did not come again\n\n"
            f"A check failed when I ran it ({failure}) and passed when the search ran it. It is flaky, depends on what "
            "ran before it, or met a limit of time or output."
        )
    failing = _failing(found)
    return (
        f"Nothing was changed: no small edit was found\n\n{_tried(found)}: {found.get('reason', 'none passes')}."
        f"{failing} `repair` searches for one or two small edits of Python source; this fault may need more. "
        "More time (`--max-time 10m`) or a language model (`--model PROVIDER/MODEL`) may help."
    )


def title(found: Mapping[str, Any]) -> str:
    """A line for the pull request."""
    path = str(found.get("path", ""))
    what = listed(found.get("what")).partition(" (line ")[0]
    whole = f"Fix {path}: {what}"
    return whole if len(whole) <= TITLE_LENGTH else f"Fix {path}"[:TITLE_LENGTH]


def unapplied(found: Mapping[str, Any], refusal: str) -> str:
    """An edit that may not be made, as in a read-only task: what it is, and what the tool said."""
    parts = [
        f"Nothing was changed. An edit that passes every check is {listed(found.get('what'))}",
        f"Why there: {found.get('why', '')}{_failing(found)}",
        f"The edit was not applied: {first_line(refusal)}",
    ]
    if "read-only" in refusal:
        parts.append("To have it applied: `midwatch exec -s workspace-write`, or `--mode workspace` elsewhere.")
    return "\n\n".join([*parts, f"```\n{str(found.get('patch', '')).strip()}\n```"])


def report(found: Mapping[str, Any], *, passing: bool) -> str:
    """What was changed and why, and how far to trust it."""
    others = found.get("others")
    parts = [
        title(found),
        f"What changed: {listed(found.get('what'))}.",
        f"Why there: {found.get('why', '')}{_failing(found)}",
        f"{_tried(found)}. {_trust(found)}",
    ]
    if isinstance(others, list) and others:
        parts.append("Other edits that also pass every check:\n" + "\n".join(f"- {o}" for o in others[:MOST_LISTED]))
    if not passing:
        parts.append("After the edit a check failed all the same; look at it before you trust this.")
    parts.append("I am no language model: that the checks pass is all I know. A plausible patch is not a proof.")
    return "\n\n".join(parts)


def listed(what: Any) -> str:
    """Edits in a line."""
    return "; ".join(map(str, what)) if isinstance(what, list) else str(what or "a small edit")


def _trust(found: Mapping[str, Any]) -> str:
    plausible = found.get("plausible", 1)
    if isinstance(plausible, int) and plausible > 1:
        more = plausible - 1
        which = "1 other edit passes" if more == 1 else f"{more} other edits pass"
        return f"{which} every check as well; this one is the smallest. A person should choose, so this is a draft."
    return "No other edit that was tried passes every check."


def _failing(found: Mapping[str, Any]) -> str:
    names = found.get("failing")
    count = _number(found, "failing_count")
    if not isinstance(names, list) or not names:
        return ""
    shown = ", ".join(f"`{name}`" for name in names[:3])
    return f" Failing: {shown}{f' and {count - 3} more' if count > 3 else ''}."


def _tried(found: Mapping[str, Any]) -> str:
    return f"I tried {_number(found, 'tried')} edits in {found.get('seconds', '?')} s"


def _number(found: Mapping[str, Any], key: str) -> int:
    value = found.get(key, 0)
    return value if isinstance(value, int) else 0
