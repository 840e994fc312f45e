"""Differences as a fake GitLab shows them."""

from __future__ import annotations

from typing import Any

from tests.support.forge_state import Hosted


def diffs(hosted: Hosted, old: str, new: str) -> list[dict[str, Any]]:
    """The files that differ, with their hunks."""
    found = []
    for name in hosted.git("diff", "--name-only", old, new).splitlines():
        text = hosted.git("diff", old, new, "--", name)
        hunks = text[text.index("@@") :] + "\n" if "@@" in text else ""
        found.append(
            {
                "old_path": name, "new_path": name, "diff": hunks, "new_file": "\nnew file mode" in text,
                "deleted_file": "\ndeleted file mode" in text, "renamed_file": False, "b_mode": "100644",
            }
        )  # fmt: skip
    return found


def sides(text: str) -> dict[int, int]:
    """New line to old line, 0 for an added one; worked out anew here, so that the client's way is put to the test."""
    found, old, new = {}, 0, 0
    for line in text.splitlines():
        if line.startswith("@@"):
            left, right = line.split(" ")[1:3]
            old, new = int(left[1:].split(",")[0]) - 1, int(right[1:].split(",")[0]) - 1
        elif line[:1] == "-":
            old += 1
        elif line[:1] == "+":
            new += 1
            found[new] = 0
        elif line[:1] == " ":
            old, new = old + 1, new + 1
            found[new] = old
    return found
