"""What is to be reviewed: a change of the person's repository as one commit on its base, and what its people say that
matters in reviews."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from midwatch.agent import instructions
from midwatch.domain.errors import InputError
from midwatch.domain.evidence import FileChange
from midwatch.domain.ids import new_task_id
from midwatch.domain.task import Base, Task
from midwatch.engine.store.records import now
from midwatch.workflows.start import Surroundings, host_tools
from midwatch.workspace import bases, objects
from midwatch.workspace.git import Git
from midwatch.workspace.repository import Repository

RULES = "code review rules"
"""The heading in an AGENTS.md below which they stand."""
RULES_CAP = 8 << 10
"""Characters of all of them together."""
_HEADING = re.compile(r"(#{1,6})\s+(.*?)\s*#*\s*")


@dataclass(frozen=True, slots=True)
class Wish:
    """What a person wants reviewed: at most one of the first three; none for their uncommitted changes when there are
    any, else all that the current branch has and the default branch has not."""

    uncommitted: bool = False
    base: str = ""
    """All that the current branch has and this one has not."""
    commit: str = ""
    """What this one changes."""
    head: str = ""
    """The commit that is reviewed in place of what is checked out, with `base`; it need be on no branch."""
    focus: str = ""
    """What to look at, in the person's words."""
    repository: str = "."
    sandbox: str | None = None


async def make_review(wish: Wish, repository: Repository, around: Surroundings) -> Task:
    """The exact task: the change as one commit in the store. Nothing of the person's is touched. Raises InputError for
    what cannot be had, and when there is nothing to review."""
    base, what = await _change(wish, repository)
    task_id = new_task_id()
    await repository.keep(f"reviews/{task_id}", base.commit)
    checks, tools = await host_tools(repository, around, base.commit)
    return Task(
        id=task_id,
        prompt=f"Review {what}" + (f": {wish.focus}" if wish.focus else ""),
        repository=repository.location,
        base=base,
        branch="",
        model=around.model,
        checks=checks,
        checks_from="none",
        limits=around.limits,
        sandbox=around.sandbox,
        environment=tools.variables,
        mounts=tuple(map(str, tools.read_only)),
        masked=tuple(map(str, tools.masked)),
        path=tools.path,
        notes=(base.note,) if base.note else (),
        created=now(),
        kind="review",
        mode="read-only",
    )


async def parent_of(repository: Repository, task: Task) -> str:
    """The commit that the change stands on; empty when it is a repository's first."""
    return ((await objects.commit_facts(repository.git, task.base.commit))[1] or ("",))[0]


async def changed(repository: Repository, task: Task) -> tuple[FileChange, ...]:
    """The files of the change."""
    parent = await parent_of(repository, task)
    return await repository.stat(parent or await _empty_tree(repository.git), task.base.commit)


async def rules(repository: Repository, commit: str, changes: Sequence[FileChange]) -> str:
    """What the AGENTS.md files nearest to the changed files say under `Code Review Rules`, as of `commit`: before the
    change, which cannot change the rules that it is judged by. Empty when they say nothing."""
    if not commit:
        return ""
    folders = {""}
    for change in changes:
        parts = change.path.split("/")[:-1]
        folders |= {"/".join(parts[:count]) for count in range(1, len(parts) + 1)}
    names = [f"{folder}/{name}".lstrip("/") for folder in sorted(folders) for name in instructions.NAMES]
    contents = await objects.read_files(repository.git, commit, names)
    return told_rules(contents)


def told_rules(contents: Mapping[str, bytes]) -> str:
    """The rules of these AGENTS.md files, by path, as a model reads them."""
    parts, left = [], RULES_CAP
    counting = {instructions.nearest(path.rpartition("/")[0], contents) for path in contents}
    for path in sorted(counting):
        text = _below_heading(contents[path].decode("utf-8", "replace"))[:left]
        left -= len(text)
        if text:
            folder = path.rpartition("/")[0]
            parts.append(f'<review-rules from="{path}" for="{folder}/">\n{text}\n</review-rules>')
    return "\n".join(parts)


def _below_heading(text: str) -> str:
    found: list[str] = []
    level = 0
    for line in text.splitlines():
        heading = _HEADING.fullmatch(line)
        if heading and level and len(heading[1]) <= level:
            level = 0
        if level:
            found.append(line)
        elif heading and heading[2].lower() == RULES:
            level = len(heading[1])
    return "\n".join(found).strip()


async def _change(wish: Wish, repository: Repository) -> tuple[Base, str]:
    """The change as a commit on its base, and what it is, in words."""
    if wish.commit:
        return await _of_commit(wish.commit, repository)
    if wish.head:
        await repository.obtain(wish.head)
        return await _since(wish.base, await repository.resolve(wish.head), repository)
    head = await repository.resolve(None)
    place = repository.place
    if wish.uncommitted or (not wish.base and place is not None and place.top and await bases.uncommitted(place)):
        base = await repository.include_uncommitted(head)
        if base.commit == head.commit:
            raise InputError("there are no uncommitted changes to review", "name --base or --commit")
        return base, f"the uncommitted changes on {head.ref}"
    return await _since(wish.base or await _default_branch(repository), head, repository)


async def _of_commit(name: str, repository: Repository) -> tuple[Base, str]:
    base = await repository.resolve(name)
    base = replace(base, note=bases.without_uncommitted(base.note))
    what = f"commit {base.commit[:12]}"
    parents = (await objects.commit_facts(repository.git, base.commit))[1]
    if len(parents) < 2:
        return base, what
    commit = await repository.commit(base.tree, parents[0], f"{what}, against its first parent\n", now())
    return replace(base, commit=commit), what


async def _since(name: str, head: Base, repository: Repository) -> tuple[Base, str]:
    other = await repository.resolve(name)
    found = await repository.git.ask("merge-base", other.commit, head.commit)
    start = found.stdout.decode().strip()
    if found.code != 0 or not start:
        raise InputError(f"{name} and what is checked out have no common history", "name another --base")
    if start == head.commit:
        raise InputError(
            f"there is nothing to review: {name} has all that is checked out, and no file has changed since",
            "name --base or --commit",
        )
    commit = await repository.commit(head.tree, start, f"All since {name}\n", now())
    return replace(head, commit=commit), f"the changes of {head.ref} since {name}"


async def _default_branch(repository: Repository) -> str:
    place = repository.place
    git = place.git() if place is not None else repository.git
    remote = await git.ask("symbolic-ref", "--quiet", "--short", "refs/remotes/origin/HEAD")
    if remote.code == 0:
        return remote.stdout.decode("utf-8", "surrogateescape").strip()
    for name in ("main", "master"):
        if (await git.ask("rev-parse", "--verify", "--quiet", f"refs/heads/{name}")).code == 0:
            return name
    raise InputError("it is not known which branch is the default one here", "name it with --base")


async def _empty_tree(git: Git) -> str:
    return (await git.run("mktree", stdin=b"")).decode().strip()
