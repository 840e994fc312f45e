"""Which untracked files are not kept: git's ignore rules, matched by us.

git itself would read the rules from a tree that the box has written; our own matcher opens no file, starts no process,
cannot be led anywhere by a link or a pipe, and takes linear time for any pattern.
"""

from __future__ import annotations

import functools
import re
from dataclasses import dataclass

LITTER = b"""__pycache__/
*.py[cod]
.pytest_cache/
.mypy_cache/
.ruff_cache/
.hypothesis/
.tox/
.nox/
.eggs/
*.egg-info/
.venv/
.coverage
.coverage.*
node_modules/
.DS_Store
"""
"""What programs leave behind everywhere; it counts least, so that a repository's own rules can keep it."""

_POSIX = {
    b"alnum": rb"0-9A-Za-z", b"alpha": rb"A-Za-z", b"blank": rb" \t", b"cntrl": rb"\x00-\x1f\x7f", b"digit": rb"0-9",
    b"graph": rb"!-~", b"lower": rb"a-z", b"print": rb" -~", b"punct": rb"!-/:-@\[-`{-~", b"space": rb" \t-\r",
    b"upper": rb"A-Z", b"xdigit": rb"0-9A-Fa-f",
}  # fmt: skip
_NOTHING = rb"(?!)"


@dataclass(frozen=True, slots=True)
class Rule:
    """One pattern. `anchored` ones match the path below the folder of their file, the others the last component."""

    matches: re.Pattern[bytes]
    keep: bool
    folders_only: bool
    anchored: bool


@dataclass(frozen=True, slots=True)
class Rules:
    """The rules that hold in one folder: its own, then those above it. Each folder on the way down makes a new one."""

    own: tuple[Rule, ...]
    above: Rules | None = None
    name: bytes = b""
    """Of this folder, as the one above sees it, with a slash at the end; empty for rules that share its place."""

    def ignores(self, name: bytes, *, folder: bool) -> bool:
        """Whether the entry `name` of this folder is ignored. The last rule that matches decides, and a deeper file
        of rules goes before those above it."""
        level: Rules | None = self
        path = name
        while level is not None:
            for rule in level.own:
                if (folder or not rule.folders_only) and rule.matches.fullmatch(path if rule.anchored else name):
                    return not rule.keep
            path = level.name + path
            level = level.above
        return False

    def inside(self, name: bytes, content: bytes | None) -> Rules:
        """The rules inside the subfolder `name`, whose ignore file has this content."""
        return Rules(parse(content) if content else (), self, name + b"/")


def top_rules(outside: bytes, content: bytes | None) -> Rules:
    """The rules at the top of a tree: the user's own outside it, and those of its own ignore file."""
    litter = Rules(parse(LITTER))
    return Rules(parse(content) if content else (), Rules(parse(outside), litter))


def parse(content: bytes) -> tuple[Rule, ...]:
    """The rules of an ignore file, the one that counts most first."""
    lines = content.removeprefix(b"\xef\xbb\xbf").split(b"\n")
    return tuple(reversed([rule for rule in map(_rule, lines) if rule is not None]))


@functools.lru_cache(1 << 14)
def _rule(line: bytes) -> Rule | None:
    line = _trimmed(line.removesuffix(b"\r"))
    if not line or line.startswith(b"#"):
        return None
    keep = line.startswith(b"!")
    line = line[1:] if keep else line
    folders_only = line.endswith(b"/")
    line = line[:-1] if folders_only else line
    anchored = b"/" in line
    line = line.removeprefix(b"/")
    if not line:
        return None
    regex = _path_regex(line) if anchored else _glob(line, b".")
    return Rule(re.compile(regex, re.DOTALL), keep, folders_only, anchored)


def shortened(content: bytes, most: int) -> tuple[bytes, int]:
    """The first rules of an ignore file that together cost at most `most`, and what they cost: a rule of up to 31
    bytes costs one, and each further 32 bytes one more."""
    lines = content.split(b"\n")
    cost = 0
    for at, line in enumerate(lines):
        if line and not line.startswith(b"#"):
            if cost + 1 + len(line) // 32 > most:
                return b"\n".join(lines[:at]), cost
            cost += 1 + len(line) // 32
    return content, cost


def _trimmed(line: bytes) -> bytes:
    """Without spaces at the end, save one that a backslash protects."""
    short = line.rstrip(b" ")
    slashes = len(short) - len(short.rstrip(b"\\"))
    return short + b" " if slashes % 2 and len(short) < len(line) else short


def _path_regex(pattern: bytes) -> bytes:
    """A pattern with slashes. `**` as a whole component stands for any number of folders."""
    parts = _components(pattern)
    groups: list[list[bytes]] = [[]]
    for part in parts:
        if part == b"**":
            groups.append([])
        else:
            groups[-1].append(_glob(part, b"[^/]"))
    groups = [groups[0], *[g for g in groups[1:-1] if g], *groups[1:][-1:]]
    regex = b"/".join(groups[0])
    for i, group in enumerate(groups[1:], start=2):
        regex += b"/" if groups[0] and i == 2 else b""
        if i == len(groups):
            regex += b"(?:[^/]+/)*" + b"/".join(group) if group else b".+"
        else:  # the first place where the group fits is as good as any: no way back is needed
            regex += b"(?>(?:[^/]+/)*?" + b"/".join(group) + b"/)"
    return regex


def _components(pattern: bytes) -> list[bytes]:
    """Split at slashes, save those in a class of characters or after a backslash."""
    parts, at = [b""], 0
    while at < len(pattern):
        end = at + 2 if pattern[at : at + 1] == b"\\" else at + 1
        if pattern[at : at + 1] == b"[" and (found := _bracket(pattern, at + 1)) is not None:
            end = found[1]
        if pattern[at:end] == b"/":
            parts.append(b"")
        else:
            parts[-1] += pattern[at:end]
        at = end
    return parts


def _glob(pattern: bytes, some: bytes) -> bytes:
    """One component as a regular expression; `some` matches a character that a wildcard may take."""
    tokens = _tokens(pattern, some)
    if tokens is None:
        return _NOTHING
    runs: list[bytes] = [b""]
    for token in tokens:
        if token != b"*":
            runs[-1] += token
        elif runs[-1] or len(runs) == 1:
            runs.append(b"")
    if len(runs) == 1:
        return runs[0]
    middle = b"".join(b"(?>" + some + b"*?" + run + b")" for run in runs[1:-1])
    return runs[0] + middle + some + b"*" + runs[-1]


def _tokens(pattern: bytes, some: bytes) -> list[bytes] | None:
    tokens: list[bytes] = []
    at = 0
    while at < len(pattern):
        c = pattern[at : at + 1]
        at += 1
        if c == b"*":
            tokens.append(c)
        elif c == b"?":
            tokens.append(some)
        elif c == b"[":
            found = _bracket(pattern, at)
            if found is None:
                return None
            tokens.append(found[0])
            at = found[1]
        elif c == b"\\":
            if at == len(pattern):
                return None
            tokens.append(re.escape(pattern[at : at + 1]))
            at += 1
        else:
            tokens.append(re.escape(c))
    return tokens


def _bracket(pattern: bytes, at: int) -> tuple[bytes, int] | None:
    """The character class that begins after `[`, and where it ends; None when it is not closed."""
    negated = pattern[at : at + 1] in (b"!", b"^")
    at += negated
    items: list[bytes] = []
    first = True
    while at < len(pattern):
        c = pattern[at : at + 1]
        if c == b"]" and not first:
            body = b"".join(items)
            inner = (b"[^/" + body + b"]") if negated else (b"(?!/)[" + body + b"]" if body else _NOTHING)
            return inner, at + 1
        first = False
        if pattern[at : at + 2] == b"[:":
            end = pattern.find(b":]", at + 2)
            if end < 0 or pattern[at + 2 : end] not in _POSIX:
                return None
            items.append(_POSIX[pattern[at + 2 : end]])
            at = end + 2
            continue
        low, at = _member(pattern, at)
        if pattern[at : at + 1] == b"-" and pattern[at + 1 : at + 2] not in (b"]", b""):
            high, at = _member(pattern, at + 1)
            in_order = low and high and low <= high
            items.append(_escaped(low) + b"-" + _escaped(high) if in_order else _escaped(low))
        else:
            items.append(_escaped(low))
    return None


def _member(pattern: bytes, at: int) -> tuple[bytes, int]:
    if pattern[at : at + 1] == b"\\" and at + 1 < len(pattern):
        at += 1
    return pattern[at : at + 1], at + 1


def _escaped(character: bytes) -> bytes:
    return b"\\x%02x" % character[0] if character else b""
