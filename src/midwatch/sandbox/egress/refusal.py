"""What the proxy says no to, and in which words."""

from __future__ import annotations

from collections.abc import Sequence

from midwatch.sandbox.network import HostRule

_SHOWN = 24


class Refused(Exception):
    """The box asked for something that it does not get. The text is for the box and for the log: it holds no secret."""

    def __init__(self, reason: str, status: int = 403, instead: bytes = b"") -> None:
        """`instead` is sent where an answer in HTTP would not be understood any more."""
        super().__init__(reason)
        self.reason = reason
        self.status = status
        self.instead = instead


class Unreachable(Exception):
    """An allowed host could not be reached, or answered in a way that cannot be passed on."""

    def __init__(self, reason: str, status: int = 502) -> None:
        super().__init__(reason)
        self.reason = reason
        self.status = status


def shown(text: str | bytes, most: int = 200) -> str:
    """Something that a box sent, as it may stand in a sentence: printable ASCII, not longer than `most`."""
    plain = text.decode("latin1") if isinstance(text, bytes) else text
    safe = "".join(char if " " <= char <= "~" else f"\\x{ord(char):02x}" for char in plain[: most + 1])
    return safe if len(safe) <= most else safe[:most] + "..."


def allowed_words(rules: Sequence[HostRule]) -> str:
    """The end of a refusal: what can be reached."""
    if not rules:
        return "no host is allowed; nothing can be reached"
    names = sorted({rule_words(rule) for rule in rules})
    more = f" and {len(names) - _SHOWN} more" if len(names) > _SHOWN else ""
    return f"{', '.join(names[:_SHOWN])}{more}; nothing else can be reached"


def rule_words(rule: HostRule) -> str:
    """A rule as it is written in a recipe."""
    ports = "" if rule.ports == (443,) else ":" + ",".join(map(str, rule.ports))
    return f"{rule.host}{ports}{' read-only' if rule.methods == 'read-only' else ''}"
