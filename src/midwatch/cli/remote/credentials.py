"""The tokens of servers: a file of the person's own, beside the settings. Never in an argument, an error or a log."""

from __future__ import annotations

import json
import os
import stat
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from midwatch.cli.remote.address import VARIABLE, Address, read
from midwatch.domain.errors import InputError, OperationError

TOKEN = "MIDWATCH_TOKEN"  # noqa: S105 - the name of a variable
FILE = "servers.json"
LONGEST = 4096
"""Characters of a token."""


@dataclass(frozen=True, slots=True)
class Token:
    """A token, and where it came from. Its value is in no repr."""

    value: str = field(default="", repr=False)
    """Empty: there is none."""
    source: str = ""
    """For messages."""


def path_of(folder: Path) -> Path:
    """The file, in the folder of the settings."""
    return folder / FILE


def find(address: Address, folder: Path, environ: Mapping[str, str]) -> Token:
    """The token for a server: of the variable, else of the file. Raises InputError for a file that others can read.

    The variable is for the server that MIDWATCH_SERVER names, where that is set: a token is never sent elsewhere."""
    given, server = environ.get(TOKEN, "").strip(), environ.get(VARIABLE, "").strip()
    if given and (not server or _same(server, address, environ)):
        return Token(checked(given, TOKEN), TOKEN)
    path = path_of(folder)
    kept = _load(path).get(address.url, "")
    return Token(kept, str(path) if kept else "")


def _same(server: str, address: Address, environ: Mapping[str, str]) -> bool:
    try:
        return read(server, environ, VARIABLE) == address
    except InputError:
        return False


def keep(address: Address, token: str, folder: Path) -> Path:
    """Keep the token of a server, whole or not at all; an empty one forgets it. The file is nobody else's to read.
    Raises OperationError when it cannot be written."""
    path = path_of(folder)
    known = _load(path)
    known.pop(address.url, None)
    if token:
        known[address.url] = token
    try:
        folder.mkdir(parents=True, exist_ok=True)
        handle, name = tempfile.mkstemp(dir=folder, prefix=f".{FILE}.")  # mode 0600
        try:
            with os.fdopen(handle, "w", encoding="utf-8") as file:
                json.dump({"tokens": known}, file, indent=2)
                file.flush()
                os.fsync(file.fileno())
            Path(name).replace(path)
        except BaseException:
            Path(name).unlink(missing_ok=True)
            raise
    except OSError as error:
        raise OperationError(f"{path} cannot be written: {error.strerror}", "mend the folder's mode or space") from None
    return path


def checked(token: str, name: str) -> str:
    """The token, if it can be one. Raises InputError without repeating it."""
    if not token or len(token) > LONGEST or not token.isascii() or not token.isprintable() or " " in token:
        raise InputError(f"{name} is no token", "a token is one line of letters, digits and signs, without spaces")
    return token


def _load(path: Path) -> dict[str, str]:
    try:
        with path.open(encoding="utf-8") as file:
            mode = stat.S_IMODE(os.fstat(file.fileno()).st_mode)
            if mode & 0o077:
                raise InputError(f"{path} may be read by others (mode {mode:04o})", f"chmod 600 {path}")
            known = json.load(file)["tokens"]
            return {str(url): checked(str(token), f"what {path} has for {url}") for url, token in known.items()}
    except FileNotFoundError:
        return {}
    except OSError as error:
        raise InputError(f"{path} cannot be read: {error.strerror}", "mend its mode, or remove it") from None
    except (ValueError, KeyError, TypeError, AttributeError):
        raise InputError(f"{path} cannot be understood", "remove it, then `midwatch login --server URL`") from None
