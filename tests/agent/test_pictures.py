"""Pictures in a conversation: what they take of the window, and how many are shown."""

from __future__ import annotations

import dataclasses
import itertools
from pathlib import Path
from typing import Any

from midwatch.agent import compaction, context
from midwatch.agent.log import Log
from midwatch.domain.conversation import Answered, Image, Item, Replied
from midwatch.domain.events import Message
from midwatch.engine.blobs import Blobs
from midwatch.models.fake import FakeModel
from tests.support import samples
from tests.support.logs import log_of


def picture(blobs: Blobs, number: int = 0) -> Image:
    blob = blobs.put(b"picture %d" % number)
    return Image("image/png", "", blob.digest, blob.bytes, 1000, 1000)


async def looked(blobs: Blobs, counts: list[int]) -> Log:
    """A log of turns with so many pictures each."""
    numbers = itertools.count()
    bodies: list[Any] = [samples.person("the task")]
    for turn, count in enumerate(counts):
        call = samples.call(f"c{turn}", "view_image")
        images = tuple(picture(blobs, next(numbers)) for _ in range(count))
        bodies += [samples.reply("", call), dataclasses.replace(samples.tool_finished(call, 0), images=images)]
    return (await log_of(bodies))[0]


def pictures(items: tuple[Item, ...]) -> list[int]:
    """How many are shown with each item that is no reply."""
    return [len(item.images) for item in items if not isinstance(item, Replied)]


async def test_a_picture_counts_in_tokens_until_the_provider_has_counted_it(tmp_path: Path) -> None:
    blobs = Blobs(tmp_path)
    log = await looked(blobs, [2])
    assert log.context_tokens == 110 + (len("exit 0") + 2 * 4 * 1333) // 4
    await log.append(Message("person", "and this", (picture(blobs),)))
    assert log.context_tokens >= 110 + 3 * 1333
    await log.append(samples.reply("seen"))
    assert log.context_tokens == 110


async def test_many_pictures_make_a_conversation_due_for_compaction(tmp_path: Path) -> None:
    log = await looked(Blobs(tmp_path), [1] * 20)
    assert not compaction.due(log, FakeModel([]))
    log = await looked(Blobs(tmp_path), [1] * 21)
    model = FakeModel([])
    model.window = 10_000_000
    assert compaction.due(log, model)
    await log.append(compaction.compacted(log, model, "notes"))
    assert 1 <= log.images <= context.MOST_IMAGES
    assert not compaction.due(log, model)


async def test_twenty_are_shown_and_what_is_shown_once_stays_so(tmp_path: Path) -> None:
    blobs = Blobs(tmp_path)
    log = await looked(blobs, [8, 8, 8, 2])
    view = context.view(log, samples.task(), "/workspace", blobs)
    assert pictures(view.items) == [0, 8, 8, 4, 0]
    assert all(image.data for item in view.items if not isinstance(item, Replied) for image in item.images)
    cut, none = (item for item in view.items[-3:] if isinstance(item, Answered))
    assert cut.output == "exit 0\n[4 more left out: at most 20 pictures can be shown at once]"
    assert none.output.startswith("exit 0\n[2 more left out")
    await log.append(samples.reply("", samples.call("later")), samples.tool_finished(samples.call("later")))
    later = context.view(log, samples.task(), "/workspace", blobs)
    assert later.items[: len(view.items)] == view.items


async def test_a_last_turn_with_too_many_does_not_compact_for_ever(tmp_path: Path) -> None:
    log = await looked(Blobs(tmp_path), [1, 30])
    model = FakeModel([])
    assert compaction.due(log, model)
    await log.append(compaction.compacted(log, model, "notes"))
    assert log.images == 30
    assert not compaction.due(log, model)
