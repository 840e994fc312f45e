"""Which command lines are known to change nothing: pipes of a few programs, with a few of their options.

A short list on purpose. What is not on it is not forbidden; it only does not run beside other calls.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence

_LONGEST = 10_000
_SHELL = frozenset(";&<>()$`\\{}\n\r#")
"""Outside quotes: what makes more of a command line than programs, words and pipes."""
_GLOB = ("*", "?", "[")
_SED = re.compile(r"(\d+|\$)(,(\+?\d+|\$))?p(;(\d+|\$)(,(\+?\d+|\$))?p)*")

Words = Sequence[str]


def only_reads(command: str) -> bool:
    """Whether a shell running this line would only read, and come to an end by itself."""
    pipe = _pipe(command) if len(command) <= _LONGEST else None
    return bool(pipe) and all(_harmless(words) for words in pipe or ())


def _harmless(words: Words) -> bool:
    if not words:
        return False
    check = _PROGRAMS.get(words[0])
    return check is not None and check(words[1:])


def _pipe(command: str) -> list[list[str]] | None:
    """The words of each program of a pipe; None when the line is anything else."""
    pipe: list[list[str]] = [[]]
    word: str | None = None
    quote = ""
    for at, char in enumerate(command):
        if quote:
            if char == quote:
                quote = ""
            elif quote == '"' and (
                char in "$`" or (char == "\\" and command[at + 1 : at + 2] in ("$", "`", '"', "\\"))
            ):
                return None
            else:
                word = (word or "") + char
        elif char in _SHELL:
            return None
        elif char in "'\"":
            quote, word = char, word or ""
        elif char in " \t|":
            if word is not None:
                pipe[-1].append(word)
            word = None
            if char == "|":
                pipe.append([])
        elif char in _GLOB and (word is None or (word.startswith("-") and "=" not in word)):
            return None  # it could become a word that is an option
        else:
            word = (word or "") + char
    if word is not None:
        pipe[-1].append(word)
    return None if quote else pipe


def _any(words: Words) -> bool:
    return True


def _without(letters: str, *starts: str) -> Callable[[Words], bool]:
    """No word begins with one of `starts`, and no short option (alone or among others) is one of `letters`."""

    def check(words: Words) -> bool:
        return not any(
            word.startswith(starts) if word.startswith("--") else word[:1] == "-" and not set(letters).isdisjoint(word)
            for word in words
        )

    return check


def _no_operand(words: Words) -> bool:
    """Options only: the program reads what comes through the pipe."""
    return all(re.fullmatch(r"-[cdiu]+", word) for word in words)


def _find(words: Words) -> bool:
    return not any(word.startswith(("-exec", "-ok", "-delete", "-fls", "-fprint")) for word in words)


def _sed(words: Words) -> bool:
    files = words[2:]
    printing = len(words) >= 2 and words[0] == "-n" and _SED.fullmatch(words[1]) is not None
    return printing and not any(word.startswith("-") for word in files)


def _git(words: Words) -> bool:
    rest = list(words)
    while rest[:1] in (["-C"], ["--no-pager"]):
        rest = rest[2:] if rest[0] == "-C" else rest[1:]
    check = _GIT.get(rest[0]) if rest else None
    return check is not None and check(rest[1:])


_DIFFS = _without("", "--ou", "--ext", "--textconv", "--he")
_GIT: Mapping[str, Callable[[Words], bool]] = {
    **dict.fromkeys(("log", "show", "diff", "status", "blame", "shortlog", "rev-list", "ls-tree", "ls-files"), _DIFFS),
    "grep": _without("O", "--op", "--textconv", "--he"),
    "cat-file": _without("", "--fi", "--te", "--he", "--ba"),
    "rev-parse": _without("", "--he"),
    "describe": _without("", "--he"),
}
_PROGRAMS: Mapping[str, Callable[[Words], bool]] = {
    **dict.fromkeys(
        (
            "ls", "cat", "head", "wc", "nl", "tac", "pwd", "stat", "basename", "dirname", "realpath", "readlink", "du",
            "diff", "cmp", "comm", "cut", "tr", "paste", "fold", "od", "echo", "true", "which", "md5sum", "sha1sum",
            "sha256sum", "grep", "egrep", "fgrep",
        ),
        _any,
    ),
    "tail": _without("fF", "--f", "--re"),
    "tree": _without("oR", "--o"),
    "sort": _without("oT", "--o", "--c", "--t", "--f"),
    "uniq": _no_operand,
    "rg": _without("z", "--pre", "--hostname-bin", "--search-zip"),
    "find": _find,
    "sed": _sed,
    "git": _git,
}  # fmt: skip
