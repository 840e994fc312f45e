"""A checkpoint as a patch that another repository can take: what `git format-patch` writes and `git am` reads."""

from __future__ import annotations

from midwatch.domain.evidence import Checkpoint
from midwatch.domain.task import Base
from midwatch.workspace.repository import Repository

_FORMAT = (
    "format-patch", "--stdout", "--binary", "--full-index", "--no-ext-diff", "--no-textconv", "--no-color",
    "--src-prefix=a/", "--dst-prefix=b/", "-M", "--no-signature", "--encode-email-headers", "--subject-prefix=PATCH",
)  # fmt: skip


async def export(repository: Repository, base: Base, checkpoint: Checkpoint, message: str, when: str) -> bytes:
    """The work of a checkpoint since its base as one mail with the commit's message; binary files are written out,
    ignored files are not in it. Empty when nothing was changed. `when` is ISO 8601; the same arguments give the same
    bytes. Costs what changed. Raises GitError when the store lacks an object."""
    if checkpoint.tree == base.tree:
        return b""
    commit = await repository.commit(checkpoint.tree, base.commit, message, when)
    return await repository.git.run(*_FORMAT, f"{base.commit}..{commit}", "--")
