"""Rules on commands: which run, which a person must allow first, which never do.

Guard rails on top of the sandbox, not instead of it: a rule reads the words of a command line, and a program can do
what its words do not say. A file of rules carries examples, which are tried when it is read, so that a rule that does
not say what its author meant is found before it is needed.
"""

from __future__ import annotations

import re
import shlex
import tomllib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from midwatch.domain.errors import InputError
from midwatch.domain.guard import KeptRule

DECISIONS = ("allow", "ask", "forbid")
"""From the mildest to the strictest."""
_KEYS = ("prefix", "decision", "reason", "match", "not_match")
_ASSIGNMENT = re.compile(r"[A-Za-z_][A-Za-z0-9_]*=")
_BREAKS = frozenset({";", "&", "&&", "|", "||", "|&", "\n", "(", ")", "{", "}", "!"})
_LEADING = frozenset(
    ("then", "do", "else", "elif", "if", "while", "until", "time", "exec", "command", "nohup", "builtin", "env", "sudo")
)
_SHELLS = frozenset({"bash", "sh", "zsh", "dash"})
_DEEPEST = 5
_EXAMPLE = '[[rule]]\nprefix = ["git", ["push", "fetch"]]\ndecision = "forbid"\nmatch = ["git push origin main"]'

Word = str | tuple[str, ...]
"""A word, or the words any of which may stand there."""


@dataclass(frozen=True, slots=True)
class Rule:
    """A decision on all commands that begin with `prefix`."""

    prefix: tuple[Word, ...]
    decision: str
    reason: str = ""

    def matches(self, words: Sequence[str]) -> bool:
        """Whether a simple command begins with the prefix; its program may be named by a path."""
        if len(words) < len(self.prefix):
            return False
        said = [words[0].rpartition("/")[2] or words[0], *words[1:]]
        return all(
            word in wanted if isinstance(wanted, tuple) else word == wanted
            for word, wanted in zip(said, self.prefix, strict=False)
        )

    def shown(self) -> str:
        """The prefix in a line."""
        return " ".join("|".join(word) if isinstance(word, tuple) else word for word in self.prefix)

    def words(self) -> str:
        """For the model and for the person who is asked: which rule, and why."""
        return f"the rule on `{self.shown()}`" + (f": {self.reason}" if self.reason else "")


@dataclass(frozen=True, slots=True)
class Verdict:
    """What the rules say of a command line."""

    decision: str
    rule: Rule | None
    """The strictest that matched; None when none did."""

    def words(self) -> str:
        """For the model: which rule, and why."""
        return "" if self.rule is None else self.rule.words()


class Rules:
    """Decides on command lines."""

    def __init__(self, rules: Sequence[Rule] = ()) -> None:
        self.rules = tuple(rules)

    def decide(self, command: str) -> Verdict:
        """The strictest decision on any simple command of the line; `allow` without a rule when none matches."""
        found = Verdict("allow", None)
        for words in simple_commands(command) if self.rules else ():
            for rule in self.rules:
                stricter = DECISIONS.index(rule.decision) > DECISIONS.index(found.decision)
                if (stricter or found.rule is None) and rule.matches(words):
                    found = Verdict(rule.decision, rule)
        return found

    def asking(self, command: str) -> tuple[Rule, ...]:
        """All rules that want a person asked before this line runs, each once."""
        lines = list(simple_commands(command))
        return tuple(rule for rule in self.rules if rule.decision == "ask" and any(map(rule.matches, lines)))

    def kept(self) -> tuple[KeptRule, ...]:
        """In the form in which a task keeps them."""
        return tuple(
            KeptRule(
                tuple((word,) if isinstance(word, str) else word for word in rule.prefix), rule.decision, rule.reason
            )
            for rule in self.rules
        )

    def beside(self, kept: Sequence[KeptRule]) -> Rules:
        """These and those that a task was made with. The strictest of all wins: what was added since then counts, and
        what was taken out does not widen a task that is under way."""
        older = [
            Rule(tuple(word[0] if len(word) == 1 else word for word in rule.prefix), rule.decision, rule.reason)
            for rule in kept
        ]
        return Rules([*older, *(rule for rule in self.rules if rule not in older)])


def parse(data: bytes, name: str) -> Rules:
    """The rules of a TOML file; its examples are tried. Raises InputError that names file, rule and mend."""
    try:
        values = tomllib.loads(data.decode("utf-8"))
    except (UnicodeDecodeError, tomllib.TOMLDecodeError, RecursionError) as error:
        raise InputError(f"{name} cannot be read: {error}", f"a rule looks like this:\n{_EXAMPLE}") from None
    listed = values.pop("rule", [])
    if values or not isinstance(listed, list) or not all(isinstance(entry, dict) for entry in listed):
        odd = next(iter(values), "rule")
        raise InputError(f"{name}: {odd!r} is not a list of rules", f"a rule looks like this:\n{_EXAMPLE}")
    return Rules([_rule(entry, f"{name}: rule {number}") for number, entry in enumerate(listed, 1)])


def _rule(entry: Mapping[str, Any], where: str) -> Rule:
    odd = sorted(set(entry) - set(_KEYS))
    if odd:
        raise InputError(f"{where}: unknown key {odd[0]!r}", f"the keys are {', '.join(_KEYS)}")
    decision = entry.get("decision")
    if decision not in DECISIONS:
        raise InputError(f"{where}: decision must be one of {', '.join(DECISIONS)}", f"for example:\n{_EXAMPLE}")
    reason = entry.get("reason", "")
    if not isinstance(reason, str):
        raise InputError(f"{where}: reason must be a string", "say in a sentence why")
    rule = Rule(_prefix(entry.get("prefix"), where), decision, " ".join(reason.split()))
    for key, wanted in (("match", True), ("not_match", False)):
        for example in _strings(entry.get(key, []), f"{where}: {key}"):
            if any(rule.matches(words) for words in simple_commands(example)) is not wanted:
                said = "does not match" if wanted else "matches"
                raise InputError(
                    f"{where}: `{rule.shown()}` {said} its own example `{example}`", "mend the prefix or the example"
                )
    return rule


def _prefix(value: Any, where: str) -> tuple[Word, ...]:
    mend = 'write it like this: prefix = ["git", ["push", "fetch"]]'
    if not isinstance(value, list) or not value:
        raise InputError(f"{where}: prefix must be a list of words", mend)
    words: list[Word] = []
    for word in value:
        if isinstance(word, str) and word:
            words.append(word)
        elif isinstance(word, list) and word and all(isinstance(one, str) and one for one in word):
            words.append(word[0] if len(word) == 1 else tuple(word))
        else:
            raise InputError(f"{where}: {word!r} in prefix is neither a word nor a list of words", mend)
    return tuple(words)


def _strings(value: Any, where: str) -> list[str]:
    if not isinstance(value, list) or not all(isinstance(one, str) for one in value):
        raise InputError(f"{where} must be a list of command lines", 'write it like this: ["git push origin main"]')
    return value


def simple_commands(command: str, depth: int = 0) -> Iterator[list[str]]:
    """The words of each simple command in a shell's command line, also of those in `$(…)`, backquotes and `sh -c`.
    What cannot be split as a shell would is split at blanks, so that a rule still sees its words."""
    if depth > _DEEPEST:
        return
    for inner in _substitutions(command):
        yield from simple_commands(inner, depth + 1)
    for words in _split(command):
        while words and (words[0] in _LEADING or _ASSIGNMENT.match(words[0])):
            words = words[1:]
        if not words:
            continue
        yield words
        shell = words[0].rpartition("/")[2] in _SHELLS
        script = next((i for i, word in enumerate(words[1:], 1) if re.fullmatch(r"-[a-z]*c", word)), 0) if shell else 0
        if words[0] == "eval":
            yield from simple_commands(" ".join(words[1:]), depth + 1)
        elif script and len(words) > script + 1:
            yield from simple_commands(words[script + 1], depth + 1)


def _substitutions(command: str) -> Iterator[str]:
    yield from re.findall(r"`([^`]*)`", command)
    start = command.find("$(")
    while start >= 0:
        level, end = 0, start + 1
        while end < len(command):
            level += {"(": 1, ")": -1}.get(command[end], 0)
            if level == 0:
                break
            end += 1
        yield command[start + 2 : end]
        start = command.find("$(", end)  # those inside are found when the inner command is looked at


def _split(command: str) -> Iterator[list[str]]:
    lexer = shlex.shlex(command.replace("\n", " ; "), posix=True, punctuation_chars=True)
    lexer.whitespace_split = True
    lexer.commenters = ""
    try:
        tokens = list(lexer)
    except ValueError:
        tokens = command.split()
    words: list[str] = []
    for token in tokens:
        if token in _BREAKS or (token and not token.strip("();<>|&") and "<" not in token and ">" not in token):
            if words:
                yield words
            words = []
        else:
            words.append(token)
    if words:
        yield words
