"""What the model is shown. Fragments are typed and capped; what has been shown once is never changed."""

from __future__ import annotations

import base64
from collections.abc import Iterator, Sequence
from dataclasses import replace
from functools import cache
from importlib import resources

from midwatch.agent import data, modes
from midwatch.agent.data import sealed
from midwatch.agent.log import History
from midwatch.domain.conversation import Brief, Image, Item, Replied, Said, View
from midwatch.domain.task import Task
from midwatch.engine.blobs import Blobs
from midwatch.tools.cut import harmless

PROMPT_CAP = 1 << 20
"""Characters of a task's prompt that are shown."""
CHECK_CAP = 1000
"""Characters of a check."""

MOST_IMAGES = 20
"""Pictures in one request; when there are more, the conversation is compacted before the next one."""

RESTARTED = (
    "The work was interrupted here and the sandbox is new: the repository's files are as they were after your last "
    "command, but /tmp and the home folder are new, and nothing runs in the background."
)
CUT_SHORT = "Your last answer was cut off at the length limit. Go on from there, in smaller steps."


PROMPTS = {"conversation": "converse", "subtask": "subtask", "review": "review"}
"""Kinds of tasks with instructions of their own."""


@cache
def instructions(kind: str = "task") -> str:
    """The same words for every task of a kind, so that providers can cache them."""
    name = f"prompts/{PROMPTS.get(kind, 'solve')}.md"
    return resources.files("midwatch.agent").joinpath(name).read_text("utf-8").strip()


def opening(task: Task, workdir: str, notes: Sequence[str] = ()) -> str:
    """The first message: where the model is and what is asked. Made once, kept in the log. `notes` are what did not go
    as it should in making the environment."""
    return "\n\n".join((environment(task, workdir, notes), shown_prompt(task.prompt), *given(task)))


def given(task: Task) -> tuple[str, ...]:
    """What the person gave along, each text marked as data."""
    return tuple(data.as_data(one.source, one.text) for one in task.context)


def shown_prompt(prompt: str) -> str:
    """What a person says, within PROMPT_CAP."""
    if len(prompt) <= PROMPT_CAP:
        return prompt
    return f"{prompt[:PROMPT_CAP]}\n[… {len(prompt) - PROMPT_CAP} characters left out]"


def environment(task: Task, workdir: str, notes: Sequence[str] = ()) -> str:
    """Where the model is."""
    # the checks may be the repository's: each stays one line, and none can leave the block
    listed = (harmless(check, newlines=False)[:CHECK_CAP] for check in task.checks)
    checks = "\n".join(f"- `{check}`" for check in listed) or "- none were given and none were found"
    heading = "checks that the harness runs in the end" if task.kind == "task" else "checks of the repository"
    start = task.base.branch or task.base.ref
    mode = f"mode: {told}\n" if (told := modes.told(task)) else ""
    origin = f"a copy of the repository at {start}, commit {task.base.commit[:12]}"
    folder = f"{workdir}/{task.folder}, in {workdir}" if task.folder else workdir
    inside = f"working folder: {folder} ({origin})\n{mode}network: {_network(task)}\n{heading}:\n{checks}\n" + "".join(
        f"note: {note}\n" for note in notes
    )
    return f"<environment>\n{sealed(inside, 'environment')}</environment>"


def _network(task: Task) -> str:
    if task.mode == "full":
        return "the person's own"
    hosts = ", ".join(task.terms.hosts)
    return f"only these hosts, through the proxy that the environment variables name: {hosts}" if hosts else "none"


def view(history: History, task: Task, workdir: str, blobs: Blobs | None = None) -> View:
    """All that the model is shown now. View n+1 starts with view n, unless something was undone or compacted. `blobs`
    have the images; without them they are left out."""
    brief = Brief(task.prompt, workdir, task.checks, task.limits)
    items = tuple(_with_images(history.items, blobs))
    return View(instructions(task.kind), brief, items, history.schema)


def _with_images(items: Sequence[Item], blobs: Blobs | None) -> Iterator[Item]:
    """The first MOST_IMAGES pictures with their data; of further ones only the words: what was shown once stays so."""
    shown = 0
    for item in items:
        if isinstance(item, Replied) or not item.images:
            yield item
            continue
        kept = item.images[: max(0, MOST_IMAGES - shown)]
        shown += len(item.images)
        images = tuple(_read(image, blobs) for image in kept if blobs is not None)
        left = len(item.images) - len(kept)
        note = f"\n[{left} more left out: at most {MOST_IMAGES} pictures can be shown at once]" if left else ""
        if isinstance(item, Said):
            yield replace(item, text=item.text + note, images=images)
        else:
            yield replace(item, output=item.output + note, images=images)


def _read(image: Image, blobs: Blobs) -> Image:
    return replace(image, data=base64.b64encode(blobs.read(image.digest)).decode()) if image.digest else image
