"""Root file systems that a person has named in the settings: an unpacked folder, or an archive, unpacked once."""

from __future__ import annotations

import asyncio
import hashlib
import json
import os
import platform
import shutil
import subprocess
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from midwatch.domain.errors import InputError, OperationError
from midwatch.engine.disk import full_or_broken
from midwatch.workspace.images import BadImage, is_image, merge
from midwatch.workspace.recipe import HOST

_PIECE = 1 << 20


@dataclass(frozen=True, slots=True)
class Root:
    """The system of a box."""

    identity: str
    """The same as long as the content is the same; part of the key of layers."""
    source: Path | None = None
    """What the person named: a folder or an archive. None for the host's own system."""


async def root_of(name: str, bases: Mapping[str, str], state: Path, home: str) -> Root:
    """The base that a recipe names. Raises InputError for a name that the settings do not have, or for what they name
    and is no root file system. The first look at an archive reads all of it."""
    if name == HOST:
        return Root(await asyncio.to_thread(_host))
    given = bases.get(name)
    if given is None:
        known = ", ".join((HOST, *sorted(bases)))
        raise InputError(
            f"the recipe wants the base {name!r}, which your settings do not name (they have: {known})",
            f'add it to the settings file: [environments.bases]\n{name} = "/path/of/a/root/file/system, or of a tar"',
        )
    path = given.removeprefix("file://")
    source = Path(home, path[2:]) if path.startswith("~/") else Path(path)
    if not source.is_absolute():
        raise InputError(
            f"environments.bases.{name}: {given!r} is no absolute path",
            "name an unpacked folder, a tar archive of one, or of an image (`podman save`)",
        )
    return await asyncio.to_thread(_look, name, source, state / "roots")


async def unpacked(root: Root, state: Path) -> Path:
    """The folder of a root file system; an archive is unpacked below `state`/roots when it was not yet. Safe to be
    asked for by several processes at once. Raises OperationError when it cannot be unpacked."""
    assert root.source is not None
    if root.source.is_dir():
        return root.source
    return await asyncio.to_thread(_unpack, root.source, state / "roots" / root.identity.rpartition(":")[2])


def _host() -> str:
    release = platform.freedesktop_os_release() if Path("/etc/os-release").exists() else {}
    return f"host:{release.get('ID', 'linux')}-{release.get('VERSION_ID', '')}"


def _look(name: str, source: Path, cache: Path) -> Root:
    try:
        if source.is_dir():
            if not any(
                (source / shell).exists() or (source / shell).is_symlink() for shell in ("bin/sh", "usr/bin/sh")
            ):
                raise InputError(
                    f"environments.bases.{name}: {source} is no root file system: it has no bin/sh",
                    "name the folder that holds bin, etc and usr",
                )
            status = source.stat()
            return Root(f"folder:{source.resolve()}:{status.st_ino}:{status.st_mtime_ns}", source)
        return Root(f"tar:{_digest(source, cache)}", source)
    except OSError as error:
        raise InputError(
            f"environments.bases.{name}: {source} cannot be read: {error.strerror}", "correct the path, or its mode"
        ) from error


def _digest(archive: Path, cache: Path) -> str:
    """The SHA-256 of an archive; remembered as long as the file looks the same."""
    status = archive.stat()
    look = [str(archive), status.st_size, status.st_mtime_ns, status.st_ino]
    note = cache / f"{hashlib.sha256(os.fsencode(archive)).hexdigest()[:32]}.json"
    try:
        known = json.loads(note.read_bytes())
        if known["look"] == look:
            return str(known["digest"])
    except (OSError, ValueError, KeyError, TypeError):
        pass
    digest = hashlib.sha256()
    with archive.open("rb") as file:
        while piece := file.read(_PIECE):
            digest.update(piece)
    cache.mkdir(mode=0o700, parents=True, exist_ok=True)
    handle, new = tempfile.mkstemp(dir=cache)
    with os.fdopen(handle, "w") as file_of_note:
        json.dump({"look": look, "digest": digest.hexdigest()}, file_of_note)
    Path(new).replace(note)
    return digest.hexdigest()


def _extract(archive: Path, new: Path) -> str:
    """Unpack an archive of files, or of an image, into a new folder; what went wrong, in words."""
    # all files become the caller's own; devices are the driver's matter, and only root could make them
    command = ["tar", "--extract", "--directory", str(new), "--no-same-owner", "--preserve-permissions"]
    command += ["--delay-directory-restore", "--exclude=./dev/*", "--exclude=dev/*", "--file"]
    if not is_image(archive):
        done = subprocess.run([*command, archive], stdin=subprocess.DEVNULL, capture_output=True, check=False)
        return "" if done.returncode == 0 else _last_line(done.stderr)
    with tempfile.TemporaryFile() as errors:
        process = subprocess.Popen([*command, "-"], stdin=subprocess.PIPE, stdout=subprocess.DEVNULL, stderr=errors)
        assert process.stdin is not None
        wrong = ""
        try:
            with process.stdin:
                merge(archive, process.stdin)
        except BadImage as error:
            wrong = str(error)
        except BrokenPipeError:
            pass  # tar says why
        code = process.wait()
        errors.seek(0)
        return wrong or ("" if code == 0 else _last_line(errors.read()))


def _last_line(said: bytes) -> str:
    return said.decode("utf-8", "replace").strip().rpartition("\n")[2] or "tar says nothing"


def _unpack(archive: Path, folder: Path) -> Path:
    if folder.is_dir():
        return folder
    try:
        folder.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        new = Path(tempfile.mkdtemp(prefix="new-", dir=folder.parent))
        new.chmod(0o755)
        words = _extract(archive, new)
        if words or not any((new / shell).is_symlink() or (new / shell).exists() for shell in ("bin/sh",)):
            words = words or "it has no bin/sh"
            shutil.rmtree(new, ignore_errors=True)
            raise OperationError(f"{archive} cannot be unpacked as a root file system: {words}", "make it anew")
        new.rename(folder)
    except OSError as error:
        if folder.is_dir():  # another process was first
            shutil.rmtree(new, ignore_errors=True)
            return folder
        raise full_or_broken(folder.parent, error) from error
    return folder
