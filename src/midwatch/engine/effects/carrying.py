"""Doing what the ledger wants done, a few effects at a time."""

from __future__ import annotations

import asyncio
import hashlib
import logging
from collections.abc import Mapping
from dataclasses import dataclass, field

from midwatch.domain.errors import InputError, MidwatchError
from midwatch.engine.effects.base import Doer, Effect, Unsure
from midwatch.engine.effects.ledger import PAUSES, Effects

MOST = 16
"""Effects at the same time."""
OF_ONE = 4
"""Of one subject: one that is slow holds up no other."""
LONGEST = 60.0
"""Seconds for one try, less than an effect is held."""
_RESULT = 16 << 10
"""Characters of a result that are kept: more than any doer gives, since half a result cannot be read. Each of the 2,048
bytes of an answer to a webhook takes up to six as JSON."""

log = logging.getLogger("midwatch.effects")


@dataclass(eq=False)
class Carrier:
    """Does effects in the loop that it is used in. Any number, in any processes, share a ledger."""

    effects: Effects
    doers: Mapping[str, Doer]
    """By the kind that each does."""
    _going: dict[asyncio.Task[None], str] = field(default_factory=dict)

    async def begin(self) -> int:
        """Begin what can be begun now, and return how many; what was begun goes on. Raises StoreError."""
        begun = 0
        while room := min(OF_ONE, MOST - len(self._going)):
            subjects = list(self._going.values())
            full = sorted({name for name in subjects if name and subjects.count(name) >= OF_ONE})
            taken = await self.effects.take(sorted(self.doers), room, full)
            for effect in taken:
                task = asyncio.create_task(self._carry(effect))
                self._going[task] = effect.subject
                task.add_done_callback(self._going.pop)
            begun += len(taken)
            if not taken:
                break
        return begun

    async def settle(self) -> None:
        """Wait until what was begun has ended."""
        while self._going:
            await asyncio.wait(list(self._going))

    async def stop(self) -> None:
        """End what is being done: whoever begins it anew looks first whether it was done."""
        for task in list(self._going):
            task.cancel()
        await self.settle()

    async def _carry(self, effect: Effect) -> None:
        try:
            await self._tried(effect)
        except MidwatchError as error:  # the database: the effect is begun anew when it is held no more
            log.warning("what came of an effect is not written down", extra={"effect": effect.id, "error": str(error)})

    async def _tried(self, effect: Effect) -> None:
        doer = self.doers[effect.kind]
        found, unsure = False, bool(effect.unsure)
        if hashlib.sha256(effect.request.encode()).hexdigest() != effect.digest:
            await self.effects.fail(
                effect, "its request is not as it was written", "look after the database", unsure=unsure
            )
            return
        if effect.tries > len(PAUSES) + 1:
            await self.effects.fail(effect, "whoever began it died each time", "see what their logs say", unsure=True)
            return
        try:
            async with asyncio.timeout(LONGEST):
                result = await doer.find(effect) if effect.unsure else None
                found, unsure = result is not None, False
                result = await doer.do(effect) if result is None else result
        except TimeoutError:
            await self._put_off(effect, f"it took longer than {LONGEST:.0f} s", unsure=True)
        except InputError as error:
            await self.effects.fail(effect, error.message, error.mend, unsure=unsure)
        except MidwatchError as error:
            await self._put_off(effect, error.message, unsure=unsure or isinstance(error, Unsure))
        except Exception as error:
            log.exception("a bug in Midwatch: an effect could not be done", extra={"effect": effect.id})
            await self._put_off(effect, f"a bug in Midwatch: {type(error).__name__}: {error}", unsure=True)
        else:
            await self.effects.done(effect, result[:_RESULT])
            log.info("found done" if found else "done", extra={"effect": effect.id, "key": effect.key})

    async def _put_off(self, effect: Effect, error: str, *, unsure: bool) -> None:
        if effect.tries <= len(PAUSES):
            await self.effects.put_off(effect, error, PAUSES[effect.tries - 1], unsure=unsure)
            return
        await self.effects.fail(
            effect, error, f"it was tried {effect.tries} times; try it again by hand", unsure=unsure
        )
        log.warning("given up", extra={"effect": effect.id, "key": effect.key, "error": error})
