"""Text that is nobody's wish: what issues, pages, logs and tools say, marked so that a model can tell it from its task.

The mark is advice to the model. What holds when a model takes no notice is that nothing that it does, whoever asked for
it, reaches further than the sandbox and the mode of the task.
"""

from __future__ import annotations

import re

TRUSTED = ("person", "harness", "repository")
"""Authors of messages whose words are not wrapped: instructions of a repository have a mark of their own."""
CAP = 64 << 10
"""Characters of one text."""


def sealed(text: str, tag: str) -> str:
    """The text with nothing in it that could end a block `<tag>` or begin another."""
    return re.sub(rf"<(?=\s*(?:/\s*)?{tag}\b)", "&lt;", text, flags=re.IGNORECASE)


def as_data(source: str, text: str) -> str:
    """`<data from="…">`, the text, `</data>`. The text can neither end the block nor begin another; past CAP its middle
    is left out. What is stored is wrapped when it is shown, so this never changes for what has been shown."""
    name = re.sub(r"[^\w .,:/@#+()-]", "_", " ".join(source.split()))[:200] or "somewhere"
    clean = text.replace("\0", "").encode("utf-8", "replace").decode()
    if len(clean) > CAP:
        half = CAP // 2
        clean = f"{clean[:half]}\n[… {len(clean) - 2 * half} characters left out]\n{clean[-half:]}"
    return f'<data from="{name}">\n{sealed(clean, "data")}\n</data>'


def told(author: str, text: str) -> str:
    """A message as the model reads it: as it is from those whose words count, else as data."""
    return text if author in TRUSTED else as_data(author, text)
