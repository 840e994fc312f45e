"""The order of the edits: families of drafts opened one after another, cheapest first."""

from __future__ import annotations

import heapq
import math
import time
from typing import TYPE_CHECKING, NamedTuple

from . import (
    calls,
    conditions,
    constants,
    forms,
    grouping,
    guards,
    literals,
    names,
    offsets,
    operators,
    shapes,
    signatures,
    statements,
    synthesis,
    wraps,
)  # fmt: skip
from .check import Checker
from .contract import Context, Draft, Edit
from .messages import Hints
from .scopes import Scope, Surroundings
from .site import Site
from .suspicion import spread

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from .source import Module, Statement

SUSPICION_WEIGHT = 1.5
"""How many units of cost a fall of suspicion by a factor of e is worth."""


class Family(NamedTuple):
    """A source of drafts for one statement; `least` is the lowest cost that it gives."""

    least: float
    drafts: Callable[[Site], Iterator[Draft]]


FAMILIES = (
    Family(1.0, operators.comparisons),
    Family(1.1, operators.booleans),
    Family(1.0, operators.negations),
    Family(1.0, operators.arithmetic),
    Family(1.0, operators.assignments),
    Family(1.1, operators.signs),
    Family(1.0, constants.constants),
    Family(1.0, calls.arguments),
    Family(1.0, signatures.arguments_added),
    Family(1.2, names.callees),
    Family(1.2, names.variables),
    Family(1.3, names.attributes),
    Family(1.3, offsets.subscripts),
    Family(1.4, offsets.shifted),
    Family(1.4, conditions.ternaries),
    Family(1.4, statements.exchanged),
    Family(1.5, conditions.clauses),
    Family(1.5, signatures.keywords_changed),
    Family(1.6, literals.strings),
    Family(1.7, offsets.ranges),
    Family(1.7, shapes.orders),
    Family(1.9, offsets.comparison_chain),
    Family(1.9, shapes.comprehensions),
    Family(1.9, shapes.exceptions),
    Family(1.9, wraps.unwrapped),
    Family(2.0, conditions.keywords),
    Family(2.0, names.known_expressions),
    Family(2.0, shapes.returned),
    Family(2.0, statements.deleted),
    Family(2.0, statements.levelled),
    Family(2.1, wraps.wrapped),
    Family(2.1, statements.moved),
    Family(1.8, grouping.regrouped),
    Family(1.9, grouping.names_swapped),
    Family(1.9, forms.kept_results),
    Family(2.1, forms.put_in_front),
    Family(2.3, forms.branches),
    Family(2.3, forms.answers),
    Family(2.5, forms.plain_values),
    Family(3.0, forms.borrowed),
    Family(2.2, conditions.changed),
    Family(2.2, literals.interpolations),
    Family(2.2, shapes.collections),
    Family(2.2, shapes.sorting),
    Family(2.2, signatures.parameters),
    Family(2.2, wraps.kept),
    Family(2.3, guards.guards),
    Family(2.4, offsets.cut),
    Family(2.4, shapes.decorators),
    Family(2.5, wraps.combined),
    Family(2.1, statements.jumps),
    Family(2.5, synthesis.missing),
    Family(2.8, statements.copied),
    Family(3.0, conditions.defaults),
    Family(3.0, synthesis.else_branches),
)


class Search:
    """All edits of one file, in order of priority."""

    def __init__(self, module: Module, suspicion: Mapping[int, float], context: Context) -> None:
        self._module = module
        self._context = context
        self._checker = Checker(module)
        self._around = Surroundings(module, context.other_sources)
        self._hints = Hints(context.messages)
        self._suspicion = spread(module, suspicion)
        self._heap: list[tuple[float, int, object]] = []
        self._serial = 0
        self._sites: dict[int, Site] = {}
        self._scopes: dict[object, Scope] = {}

    def edits(self) -> Iterator[Edit]:
        """The edits that compile, each program once, in non-decreasing priority."""
        families = (Family(0.1, self._hints.mends), *FAMILIES) if self._hints.leanings else FAMILIES
        for statement in self._module.statements:
            suspicion = self._suspicion.get(id(statement.node), 0.0)
            if suspicion > 0:
                penalty = -SUSPICION_WEIGHT * math.log(min(1.0, suspicion))
                for family in families:
                    self._push(family.least + penalty - self._hints.most, (family, statement, penalty))
        floor = -math.inf
        while self._heap:
            priority, _, item = heapq.heappop(self._heap)
            if self._context.deadline is not None and time.monotonic() > self._context.deadline:
                return
            if isinstance(item, Draft):
                floor = max(floor, priority)
                edit = self._checked(item, floor)
                if edit is not None:
                    yield edit
            elif isinstance(item, tuple):
                self._open(*item)

    def _push(self, priority: float, item: object) -> None:
        self._serial += 1
        heapq.heappush(self._heap, (priority, self._serial, item))

    def _open(self, family: Family, statement: Statement, penalty: float) -> None:
        site = self._sites.get(id(statement))
        if site is None:
            key = statement.function
            if key not in self._scopes:
                self._scopes[key] = Scope(self._around, key)
            site = self._sites[id(statement)] = Site(self._module, statement, self._scopes[key])
        try:
            for draft in family.drafts(site):
                self._push(draft.cost + penalty - self._hints.bonus(draft.kind), draft)
        except (ValueError, LookupError, AttributeError, TypeError, RecursionError):
            # Odd code, or another Python's tree, may trip one family; the others go on.
            return

    def _checked(self, draft: Draft, priority: float) -> Edit | None:
        module = self._module
        if not self._checker.fresh(draft.start, draft.end, draft.new):
            return None
        try:
            new = module.to_raw(draft.new)
        except UnicodeEncodeError:
            return None
        start, end = module.raw_offset(draft.start), module.raw_offset(draft.end)
        line = module.line_of(draft.start)
        return Edit(module.path, start, end, new, draft.kind, draft.cost, line, draft.what, priority)
