"""Archives of container images (`docker save`, `podman save`, OCI layouts) as one root file system.

The layers are merged by their names alone into one tar stream, links followed as inside the image, so that whoever
unpacks it has one archive from one source, and nothing of an image is ever looked up in the host's own folders.
Sources: the OCI image specification (layer.md, image-layout.md) and the docker-archive format.
"""

from __future__ import annotations

import json
import platform
import tarfile
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

_WHITEOUT, _OPAQUE = ".wh.", ".wh..wh..opq"
_LINKS = 40
"""Symbolic links on the way of one path; more go in circles."""
_LARGEST_JSON = 4 << 20
_MACHINES = {"x86_64": "amd64", "aarch64": "arm64"}

Where = tuple[int, int]
"""A layer and the place of a member in it."""


class BadImage(Exception):
    """The archive says that it is an image, and cannot be read as one; the text says why."""


@dataclass(slots=True)
class _Tree:
    """The names of the merged file system."""

    entries: dict[str, tuple[Where, tarfile.TarInfo]]

    def resolved(self, path: str) -> str:
        """The path with the links on its way followed, as inside the image; its last part is left as it is."""
        parts = [part for part in path.split("/") if part not in ("", ".")]
        if not parts:
            return ""
        done: list[str] = []
        left, links = parts[:-1], 0
        while left:
            part = left.pop(0)
            if part == "..":
                done = done[:-1]
                continue
            found = self.entries.get("/".join([*done, part]))
            if found is None or not found[1].issym():
                done.append(part)
                continue
            links += 1
            if links > _LINKS:
                raise BadImage(f"the links on the way to {path!r} go in circles")
            target = found[1].linkname
            done = [] if target.startswith("/") else done
            left = [step for step in target.split("/") if step not in ("", ".")] + left
        if parts[-1] == "..":
            raise BadImage(f"the name {path!r} leaves its folder")
        return "/".join([*done, parts[-1]])

    def remove_below(self, folder: str, layer: int) -> None:
        """Drop what earlier layers have in a folder."""
        prefix = f"{folder}/" if folder else ""
        for path in [path for path, ((of, _), _) in self.entries.items() if path.startswith(prefix) and of < layer]:
            del self.entries[path]

    def take(self, member: tarfile.TarInfo, where: Where) -> None:
        """One member of a layer."""
        path = self.resolved(member.name)
        folder, _, name = path.rpartition("/")
        if name == _OPAQUE:
            self.remove_below(folder, where[0])
        elif name.startswith(_WHITEOUT):
            gone = f"{folder}/{name.removeprefix(_WHITEOUT)}".lstrip("/")
            self.entries.pop(gone, None)
            self.remove_below(gone, where[0])
        elif path:
            if not member.isdir():
                self.remove_below(path, where[0])
            self.entries[path] = (where, member)


def is_image(archive: Path) -> bool:
    """Whether a file is an archive of an image. Raises OSError; whatever is no archive is no image."""
    try:
        with tarfile.open(archive) as outer:
            return any(name in _names(outer) for name in ("manifest.json", "index.json"))
    except tarfile.TarError:
        return False


def _names(outer: tarfile.TarFile) -> set[str]:
    """Of the first members, which are enough to tell: a root file system has thousands."""
    found = set()
    for member in outer:
        found.add(member.name.removeprefix("./"))
        if len(found) > 1000:
            break
    return found


def merge(archive: Path, out: IO[bytes]) -> None:
    """Write the image's file system as one tar stream. Blocks. Raises BadImage, and OSError of `out`."""
    try:
        with tarfile.open(archive) as outer:
            layers = _layers(outer)
            tree = _Tree({})
            for number, name in enumerate(layers):
                for place, member in _members(outer, name):
                    tree.take(member, (number, place))
            wanted: dict[Where, str] = {where: path for path, (where, _) in tree.entries.items()}
            with tarfile.open(fileobj=out, mode="w|", format=tarfile.PAX_FORMAT) as merged:
                for number, name in enumerate(layers):
                    _copy(outer, name, number, wanted, merged)
    except (tarfile.TarError, EOFError, KeyError, IndexError, TypeError, ValueError) as error:
        raise BadImage(f"it is no image that can be read: {error or type(error).__name__}") from None


def _copy(outer: tarfile.TarFile, name: str, number: int, wanted: Mapping[Where, str], merged: tarfile.TarFile) -> None:
    with _opened(outer, name) as layer:
        for place, member in enumerate(layer):
            path = wanted.get((number, place))
            if path is None or not (member.isreg() or member.isdir() or member.issym() or member.islnk()):
                continue  # devices are the driver's matter
            info = tarfile.TarInfo(path)
            info.mode, info.mtime, info.type, info.linkname = member.mode, member.mtime, member.type, member.linkname
            if member.islnk():  # a copy: what it was linked to may be another file by now
                info.type, info.linkname = tarfile.REGTYPE, ""
            content = layer.extractfile(member) if member.isreg() or member.islnk() else None
            if content is not None:
                with content:
                    info.size = content.seek(0, 2)
                    content.seek(0)
                    merged.addfile(info, content)
            else:
                merged.addfile(info)


def _members(outer: tarfile.TarFile, name: str) -> Iterator[tuple[int, tarfile.TarInfo]]:
    with _opened(outer, name) as layer:
        yield from enumerate(layer)


def _opened(outer: tarfile.TarFile, name: str) -> tarfile.TarFile:
    file = outer.extractfile(name)
    if file is None:
        raise BadImage(f"its layer {name} is no file")
    try:
        return tarfile.open(fileobj=file, mode="r:*")
    except tarfile.ReadError:
        raise BadImage(f"its layer {name} is packed in a way that cannot be read; use plain or gzip layers") from None


def _layers(outer: tarfile.TarFile) -> list[str]:
    """The members that are the layers, the lowest first."""
    known = {member.name.removeprefix("./"): member.name for member in outer}
    if "manifest.json" in known:
        return [known[layer] for layer in _json(outer, known["manifest.json"])[0]["Layers"]]
    described = _for_this_machine(_json(outer, known["index.json"])["manifests"])
    manifest = _json(outer, known[_blob(described["digest"])])
    if "manifests" in manifest:  # an index of several machines' images
        manifest = _json(outer, known[_blob(_for_this_machine(manifest["manifests"])["digest"])])
    return [known[_blob(layer["digest"])] for layer in manifest["layers"]]


def _for_this_machine(manifests: list[Any]) -> Any:
    machine = _MACHINES.get(platform.machine(), platform.machine())
    fitting = [one for one in manifests if one.get("platform", {}).get("architecture", machine) == machine]
    if not fitting:
        raise BadImage(f"it holds no image for {machine}")
    return fitting[0]


def _blob(digest: str) -> str:
    return f"blobs/{digest.replace(':', '/', 1)}"


def _json(outer: tarfile.TarFile, name: str) -> Any:
    file = outer.extractfile(name)
    if file is None:
        raise BadImage(f"its {name} is no file")
    return json.loads(file.read(_LARGEST_JSON))
