"""`midwatch env show`: the recipe as it is understood, and what is kept for it."""

from __future__ import annotations

from argparse import Namespace
from typing import Any

from midwatch import wiring
from midwatch.cli import arguments, words
from midwatch.cli.environments import Subject, kept_words, subject, which_arguments
from midwatch.cli.screen import Look, Screen
from midwatch.domain.codec import to_json
from midwatch.workflows.plan import box_limits, terms
from midwatch.workspace import secrets, trust
from midwatch.workspace.layers.cache import Cache, Layers
from midwatch.workspace.recipe import FILE, Recipe

USAGE = "midwatch env show [--repo PATH-OR-URL] [--base REF] [--json]"


def add_arguments(parser: arguments.Parser) -> None:
    """Which environment."""
    which_arguments(parser)


async def execute(options: Namespace, screen: Screen) -> int:
    """Print it; nothing of the repository is run."""
    async with wiring.home(screen.environ) as home:
        about = await subject(home, options)
    plan = about.resolved.plan
    cache = Cache(about.means.state)
    kept = cache.look(plan.key) if plan.key else None
    if screen.json:
        screen.emit(_json(about, cache, kept), indent=2)
    else:
        screen.say(environment_lines(about, kept, screen.look()))
    return 0


def _sources(about: Subject) -> dict[str, str]:
    needed = about.resolved.plan.recipe.secrets
    return {secret.name: secrets.source(secret, about.means.settings, about.means.environ) for secret in needed}


def _trusted(about: Subject) -> bool:
    return trust.is_trusted(about.repository.location, about.means.settings.trusted, about.means.home)


def _json(about: Subject, cache: Cache, kept: Layers | None) -> dict[str, Any]:
    resolved = about.resolved
    return {
        "type": "environment",
        "repository": about.repository.location,
        "commit": resolved.base.commit,
        "recipe": to_json(resolved.plan.recipe),
        "checks": list(resolved.checks),
        "checks_from": resolved.checks_from,
        "key": resolved.plan.key,
        "made_from": to_json(resolved.plan.inputs),
        "cached": kept is not None,
        "record": to_json(kept.record) if kept else None,
        "log": str(kept.log if kept else cache.failed_log(resolved.plan.key)) if resolved.plan.key else "",
        "needs_trust": list(trust.wishes(resolved.plan.recipe)),
        "trusted": _trusted(about),
        "secrets": _sources(about),
        "limits": to_json(box_limits(terms(resolved.plan), about.means.limits)),
    }


def environment_lines(about: Subject, kept: Layers | None, look: Look) -> list[str]:
    """The recipe, the key, what is kept, and what is missing."""
    plan, recipe = about.resolved.plan, about.resolved.plan.recipe
    rows: list[tuple[str, str]] = [("commit", about.resolved.base.commit[:12]), ("base", plan.root.identity)]
    rows += [("setup", words.line(command)) for command in recipe.setup] or [("setup", "none")]
    rows += [("maintenance", words.line(command)) for command in recipe.maintenance]
    rows += [("check", words.line(check)) for check in about.resolved.checks] or [("check", "none")]
    rows += [("checks from", words.line(about.resolved.checks_from))]
    rows += [("variable", words.line(f"{name}={value}")) for name, value in recipe.variables]
    rows += _hosts(recipe)
    rows += [("toolchain", words.line(note)) for note in plan.tools.notes]
    if plan.key:
        count = len(plan.inputs["files"])
        rows.append(("key", f"{plan.key[:16]} (setup, {words.count(count, 'file')}, base, toolchain)"))
        rows.append(("kept", _kept(kept)))
    width = max(len(name) for name, _ in rows)
    lines = [look.bold(f"{FILE} of {words.line(about.repository.location)}"), ""]
    before = ""
    for name, text in rows:
        first, *more = words.wrap(text, look.width - width - 4) or [""]
        lines.append(f"  {words.pad(name if name != before else '', width)}  {first}")
        lines += [" " * (width + 4) + line for line in more]
        before = name
    return [*lines, *_warnings(about, look)]


def _hosts(recipe: Recipe) -> list[tuple[str, str]]:
    rows = [("setup reaches", ", ".join(recipe.network.setup))] if recipe.network.setup else []
    return [*rows, ("agent reaches", ", ".join(recipe.network.agent) or "nothing")]


def _kept(kept: Layers | None) -> str:
    if kept is None:
        return "not yet; `midwatch env build` makes it, and so does the first task"
    return f"{kept_words(kept.record)}; log {kept.log}"


def _warnings(about: Subject, look: Look) -> list[str]:
    lines = []
    wishes = trust.wishes(about.resolved.plan.recipe)
    if wishes:
        ok = _trusted(about)
        word = "trusted by your settings" if ok else "not trusted by your settings; give --trust-recipe"
        lines.append(f"{look.mark(ok)} {word}: {words.line('; '.join(wishes))}")
    for name, source in _sources(about).items():
        text = f"from {words.line(source)}" if source else f"missing; set MIDWATCH_SECRET_{name}"
        lines.append(f"{look.mark(bool(source))} secret {name}: {text}")
    return ["", *lines] if lines else []
