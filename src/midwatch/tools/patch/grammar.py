"""The words of the patch format.

    patch     = "*** Begin Patch", ["*** Environment ID: " id], operation, operation …, "*** End Patch"
    operation = "*** Add File: " path, lines with "+"
              | "*** Delete File: " path
              | "*** Update File: " path, ["*** Move to: " path], chunks
    chunk     = headers ("@@" or "@@ a line of the file", any number; the first chunk needs none),
                lines with " " (stays), "-" (goes) or "+" (comes), ["*** End of File"]

An empty line in a chunk is an empty line that stays. An update needs a chunk, a move, or both.
"""

from __future__ import annotations

from dataclasses import dataclass

BEGIN = "*** Begin Patch"
END = "*** End Patch"
ENVIRONMENT = "*** Environment ID:"
ADD = "*** Add File:"
DELETE = "*** Delete File:"
UPDATE = "*** Update File:"
MOVE = "*** Move to:"
END_OF_FILE = "*** End of File"
HEADER = "@@"

KEPT, GONE, NEW = " ", "-", "+"

LARK = r"""start: "*** Begin Patch" NL operation+ "*** End Patch" NL?
operation: add | delete | update
add: "*** Add File: " REST NL ("+" REST? NL)*
delete: "*** Delete File: " REST NL
update: "*** Update File: " REST NL (move changes? | changes)
move: "*** Move to: " REST NL
changes: lines chunk* | chunk+
chunk: ("@@" NL | "@@ " REST NL)+ lines
lines: (/[ +-]/ REST? NL)+ ("*** End of File" NL)?
REST: /[^\n]+/
NL: /\n/
"""
"""The same as a grammar for models that write by one: only the strict form, of which parse.py forgives much."""


class PatchError(Exception):
    """The patch cannot be applied, and nothing was changed. The text tells the model what is wrong and what to do."""


@dataclass(frozen=True, slots=True)
class Line:
    """One line of a chunk. `bare` is an empty line without its leading blank: perhaps only layout."""

    kind: str
    text: str
    bare: bool = False


@dataclass(frozen=True, slots=True)
class Chunk:
    """One change of a file. `number` is its line in the patch, for messages."""

    headers: tuple[str, ...]
    lines: tuple[Line, ...]
    end_of_file: bool
    number: int

    @property
    def old(self) -> list[str]:
        """The lines that must be in the file."""
        return [line.text for line in self.lines if line.kind != NEW]

    @property
    def new(self) -> list[str]:
        """The lines that will be there instead."""
        return [line.text for line in self.lines if line.kind != GONE]


@dataclass(frozen=True, slots=True)
class Add:
    """A new file, or a new content for one that is there."""

    path: str
    content: str


@dataclass(frozen=True, slots=True)
class Delete:
    """A file to remove."""

    path: str


@dataclass(frozen=True, slots=True)
class Update:
    """Changes to a file, a new name for it, or both."""

    path: str
    move_to: str
    chunks: tuple[Chunk, ...]


Operation = Add | Delete | Update
