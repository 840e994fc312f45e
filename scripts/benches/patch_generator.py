"""Random files and patches for them, seeded: most can be applied, the rest are close to it."""

from __future__ import annotations

import difflib
from collections.abc import Sequence
from dataclasses import dataclass, field
from random import Random

WORDS = (
    "alpha", "beta", "return x", "    pass", "def f():", "def g(a, b):", "class A:", "class B:", "}", "{", "", "", "  ",
    "x = 1", "x = 2", "# naïve café", "日本語の行", "“quoted” – dash", "it’s", "a\u00a0b", "tab\there", "- item",
    "@@ at", "*** stars", "trailing  ", "    indented",
    "emoji 🎉", "+ plus",
)  # fmt: skip
TYPED = {"“": '"', "”": '"', "–": "-", "’": "'", "\u00a0": " "}
NAMES = ("a.txt", "b.py", "src/c.py", "src/deep/d.md", "weird name.txt", "ünï.txt", "e")


@dataclass(frozen=True, slots=True)
class Trial:
    """One patch, and the files that it is for."""

    files: dict[str, bytes]
    patch: str
    traits: frozenset[str] = field(default_factory=frozenset)
    """What is special about it, for counting."""


def trial(seed: int) -> Trial:
    """The same seed gives the same trial."""
    return _Maker(Random(seed)).trial()


class _Maker:
    def __init__(self, random: Random) -> None:
        self.random = random
        self.traits: set[str] = set()

    def trial(self) -> Trial:
        random = self.random
        names = random.sample(NAMES, random.randint(1, 4))
        files = {name: self.content() for name in names}
        rows: list[str] = []
        for name in random.sample(names, random.randint(1, len(names))):
            rows += self.operation(name, files)
        if self.chance(0.2):
            rows += self.addition(random.choice(NAMES))
        if self.chance(0.12):
            rows = self.spoilt(rows)
        return Trial(files, self.framed(rows), frozenset(self.traits))

    def chance(self, share: float, trait: str = "") -> bool:
        """True for that share of the trials, and remembers the trait."""
        happens = self.random.random() < share
        if happens and trait:
            self.traits.add(trait)
        return happens

    def content(self) -> bytes:
        """A file: its lines differ in most files, so that places are unique, and repeat in some."""
        random = self.random
        count = random.choice((0, 1, 2, 3, 5, 8, 12, 20))
        lines = [random.choice(WORDS) for _ in range(count)]
        if random.random() < 0.7:
            lines = [f"{line} {number}" if random.random() < 0.85 else line for number, line in enumerate(lines)]
        ends = ["\n"] * count
        if self.chance(0.15, "CRLF"):
            ends = ["\r\n"] * count
        elif self.chance(0.08, "mixed ends"):
            ends = [random.choice(("\n", "\r\n")) for _ in range(count)]
        if ends and self.chance(0.15, "no final newline"):
            ends[-1] = ""
        return "".join(line + end for line, end in zip(lines, ends, strict=True)).encode()

    def operation(self, name: str, files: dict[str, bytes]) -> list[str]:
        kind = self.random.random()
        if kind < 0.08:
            self.traits.add("delete")
            return [f"*** Delete File: {name}"]
        if kind < 0.14:
            return self.addition(name)
        move = []
        if self.chance(0.12, "move"):
            taken = [other for other in files if other != name]
            onto_other = taken and self.chance(0.25, "move onto a file")
            move = [f"*** Move to: {self.random.choice(taken) if onto_other else f'moved/{name}.new'}"]
        chunks = [] if move and self.chance(0.2, "move alone") else self.chunks(files[name])
        return [f"*** Update File: {name}", *move, *chunks]

    def addition(self, name: str) -> list[str]:
        self.traits.add("add")
        lines = [self.random.choice(WORDS) for _ in range(self.random.randint(0, 5))]
        return [f"*** Add File: {name}", *(f"+{line}" for line in lines)]

    def chunks(self, content: bytes) -> list[str]:
        """The difference to a changed text, as a patch would say it."""
        random = self.random
        old = content.decode().replace("\r\n", "\n").split("\n")
        if old[-1] == "":
            old.pop()
        if self.chance(0.08, "addition alone"):
            return ["@@", *(f"+{random.choice(WORDS)}" for _ in range(random.randint(1, 3)))]
        new = self.changed(old)
        rows: list[str] = []
        context = random.choice((0, 1, 2, 3, 3, 3, 50))
        matcher = difflib.SequenceMatcher(None, old, new, autojunk=False)
        groups = list(matcher.get_grouped_opcodes(context))
        for number, group in enumerate(groups):
            first = group[0][1]
            header = "@@"
            if first and self.chance(0.25, "header"):
                header = f"@@ {old[random.randrange(max(0, first - 6), first)]}"
            rows += [] if number == 0 and self.chance(0.15, "no header") else [header]
            if header != "@@" and self.chance(0.15, "stacked headers"):
                rows.append(f"@@ {old[first - 1]}")
            rows += self.lines(group, old, new)
            if group[-1][2] == len(old) and self.chance(0.3, "End of File"):
                rows.append("*** End of File")
        return rows or ["@@", *(f" {line}" for line in old[:2])]

    def lines(self, group: Sequence[tuple[str, int, int, int, int]], old: list[str], new: list[str]) -> list[str]:
        rows: list[str] = []
        loose = self.random.random()
        for tag, a, b, c, d in group:
            sign = " " if tag == "equal" else "-"
            rows += [self.loosened(sign, line, loose) for line in old[a:b]]
            if tag != "equal":
                rows += [f"+{line}" for line in new[c:d]]
        if self.chance(0.05, "empty last line"):
            rows.append(self.random.choice((" ", "")))
        return rows

    def loosened(self, sign: str, line: str, loose: float) -> str:
        if loose > 0.9:
            self.traits.add("trailing blanks")
            line = line.rstrip() if self.random.random() < 0.5 else f"{line}  "
        elif loose > 0.84:
            self.traits.add("surrounding blanks")
            line = f"  {line.strip()}"
        elif loose > 0.76:
            self.traits.add("folded")
            line = "".join(TYPED.get(letter, letter) for letter in line)
        if not line and sign == " " and self.random.random() < 0.5:
            return ""
        return sign + line

    def changed(self, old: list[str]) -> list[str]:
        new = list(old)
        for _ in range(self.random.randint(1, 3)):
            at = self.random.randint(0, len(new))
            kind = self.random.random()
            if kind < 0.4 and at < len(new):
                new[at] = self.random.choice(WORDS)
            elif kind < 0.65 and at < len(new):
                del new[at]
            else:
                new[at:at] = [self.random.choice(WORDS) for _ in range(self.random.randint(1, 2))]
        return new

    def spoilt(self, rows: list[str]) -> list[str]:
        """One line is lost, doubled, or swapped with the next: what a model gets wrong."""
        self.traits.add("spoilt")
        rows = list(rows)
        at = self.random.randrange(len(rows))
        kind = self.random.randrange(3)
        if kind == 0:
            del rows[at]
        elif kind == 1:
            rows.insert(at, rows[at])
        elif at + 1 < len(rows):
            rows[at], rows[at + 1] = rows[at + 1], rows[at]
        return rows

    def framed(self, rows: list[str]) -> str:
        begin, end = "*** Begin Patch", "*** End Patch"
        if self.chance(0.06, "blanks around markers"):
            begin, end = f"  {begin} ", f" {end}  "
            rows = [f" {row} " if row.startswith(("*** Add", "*** Delete")) else row for row in rows]
        if self.chance(0.04, "environment"):
            rows = ["*** Environment ID: one", *rows]
        lines = [begin, *rows, end]
        if self.chance(0.06, "heredoc"):
            quote = self.random.choice(("", "'", '"'))
            lines = [f"<<{quote}EOF{quote}", *lines, "EOF"]
        return "\n".join(lines) + self.random.choice(("", "\n", "\n\n"))
