"""Secrets at rest: sealed with the newest of several keys, opened with whichever key sealed them.

The keys are in `MIDWATCH_VAULT_KEYS`, or in a file of the state folder that is made when something is first sealed.
What is sealed names the place it belongs to, so that nobody who can write into the database has the secret of one place
used at another.
"""

from __future__ import annotations

import base64
import binascii
import contextlib
import fcntl
import hashlib
import os
import re
import stat
import tempfile
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from midwatch.domain.errors import InputError

if TYPE_CHECKING:
    from midwatch.engine.database.base import Connection

VARIABLE = "MIDWATCH_VAULT_KEYS"
FILE = "vault.keys"
"""In the state folder: a key on each line, the newest first."""
_LOCK = "vault.lock"
_SEALED = re.compile(r"v1\.([0-9a-f]{12})\.([A-Za-z0-9_=-]+)")
_MOST = 100
"""Keys."""


class Sealed(InputError):
    """Something that no key opens."""


@dataclass(frozen=True, slots=True)
class Key:
    """One key. Its id says which it is, and nothing of the key."""

    id: str
    text: str


class Vault:
    """Seals and opens. Keys are read when they are first needed, and again when the file has changed; reading blocks
    for a moment. May be used from any thread."""

    def __init__(self, state: Path, environ: Mapping[str, str]) -> None:
        self._state = state
        self._given = environ.get(VARIABLE, "").strip()
        self._known: tuple[tuple[int, ...], tuple[Key, ...]] = ((), ())

    @property
    def place(self) -> str:
        """Where the keys are, in words."""
        return f"the variable {VARIABLE}" if self._given else str(self.file)

    @property
    def file(self) -> Path:
        """The file of keys; it need not exist."""
        return self._state / FILE

    @property
    def by_variable(self) -> bool:
        """Whether the keys come from the variable, so that nobody here can change them."""
        return bool(self._given)

    def all_keys(self) -> tuple[Key, ...]:
        """The newest first; none where nothing has been sealed yet. Raises InputError for what is no key, and for a
        file that others may read."""
        if self._given:
            return _parsed(self._given.split(","), f"the variable {VARIABLE}")
        return self._filed()

    def seal(self, secret: str, place: str) -> str:
        """The secret as it may be kept, for this place alone. Makes the first key where there is none. Raises
        InputError as `all_keys`. Inside a transaction, after `steady`."""
        from cryptography.fernet import Fernet

        if not (keys := self.all_keys()):
            self._state.mkdir(mode=0o700, parents=True, exist_ok=True)
            _first(self.file)
            keys = self.all_keys()
        newest = keys[0]
        return f"v1.{newest.id}.{Fernet(newest.text).encrypt(_bound(place, secret)).decode()}"

    def open(self, sealed: str, place: str, words: str) -> str:
        """The secret. `words` name it in the error. Raises Sealed where no key opens it, or it is of another place."""
        from cryptography.fernet import Fernet, InvalidToken, MultiFernet

        parts, keys = _SEALED.fullmatch(sealed), self.all_keys()
        if parts is None:
            raise Sealed(f"{words} cannot be opened: it is not what was sealed", _AGAIN)
        if parts[1] not in [key.id for key in keys]:
            raise Sealed(f"{words} cannot be opened: the key {parts[1]} is not in {self.place}", self._mend(parts[1]))
        try:
            plain = MultiFernet([Fernet(key.text) for key in keys]).decrypt(parts[2]).decode()
        except InvalidToken:
            raise Sealed(f"{words} cannot be opened: it has been changed since it was sealed", _AGAIN) from None
        bound, _, secret = plain.partition("\n")
        if bound != place:
            raise Sealed(f"{words} cannot be opened: it was sealed for another place", _AGAIN)
        return secret

    def renewed(self, sealed: str, place: str, words: str) -> str:
        """The same sealed with the newest key, or as it is where that has sealed it. Raises as `open`."""
        secret = self.open(sealed, place, words)
        return sealed if key_of(sealed) == self.all_keys()[0].id else self.seal(secret, place)

    def add_key(self) -> Key:
        """Put a new key before the others. Durable when it returns. Raises InputError where the keys come from the
        variable."""
        if self._given:
            raise InputError(
                f"the keys are in {VARIABLE}, which cannot be changed from here",
                "put a new one before the others there (`midwatch admin vault new-key` makes one), start all programs "
                "anew, then rotate",
            )
        self._state.mkdir(mode=0o700, parents=True, exist_ok=True)
        with self._alone():
            made = new_key()
            _write(self.file, (made, *self._filed()))
        return made

    def keep_newest(self, newest: str) -> int:
        """Forget all keys but the newest, the one of that id, with which all is sealed; how many that were. Raises
        InputError when another process has put a new key before it since: that one has sealed nothing yet."""
        with self._alone():
            keys = self._filed()
            if len(keys) > 1 and keys[0].id != newest:
                raise InputError("the keys are changed by another process just now", "`midwatch admin vault rotate`")
            if len(keys) > 1:
                _write(self.file, keys[:1])
            return max(len(keys) - 1, 0)

    def _filed(self) -> tuple[Key, ...]:
        try:
            handle = os.open(self.file, os.O_RDONLY | os.O_CLOEXEC | os.O_NOFOLLOW)
        except FileNotFoundError:
            return ()
        except OSError as error:
            raise InputError(
                f"{self.file}, which has the keys of secrets, cannot be read: {error.strerror}",
                "it must be a file of the user that Midwatch runs as, with the mode 600",
            ) from None
        with os.fdopen(handle, "rb") as file:
            status = os.fstat(file.fileno())
            if not stat.S_ISREG(status.st_mode) or status.st_mode & 0o077:
                raise InputError(f"{self.file} has the keys of secrets, and others may read it", "`chmod 600` it")
            now = (status.st_ino, status.st_mtime_ns, status.st_size)
            if self._known[0] != now:
                self._known = (now, _parsed(file.read(1 << 16).decode("ascii", "replace").split("\n"), str(self.file)))
        return self._known[1]

    @contextlib.contextmanager
    def _alone(self) -> Iterator[None]:
        """Nobody else changes the file meanwhile; the kernel lets go when the process dies."""
        handle = os.open(self._state / _LOCK, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            fcntl.flock(handle, fcntl.LOCK_EX)
            yield
        finally:
            os.close(handle)

    def _mend(self, key: str) -> str:
        if self._given and key in [one.id for one in self._filed()]:
            return f"{self.file} has it: add it to {VARIABLE}, after the others"
        return f"add that key to {self.place}, after the others; where it is lost, {_AGAIN}"


_AGAIN = "give the secret anew"


def is_sealed(text: str) -> bool:
    """Whether it looks like what `seal` makes."""
    return _SEALED.fullmatch(text) is not None


def key_of(sealed: str) -> str:
    """The id of the key that has sealed it; empty for what is not sealed."""
    parts = _SEALED.fullmatch(sealed)
    return parts[1] if parts else ""


def new_key() -> Key:
    """A key that is chance all through."""
    from cryptography.fernet import Fernet

    return _key(Fernet.generate_key().decode())


def steady(db: Connection) -> None:
    """Inside the transaction that keeps something sealed, before it is sealed: keys are dropped in no transaction that
    runs beside it."""
    db.execute("UPDATE vault SET used = used + 1 WHERE id = 'keys'")


def _bound(place: str, secret: str) -> bytes:
    assert "\n" not in place
    return f"{place}\n{secret}".encode()


def _key(text: str) -> Key:
    return Key(hashlib.sha256(b"midwatch vault key " + text.encode()).hexdigest()[:12], text)


def _parsed(given: list[str], where: str) -> tuple[Key, ...]:
    found: dict[str, Key] = {}
    for number, text in enumerate(filter(None, (one.strip() for one in given)), 1):
        with contextlib.suppress(binascii.Error, ValueError):
            if len(base64.urlsafe_b64decode(text.encode())) == 32:
                key = _key(text)
                found[key.id] = key
                continue
        raise InputError(
            f"number {number} of the keys in {where} is no key",
            "a key is 32 bytes as URL-safe base64; `midwatch admin vault new-key` makes one",
        )
    if len(found) > _MOST:
        raise InputError(f"there are {len(found)} keys in {where}", "`midwatch admin vault rotate --drop-old`")
    return tuple(found.values())


def _first(path: Path) -> None:
    """The file with its first key, whole or not at all; where another process was first, its file."""
    temporary = _temporary(path, (new_key(),))
    try:
        with contextlib.suppress(FileExistsError):
            os.link(temporary, path)
    finally:
        temporary.unlink()
    _settle(path.parent)


def _write(path: Path, keys: tuple[Key, ...]) -> None:
    temporary = _temporary(path, keys)
    try:
        temporary.replace(path)
    except OSError:
        temporary.unlink(missing_ok=True)
        raise
    _settle(path.parent)


def _temporary(path: Path, keys: tuple[Key, ...]) -> Path:
    handle, name = tempfile.mkstemp(prefix=f"{path.name}-", dir=path.parent)  # its mode is 0600
    with os.fdopen(handle, "wb") as file:
        file.write("".join(f"{key.text}\n" for key in keys).encode())
        file.flush()
        os.fsync(file.fileno())
    return Path(name)


def _settle(folder: Path) -> None:
    handle = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
