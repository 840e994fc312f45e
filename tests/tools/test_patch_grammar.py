"""The grammar by which a model may write a patch, read by the parser of another project."""

from __future__ import annotations

import lark
import pytest

from midwatch.tools.patch.grammar import LARK
from midwatch.tools.patch.parse import parse

GRAMMAR = lark.Lark(LARK)

HEADER = "*** Begin Patch\n*** Update File: a\n"
PATCHES = [
    "*** Begin Patch\n*** Add File: a.py\n+x = 1\n+\n*** End Patch\n",
    "*** Begin Patch\n*** Add File: empty\n*** End Patch",
    "*** Begin Patch\n*** Delete File: a b.py\n*** End Patch\n",
    "*** Begin Patch\n*** Update File: a.py\n*** Move to: b.py\n*** End Patch\n",
    "*** Begin Patch\n*** Update File: a.py\n x\n-y\n+z\n*** End Patch\n",
    HEADER + "@@ class A:\n@@     def f(self):\n \n-y\n+z\n@@\n-q\n*** End of File\n*** End Patch",
    HEADER + "*** Move to: b\n@@\n-x\n+y\n*** Delete File: c\n*** Add File: d\n+\n*** End Patch",
]


@pytest.mark.parametrize("text", PATCHES)
def test_a_patch_that_the_grammar_allows_is_one_that_the_tool_reads(text: str) -> None:
    GRAMMAR.parse(text)
    assert parse(text)


@pytest.mark.parametrize(
    "text",
    [
        "*** Begin Patch\n*** End Patch\n",
        "*** Begin Patch\n*** Update File: a.py\n*** End Patch\n",
        "*** Begin Patch\n*** Add File: a.py\nx = 1\n*** End Patch\n",
        '{"patch": "*** Begin Patch\\n*** Delete File: a\\n*** End Patch"}',
        "*** Begin Patch\n*** Delete File: a.py\n",
    ],
)
def test_what_is_no_patch_cannot_be_written_by_it(text: str) -> None:
    with pytest.raises(lark.exceptions.UnexpectedInput):
        GRAMMAR.parse(text)
