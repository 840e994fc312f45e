"""Host names as a box or a recipe writes them: one spelling for each, and nothing that is an address in disguise."""

from __future__ import annotations

import re

from midwatch.sandbox.egress.refusal import Refused, shown

_LABEL = re.compile(r"[a-z0-9_](?:[a-z0-9_-]{0,61}[a-z0-9_])?")
_NUMBER = re.compile(r"[0-9]+|0x[0-9a-f]*")
_PORT = re.compile(r"[1-9][0-9]{0,4}")
_LOCAL = frozenset(
    ("localhost", "local", "localdomain", "internal", "intranet", "private", "corp", "home", "lan", "arpa", "onion",
     "invalid", "test", "alt")
)  # fmt: skip
"""Last labels that no public name has."""


def host_name(text: str) -> str:
    """The name in lower case without a dot at its end. Raises Refused for everything that is not a plain ASCII name."""
    name = text.lower().removesuffix(".")
    if not text.isascii():
        raise Refused(f"the host {shown(text)} is not written in ASCII; an international name begins with xn--")
    if "@" in text:
        raise Refused(f"the host {shown(text)} carries a user name, which is not passed on")
    if name.startswith("[") or ":" in name:
        raise Refused(f"{shown(text)} is an address; only names that are allowed can be reached")
    labels = name.split(".")
    if _NUMBER.fullmatch(labels[-1]):
        raise Refused(f"{shown(text)} is an address; only names that are allowed can be reached")
    if not name or len(name) > 253 or not all(_LABEL.fullmatch(label) for label in labels):
        raise Refused(f"{shown(text)!r} is not a host name", 400)
    return name


def authority(text: str, default_port: int | None = None) -> tuple[str, int]:
    """The name and port of `name:port`. Raises Refused as `host_name`, and for a port that is none."""
    if "@" in text:
        raise Refused(f"the host {shown(text)} carries a user name, which is not passed on")
    if text.startswith("["):
        raise Refused(f"{shown(text)} is an address; only names that are allowed can be reached")
    name, colon, port = text.partition(":")
    if not colon and default_port is not None:
        return host_name(name), default_port
    if ":" in port:
        raise Refused(f"{shown(text)} is an address; only names that are allowed can be reached")
    if not _PORT.fullmatch(port) or int(port) > 65535:
        raise Refused(f"{shown(text)!r} has no port that can be used; it is a number after the last colon", 400)
    return host_name(name), int(port)


def is_public_name(name: str) -> bool:
    """Whether the name may belong to the public internet: more than one label, and no ending that is kept for other
    use. All that can be known about it where somebody else resolves it."""
    labels = name.split(".")
    return len(labels) > 1 and labels[-1] not in _LOCAL
