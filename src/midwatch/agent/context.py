"""What the model is shown. Fragments are typed and capped; what has been shown once is never changed."""

from __future__ import annotations

import base64
from collections.abc import Sequence
from dataclasses import replace
from functools import cache
from importlib import resources

from midwatch.agent import data, modes
from midwatch.agent.log import History
from midwatch.domain.conversation import Brief, Image, Item, Replied, View
from midwatch.domain.task import Task
from midwatch.engine.blobs import Blobs

PROMPT_CAP = 64 << 10
"""Characters of a task's prompt that are shown."""

RESTARTED = (
    "The work was interrupted here and the sandbox is new: the repository's files are as they were after your last "
    "command, but /tmp and the home folder are new, and nothing runs in the background."
)
CUT_SHORT = "Your last answer was cut off at the length limit. Go on from there, in smaller steps."


@cache
def instructions() -> str:
    """The same words for every task, so that providers can cache them."""
    return resources.files("midwatch.agent").joinpath("prompts/solve.md").read_text("utf-8").strip()


def opening(task: Task, workdir: str, notes: Sequence[str] = ()) -> str:
    """The first message: where the model is and what is asked. Made once, kept in the log. `notes` are what did not go
    as it should in making the environment."""
    checks = "\n".join(f"- `{check}`" for check in task.checks) or "- none were given and none were found"
    start = task.base.branch or task.base.ref
    prompt = task.prompt
    if len(prompt) > PROMPT_CAP:
        left_out = len(prompt) - PROMPT_CAP
        prompt = f"{prompt[:PROMPT_CAP]}\n[… {left_out} characters left out]"
    given = "".join(f"\n\n{data.as_data(one.source, one.text)}" for one in task.context)
    mode = f"mode: {modes.WORDS[task.mode]}\n" if task.mode in modes.WORDS else ""
    origin = f"a copy of the repository at {start}, commit {task.base.commit[:12]}"
    return (
        f"<environment>\nworking folder: {workdir} ({origin})\n"
        f"{mode}network: {_network(task)}\nchecks that the harness runs in the end:\n{checks}\n"
        + "".join(f"note: {note}\n" for note in notes)
        + f"</environment>\n\n{prompt}{given}"
    )


def _network(task: Task) -> str:
    if task.mode == "full":
        return "the person's own"
    hosts = ", ".join(task.terms.hosts)
    return f"only these hosts, through the proxy that the environment variables name: {hosts}" if hosts else "none"


def view(history: History, task: Task, workdir: str, blobs: Blobs | None = None) -> View:
    """All that the model is shown now. View n+1 starts with view n, unless something was undone or compacted. `blobs`
    have the images; without them they are left out."""
    brief = Brief(task.prompt, workdir, task.checks, task.limits)
    return View(instructions(), brief, tuple(_with_images(item, blobs) for item in history.items), history.schema)


def _with_images(item: Item, blobs: Blobs | None) -> Item:
    if isinstance(item, Replied) or not item.images:
        return item
    return replace(item, images=tuple(_read(image, blobs) for image in item.images if blobs is not None))


def _read(image: Image, blobs: Blobs) -> Image:
    return replace(image, data=base64.b64encode(blobs.read(image.digest)).decode()) if image.digest else image
