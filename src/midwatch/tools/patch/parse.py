"""From the text of a patch to its operations: lenient about layout, strict about what could mean two things."""

from __future__ import annotations

import re

from midwatch.tools.patch.grammar import (
    ADD,
    BEGIN,
    DELETE,
    END,
    END_OF_FILE,
    ENVIRONMENT,
    GONE,
    HEADER,
    KEPT,
    MOVE,
    NEW,
    UPDATE,
    Add,
    Chunk,
    Delete,
    Line,
    Operation,
    PatchError,
    Update,
)

_HEREDOC = re.compile(r"(?:apply_?patch\s+)?<<-?\s*(['\"]?)(\w+)\1\s*")
_FENCE = re.compile(r"```[\w.+-]*\s*")
_LINE_NUMBERS = re.compile(r"-\d+(?:,\d+)? \+\d+(?:,\d+)? @@")


def parse(text: str) -> tuple[Operation, ...]:
    """The operations in their order; empty for a patch without any. Raises PatchError."""
    try:
        text.encode("utf-8", "surrogateescape")
    except UnicodeEncodeError:
        raise PatchError("Invalid patch: it holds half of a surrogate pair, which no file can hold.") from None
    return _Parser(_frame(text)).operations()


def _frame(text: str) -> list[str]:
    """The lines from Begin Patch to End Patch, out of a here-document or a Markdown fence."""
    lines = [line.removesuffix("\r") for line in text.split("\n")]
    lines = _without_blank_ends(lines)
    for opening, closing in ((_HEREDOC, None), (_FENCE, "```")):
        match = opening.fullmatch(lines[0]) if lines else None
        if match and lines[-1].strip() == (closing or match[2]):
            lines = _without_blank_ends(lines[1:-1])
    if not lines or lines[0].strip() != BEGIN:
        raise PatchError(f"Invalid patch: the first line must be '{BEGIN}'.")
    if lines[-1].strip() != END:
        if any(line.rstrip() == END for line in lines):
            raise PatchError(f"Invalid patch: there is text after '{END}'; send one patch, and nothing after it.")
        raise PatchError(f"Invalid patch: the last line must be '{END}'; the patch may have been cut short.")
    return lines


def _without_blank_ends(lines: list[str]) -> list[str]:
    start, end = 0, len(lines)
    while start < end and not lines[start].strip():
        start += 1
    while end > start and not lines[end - 1].strip():
        end -= 1
    return lines[start:end]


class _Parser:
    """One pass over the lines. `_at` is the index of the next line; messages count lines from Begin Patch as 1."""

    def __init__(self, lines: list[str]) -> None:
        self._lines = lines
        self._at = 1
        self._end = len(lines) - 1

    def operations(self) -> tuple[Operation, ...]:
        """All of them."""
        found: list[Operation] = []
        if self._at < self._end and self._lines[self._at].strip().startswith(ENVIRONMENT):
            self._at += 1
        while self._at < self._end:
            if not self._lines[self._at].strip():
                self._at += 1
                continue
            found.append(self._operation())
        return tuple(found)

    def _operation(self) -> Operation:
        line = self._lines[self._at].strip()
        if line.startswith(ADD):
            return self._add(self._path(line, ADD))
        if line.startswith(DELETE):
            return Delete(self._path(line, DELETE))
        if line.startswith(UPDATE):
            return self._update(self._path(line, UPDATE))
        if line == END:
            raise self._fault(f"text after '{END}'; send one patch, and nothing after it")
        raise self._fault(
            f"{line[:200]!r} is no file operation; expected '{ADD} PATH', '{DELETE} PATH' or '{UPDATE} PATH'"
        )

    def _path(self, line: str, marker: str) -> str:
        path = line[len(marker) :].strip()
        if not path:
            raise self._fault(f"'{marker}' without a path")
        self._at += 1
        return path

    def _add(self, path: str) -> Add:
        content: list[str] = []
        while self._at < self._end and not self._lines[self._at].strip().startswith("*** "):
            line = self._lines[self._at]
            if line.startswith(NEW):
                content.append(line[1:] + "\n")
            elif line.strip() or self._continues():
                raise self._fault(
                    f"{line[:200]!r} is no line of the new file {path}; every one starts with '+', an empty one too"
                )
            self._at += 1
        return Add(path, "".join(content))

    def _continues(self) -> bool:
        """Whether more lines of the added file come after this blank one."""
        for line in self._lines[self._at : self._end]:
            if line.strip():
                return not line.strip().startswith("*** ")
        return False

    def _update(self, path: str) -> Update:
        start, move_to = self._at, ""
        if self._at < self._end and self._lines[self._at].strip().startswith(MOVE):
            move_to = self._path(self._lines[self._at].strip(), MOVE)
        while self._at < self._end and self._lines[self._at].rstrip() == END_OF_FILE:
            self._at += 1  # of no chunk
        chunks: list[Chunk] = []
        while self._at < self._end and not self._ends_update():
            line = self._lines[self._at]
            if chunks and line.strip() and not line.startswith(HEADER):
                raise self._fault(f"{line[:200]!r} stands behind '{END_OF_FILE}'; a new chunk starts with '{HEADER}'")
            chunk = self._chunk(path)
            if chunk is not None:
                chunks.append(chunk)
        if not chunks and not move_to:
            self._at = start - 1
            raise self._fault(f"the update of {path} is empty; give it a chunk, or a '{MOVE} PATH' line")
        return Update(path, move_to, tuple(chunks))

    def _ends_update(self) -> bool:
        return self._lines[self._at].startswith("*** ")

    def _chunk(self, path: str) -> Chunk | None:
        """The next chunk; None for blank lines between chunks."""
        start = self._at
        headers = self._headers()
        headed = self._at > start
        lines: list[Line] = []
        end_of_file = False
        while self._at < self._end and not end_of_file:
            text = self._lines[self._at]
            if text.rstrip() == END_OF_FILE:
                end_of_file = True
            elif text.startswith((HEADER, "*** ")):
                break
            else:
                lines.append(self._line(text, path))
            self._at += 1
        blank = all(line.bare for line in lines)
        if blank and not headed and not end_of_file:
            return None
        if blank:
            self._at = start
            raise self._fault("the chunk has no lines; give the lines that stay (' '), go ('-') and come ('+')")
        if all(line.kind == NEW or line.bare for line in lines):
            while lines[-1].bare:
                lines.pop()  # blank lines behind added ones are layout, not a place to look for
        return Chunk(headers, tuple(lines), end_of_file, start + 1)

    def _headers(self) -> tuple[str, ...]:
        headers = []
        while self._at < self._end and self._lines[self._at].startswith(HEADER):
            text = self._lines[self._at][len(HEADER) :]
            if text.strip() and not text.startswith(" "):
                raise self._fault(f"a chunk's header is '{HEADER}' or '{HEADER} ' and one line of the file")
            # Line numbers of a unified diff say nothing here; the lines themselves find the place.
            if text.strip() and not _LINE_NUMBERS.match(text[1:]):
                headers.append(text[1:])
            self._at += 1
        return tuple(headers)

    def _line(self, text: str, path: str) -> Line:
        if not text:
            return Line(KEPT, "", bare=True)
        if text[0] in (KEPT, GONE, NEW):
            return Line(text[0], text[1:])
        raise self._fault(
            f"{text[:200]!r} is no line of a chunk for {path}; "
            "each starts with ' ' (stays), '-' (goes) or '+' (comes), a new chunk with '@@'"
        )

    def _fault(self, what: str) -> PatchError:
        return PatchError(f"Invalid patch hunk on line {self._at + 1}: {what}.")
