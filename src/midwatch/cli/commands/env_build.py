"""`midwatch env build`: run the setup now, and see how it goes."""

from __future__ import annotations

from argparse import Namespace

from midwatch import wiring
from midwatch.cli import arguments, following, words
from midwatch.cli.environments import Subject, Telling, allowed, box_arguments, kept_words, subject, which_arguments
from midwatch.cli.screen import Screen
from midwatch.domain.codec import to_json
from midwatch.workflows.environment import EnvironmentParts, environment_layers
from midwatch.workspace.layers.cache import Cache, Record

USAGE = "midwatch env build [--repo PATH-OR-URL] [--base REF] [--no-cache] [--trust-recipe] [--sandbox NAME] [--json]"


def add_arguments(parser: arguments.Parser) -> None:
    """Which environment, and whether what is kept counts."""
    which_arguments(parser)
    parser.add_argument("--no-cache", action="store_true", help="delete what is kept and run the setup again")
    box_arguments(parser)


async def execute(options: Namespace, screen: Screen) -> int:
    """Make the layers, showing the output of the commands; 0 when they are there."""
    telling = Telling(screen)
    async with wiring.home(screen.environ) as home:
        about = await subject(home, options, options.sandbox)
        parts = await allowed(about, options, telling)
        try:
            record, fresh = await following.stoppable(_build(about, parts, no_cache=options.no_cache))
        except following.Interrupted:
            screen.note("midwatch: stopped; nothing is kept of what was begun")
            return following.STOPPED
        finally:
            telling.flush()
    if screen.json:
        value = {"type": "environment", "key": about.resolved.plan.key, "built": fresh}
        screen.emit(value | {"record": to_json(record) if record else None}, indent=2)
    else:
        screen.say(_lines(about, record, fresh, screen))
    return 0


async def _build(about: Subject, parts: EnvironmentParts, *, no_cache: bool) -> tuple[Record | None, bool]:
    """What is kept, and whether it was made now."""
    key, cache = about.resolved.plan.key, Cache(parts.means.state)
    if key and no_cache:
        await cache.drop(key)
    before = cache.look(key) if key else None
    async with environment_layers(about.wanted, parts) as environment:
        kept = cache.look(environment.key) if environment.key else None
        for note in environment.notes:
            parts.observer.phase(note)
    return (kept.record if kept else None), kept is not None and before is None


def _lines(about: Subject, record: Record | None, fresh: bool, screen: Screen) -> list[str]:
    look = screen.look()
    if not about.resolved.plan.key:
        return [f"{look.mark(None)} the recipe has no setup, so there is nothing to make"]
    if record is None:
        return [f"{look.mark(None)} with this sandbox nothing can be kept: each attempt runs the setup itself"]
    verb = "made" if fresh else "kept already"
    lines = [f"{look.mark(True)} {verb}: environment {record.key[:16]}, {kept_words(record)}"]
    return lines + [f"  not kept: {words.line(text)}" for text in record.left_out]
