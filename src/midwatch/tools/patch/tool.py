"""The tool `apply_patch`."""

from __future__ import annotations

import json
import re

from midwatch.domain.conversation import ToolSpec
from midwatch.sandbox.base import Box
from midwatch.tools import arguments as given
from midwatch.tools.base import Bench, Tool, ToolResult
from midwatch.tools.cut import harmless, one_line
from midwatch.tools.patch.apply import apply_patch
from midwatch.tools.patch.grammar import LARK, PatchError

_DESCRIPTION = """\
Edit files of the workspace. The patch is text:
*** Begin Patch
*** Update File: path/of/file.py
@@ class Name
@@     def method(self):
 a line that stays
-a line that goes
+a line that comes
*** Add File: path/of/new.py
+every line with a plus
*** Delete File: path/of/old.py
*** End Patch
Lines that stay (about three around each change) and '@@' headers (whole lines of the file, optional, several go \
deeper) must fit exactly one place; an ambiguous patch is refused. Chunks follow the order of the file. \
'*** Move to: new/path' after an Update line renames the file. '*** End of File' ends a chunk at the end of the file. \
Paths are relative to the working folder. All of the patch is applied, or nothing."""

_SCHEMA = {
    "type": "object",
    "properties": {"patch": {"type": "string", "description": "From '*** Begin Patch' to '*** End Patch'."}},
    "required": ["patch"],
    "additionalProperties": False,
}

_HEADING = re.compile(r"^[ \t]*\*\*\* (Add|Update|Delete) File:(.*)$", re.MULTILINE)
_LETTERS = {"Add": "A", "Update": "M", "Delete": "D"}


class ApplyPatch(Tool):
    """Applies a patch in the `*** Begin Patch` format, all or nothing."""

    spec = ToolSpec("apply_patch", _DESCRIPTION, _SCHEMA, LARK)

    def summary(self, arguments: str) -> str:
        """`apply_patch: M a.py, A b.py`."""
        try:
            text = _patch(arguments)
        except given.BadArguments:
            text = arguments
        return patch_summary(text)

    async def run(self, arguments: str, bench: Bench) -> ToolResult:
        """Apply it to the box."""
        try:
            text = _patch(arguments)
        except given.BadArguments as error:
            form = '{"patch": "*** Begin Patch\\n…\\n*** End Patch"}'
            return given.refused("apply_patch", error, f"Nothing was changed. The arguments are {form}.")
        if bench.mode == "read-only":
            return READ_ONLY
        return await run_patch(text, bench.box, bench.folder)


READ_ONLY = ToolResult(
    ok=False,
    output="This task is read-only: no file may be changed, so the patch was not applied. Say what you would change.",
    ended="read-only",
)


async def run_patch(text: str, box: Box, folder: str = "") -> ToolResult:
    """Apply a patch and say what came of it; paths in it are relative to `folder`."""
    try:
        plan = await apply_patch(text, box, folder)
    except PatchError as error:
        message = str(error)
        if "could not be put back" not in message:
            message += "\nNothing was changed."
        return ToolResult(ok=False, output=harmless(message), ended="refused")
    output = "\n".join(["Success. Updated the following files:", *plan.changes()])
    return ToolResult(ok=True, output=harmless(output), ended="applied", detail={"files": plan.files()})


def patch_summary(text: str) -> str:
    """The files of a patch in a line of at most 200 characters."""
    headings = [(kind, path.strip(" \t\r")) for kind, path in _HEADING.findall(text[:100_000])]
    files = [f"{_LETTERS[kind]} {path}" for kind, path in headings if path]
    return one_line("apply_patch: " + (", ".join(files) or "no file"))


def _patch(arguments: str) -> str:
    """The patch out of any of the forms in which models send it. Raises BadArguments."""
    if arguments.lstrip().startswith(("*** Begin Patch", "<<", "```")):
        return arguments
    try:
        value = json.loads(arguments, strict=False)
    except (ValueError, RecursionError):
        value = None
    if isinstance(value, str):
        return value
    values = given.read(arguments)
    for name in ("patch", "input"):
        if isinstance(values.get(name), str):
            return str(values[name])
    command = values.get("command")
    if isinstance(command, list) and len(command) == 2 and command[0] == "apply_patch" and isinstance(command[1], str):
        return command[1]
    return given.text(values, "patch")
