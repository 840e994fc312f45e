"""File names as git sees them: which are refused, how they are quoted, how they are shown."""

from __future__ import annotations

import os
import re

_HFS_IGNORED = re.compile("[\u200c-\u200f\u202a-\u202e\u206a-\u206f\ufeff]")
_NTFS_DOT_GIT = re.compile(rb"(?:\.git|git~1)[. ]*(?:[:\\].*)?", re.IGNORECASE | re.DOTALL)
_NTFS_DOT_GITMODULES = re.compile(
    rb"(?:\.gitmodules|gitmod~[1-4]|gi7eba~[1-9]|gi7eb~[1-9][0-9])[. ]*(?:[:\\].*)?", re.IGNORECASE | re.DOTALL
)


def refused(name: bytes, *, link: bool = False) -> bool:
    """Whether git refuses this component of a path on some system: whatever a file system could take for `.git`, and
    a `.gitmodules` that is a link. fast-import checks none of it, so that we must."""
    if name in (b"", b".", b"..") or b"/" in name or b"\0" in name:
        return True
    if _NTFS_DOT_GIT.fullmatch(name) or (link and _NTFS_DOT_GITMODULES.fullmatch(name)):
        return True
    if name.isascii():
        return False
    # HFS+ ignores these characters and the case; what is not UTF-8 it cannot hold.
    plain = _HFS_IGNORED.sub("", name.decode("utf-8", "replace")).lower()
    return plain == ".git" or (link and plain == ".gitmodules")


def quoted(path: bytes) -> bytes:
    """In double quotes with C escapes, as fast-import and alternates files read it."""
    escaped = re.sub(rb'[\x00-\x1f"\\\x7f]', lambda m: b"\\%03o" % m[0][0], path)
    return b'"' + escaped + b'"'


def shown(path: bytes | str | os.PathLike[str]) -> str:
    """A path for a person to read: control characters and bytes that are not UTF-8 as backslash escapes."""
    text = os.fsdecode(path)
    return "".join(_shown_character(c) for c in text)


def without_secret(text: str) -> str:
    """The text for a person to read, without the user and password that an address in it may hold."""
    return re.sub(r"(?<=://)[^/\s]*@", "", shown(text))


def _shown_character(c: str) -> str:
    if "\udc80" <= c <= "\udcff":
        return f"\\x{ord(c) - 0xDC00:02x}"
    return c if c.isprintable() else c.encode("unicode_escape").decode("ascii")
