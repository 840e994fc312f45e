"""Labels: what a worker has (`gpu`, `arch=arm64`), and what a task demands of the worker that takes it."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable

from midwatch.domain.errors import InputError

MOST = 20
"""Labels of one worker, or of one task."""
_LABEL = re.compile(r"[A-Za-z0-9][A-Za-z0-9._/-]{0,62}(=[A-Za-z0-9][A-Za-z0-9._/-]{0,62})?")


def parse(given: str | Iterable[str]) -> tuple[str, ...]:
    """Labels from a comma list, or from several of them: sorted, each once. Raises InputError for what is none, and
    for a name with two values: no worker has both."""
    lists = [given] if isinstance(given, str) else given
    found = sorted({one.strip() for text in lists for one in text.split(",") if one.strip()})
    for label in found:
        if not _LABEL.fullmatch(label):
            raise InputError(
                f"{label!r} is no label",
                "a label is a name or name=value, of letters, digits and . _ / - (each at most 63): gpu, arch=arm64",
            )
    names: dict[str, str] = {}
    for label in found:
        name, sign, _ = label.partition("=")
        if names.setdefault(name, label) != label and sign:
            raise InputError(f"the label {name} is given twice: {names[name]} and {label}", "leave one of them out")
    if len(found) > MOST:
        raise InputError(f"there are {len(found)} labels", f"give {MOST} at most")
    return tuple(found)


def joined(labels: Iterable[str]) -> str:
    """As they are kept: a comma list in their order."""
    return ",".join(sorted(labels))


def split(kept: str) -> tuple[str, ...]:
    """What `joined` has made."""
    return tuple(kept.split(",")) if kept else ()


def missing(demanded: Iterable[str], workers: Collection[Collection[str]]) -> tuple[str, ...]:
    """Why none of the workers, each by its labels, may take what demands those: the labels that no worker has; all of
    them when only no single one has them together; empty when one has."""
    wanted = tuple(demanded)
    if any(set(wanted) <= set(has) for has in workers):
        return ()
    nowhere = tuple(label for label in wanted if not any(label in has for has in workers))
    return nowhere or wanted
