"""The tool `view_image`: a picture of the workspace, for models that take pictures."""

from __future__ import annotations

import posixpath

from midwatch.domain.conversation import Image, ToolSpec
from midwatch.tools import arguments as given
from midwatch.tools.base import Bench, Tool, ToolResult
from midwatch.tools.cut import harmless, one_line
from midwatch.tools.pictures import LARGEST, recognise, unfit

_DESCRIPTION = "Look at a picture of the workspace: PNG, JPEG, GIF or WebP, up to 5 MiB."

_SCHEMA = {
    "type": "object",
    "properties": {"path": {"type": "string"}},
    "required": ["path"],
    "additionalProperties": False,
}


class ViewImage(Tool):
    """Reads a picture, and shows it with the result."""

    spec = ToolSpec("view_image", _DESCRIPTION, _SCHEMA)

    def summary(self, arguments: str) -> str:
        """`view_image: docs/plan.png`."""
        try:
            path = given.text(given.read(arguments), "path")
        except given.BadArguments:
            return "view_image"
        return one_line(f"view_image: {path}")

    def reads_only(self, arguments: str) -> bool:
        """Yes."""
        return True

    async def run(self, arguments: str, bench: Bench) -> ToolResult:
        """Read it, and keep it in the blob store. Raises as `Box.read` for what is not the file's doing, StoreError."""
        try:
            path = given.text(given.read(arguments), "path")
        except given.BadArguments as error:
            return given.refused("view_image", error, 'The arguments are {"path": "docs/plan.png"}.')
        name = harmless(path, newlines=False)
        place = _inside(path, bench.box.workdir, bench.folder)
        if not place:
            return _refused(name, "it is outside the workspace; copy it into the workspace first")
        try:
            data = await bench.box.read(place.encode("utf-8", "surrogateescape"), LARGEST + 1)
        except (FileNotFoundError, NotADirectoryError):
            return _refused(name, "there is no such file; paths are relative to the working folder")
        except IsADirectoryError:
            return _refused(name, "it is a folder")
        except PermissionError:
            why = f"it is no ordinary file, reached by a symbolic link, or longer than {LARGEST:,} bytes"
            return _refused(name, f"{why}; make a smaller copy with a program")
        except (OSError, UnicodeEncodeError) as error:
            return _refused(name, f"it cannot be read ({error})")
        picture = recognise(data)
        why = unfit(data, picture)
        if why or picture is None:
            return _refused(name, f"{why}; convert it with a program first")
        blob = bench.blobs.put(data)
        size = (picture.width, picture.height)
        image = Image(picture.media_type, "", blob.digest, blob.bytes, *size)
        kind = picture.media_type.partition("/")[2].upper()
        output = f"{name}: {kind}, {size[0]} x {size[1]} pixels, {blob.bytes:,} bytes"
        return ToolResult(ok=True, output=output, ended="shown", images=(image,))


def _refused(name: str, why: str) -> ToolResult:
    return ToolResult(ok=False, output=f"{name} cannot be shown: {why}.", ended="not shown")


def _inside(path: str, workdir: str, folder: str) -> str:
    """The path relative to the workspace; empty for one that leaves it."""
    found = posixpath.normpath(posixpath.join(workdir, folder, path))
    root = workdir.rstrip("/") + "/"
    return found.removeprefix(root) if found.startswith(root) and "\0" not in found else ""
