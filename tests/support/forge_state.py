"""What a fake forge has: people, repositories (real git), issues, pull requests and what is said below them. Knows no
dialect: `forge_github.py` and its like put it into a forge's own words."""

from __future__ import annotations

import atexit
import contextlib
import functools
import itertools
import os
import re
import shutil
import subprocess
import tempfile
import threading
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, Literal, TypedDict, Unpack

from tests.support.repositories import IDENTITY

_COMMIT = re.compile(r"[0-9a-f]{40}")
_HOOK = """#!/bin/sh
if grep -qxF "$1" "$GIT_DIR/protected" 2>/dev/null; then
  echo "error: GH006: Protected branch update failed for $1." >&2
  exit 1
fi
"""


@dataclass
class Person:
    """Somebody with a token. `scopes` is what a token of an app opens; empty for all."""

    login: str
    token: str
    app: bool = False
    number: int = 0
    scopes: tuple[str, ...] = ()


@dataclass
class Said:
    """A remark: `comment` below, `line` beside a line, `review` for a review's own words; `note`: by the forge."""

    number: int
    kind: Literal["comment", "line", "review", "note"]
    author: str
    body: str
    created: str
    path: str = ""
    line: int = 0
    commit: str = ""
    review: int = 0
    state: str = "COMMENTED"
    reactions: list[tuple[str, str]] = field(default_factory=list)
    """Login and reaction."""


@dataclass
class Given:
    """That a label was put on, or somebody was assigned."""

    number: int
    what: Literal["labelled", "assigned"]
    subject: str
    by: str
    at: str


@dataclass
class Run:
    """A CI run on a commit that has ended."""

    number: int
    name: str
    commit: str
    branch: str
    failed: bool
    at: str


@dataclass
class Thread:
    """An issue; a pull request where `head` is set."""

    number: int
    title: str
    body: str
    author: str
    created: str
    updated: str
    state: Literal["open", "closed", "merged"] = "open"
    labels: list[str] = field(default_factory=list)
    assignees: list[str] = field(default_factory=list)
    reviewers: list[str] = field(default_factory=list)
    said: list[Said] = field(default_factory=list)
    given: list[Given] = field(default_factory=list)
    reactions: list[tuple[str, str]] = field(default_factory=list)
    head: str = ""
    base: str = ""
    draft: bool = False
    head_commit: str = ""
    """As it was last seen; kept when the branch is gone."""
    base_commit: str = ""
    merge_commit: str = ""
    rewritten: bool = False
    """Its branch was written anew or deleted while it was closed."""


@dataclass
class Hosted:
    """A repository."""

    slug: str
    folder: Path
    number: int
    default_branch: str = "main"
    archived: bool = False
    public: bool = True
    """Whether git may be read from it without a token."""
    drafts: bool = True
    """Whether it takes drafts."""
    merge_ways: tuple[str, ...] = ("merge", "squash", "rebase")
    access: dict[str, str] = field(default_factory=dict)
    """admin, write or read, by login."""
    threads: dict[int, Thread] = field(default_factory=dict)
    labels: list[str] = field(default_factory=list)
    """Made for it, whether anything has them or not."""
    statuses: list[dict[str, Any]] = field(default_factory=list)
    """Of commits: sha, name, state, summary, text, url, author, id, run (whether it is a check run)."""
    runs: list[Run] = field(default_factory=list)
    _bases: dict[tuple[str, str], str] = field(default_factory=dict)
    _conflicts: dict[tuple[str, str], list[str]] = field(default_factory=dict)
    """Of two commits each, which have the same ones for ever."""

    def git(self, *args: str, stdin: str | None = None, check: bool = True) -> str:
        """Run git in it; its stdout without the last newline."""
        environment = {**os.environ, **IDENTITY, "GIT_CONFIG_GLOBAL": "/dev/null"}
        command = ["git", "-c", "safe.directory=*", f"--git-dir={self.folder}", *args]
        done = subprocess.run(command, input=stdin, env=environment, capture_output=True, text=True, check=False)
        assert not check or done.returncode == 0, done.stderr
        return done.stdout.removesuffix("\n") if done.returncode == 0 else ""

    def tip(self, name: str) -> str:
        """The commit of a branch, or what a commit's id names; empty for none."""
        found = "" if _COMMIT.fullmatch(name) else self._branch(name)
        return found or self.git("rev-parse", "--verify", "--quiet", f"{name}^{{commit}}", check=False)

    def has(self, new: str, old: str) -> bool:
        """Whether a commit has another in its history; by their ids."""
        if not self._bases.get((old, new)):
            self._bases[old, new] = self.git("merge-base", old, new, check=False)
        return self._bases[old, new] == old

    def branches(self) -> dict[str, str]:
        """All, with their commits."""
        heads = self.folder / "refs" / "heads"
        names = (os.path.relpath(Path(root, name), heads) for root, _, names in os.walk(heads) for name in names)
        found = {name: self._branch(name) for name in sorted(names) if not name.endswith(".lock")}
        return {name: commit for name, commit in found.items() if commit}

    def _branch(self, name: str) -> str:
        """Its commit, empty for none. Nearly every request asks, and a program of git takes longer than its file."""
        assert not (self.folder / "packed-refs").exists(), "nobody packs branches here"
        with contextlib.suppress(OSError):
            return (self.folder / "refs" / "heads" / name).read_text().strip()
        return ""

    @property
    def pulls(self) -> list[Thread]:
        """The pull requests, the oldest first."""
        return [thread for thread in self.threads.values() if thread.head]

    def remark(self, number: int) -> tuple[Thread, Said] | None:
        """The remark of that number, and where it stands."""
        return next(((t, said) for t in self.threads.values() for said in t.said if said.number == number), None)

    def protect(self, branch: str) -> None:
        """Let nobody push to a branch."""
        with (self.folder / "protected").open("a") as file:
            file.write(f"refs/heads/{branch}\n")

    def protections(self) -> list[str]:
        """The branches to which nobody may; patterns are possible."""
        rules = self.folder / "protected"
        return [line.removeprefix("refs/heads/") for line in rules.read_text().splitlines()] if rules.exists() else []

    def protected(self, branch: str) -> bool:
        """Whether nobody may."""
        return branch in self.protections()

    def conflicts(self, thread: Thread) -> list[str]:
        """The files on which it does not merge."""
        base = self.tip(thread.base)
        if not base:
            return []
        if (base, thread.head_commit) not in self._conflicts:
            command = ["git", "-c", "safe.directory=*", f"--git-dir={self.folder}", "merge-tree", "--write-tree",
                       "--name-only", "--no-messages", base, thread.head_commit]  # fmt: skip
            done = subprocess.run(command, capture_output=True, text=True, check=False)
            found = sorted(set(done.stdout.split("\n")[1:]) - {""}) if done.returncode == 1 else []
            self._conflicts[base, thread.head_commit] = found
        return self._conflicts[base, thread.head_commit]

    def merge(self, thread: Thread, who: str) -> str:
        """A merge commit on its base branch; the id."""
        base = self.tip(thread.base)
        tree = self.git("merge-tree", "--write-tree", base, thread.head_commit)
        message = f"Merge pull request #{thread.number} from {thread.head}\n\nby {who}\n"
        commit = self.git("commit-tree", tree, "-p", base, "-p", thread.head_commit, stdin=message)
        self.git("update-ref", f"refs/heads/{thread.base}", commit, base)
        return commit


class Opening(TypedDict, total=False):
    """What an issue or a pull request may begin with."""

    head: str
    base: str
    draft: bool
    labels: tuple[str, ...]


class Forge:
    """All of it. Its methods are what people do there; `happened` has what came of it."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.people: dict[str, Person] = {}
        self.repositories: dict[str, Hosted] = {}
        self.moved: dict[str, str] = {}
        """Old names, in lower case, and the new ones."""
        self.closes_with_its_branch = True
        """Whether a pull request is closed when its branch is deleted."""
        self.lock = threading.RLock()
        self.happened: list[tuple[str, Hosted, Thread | None, dict[str, Any]]] = []
        """What, where, to which issue or pull request, and more: for webhooks."""
        self.began = datetime(2026, 1, 1, tzinfo=UTC)
        self._ids = itertools.count(1001)
        self._ticks = itertools.count()

    def now(self) -> str:
        """A later second each time."""
        moment = self.began + timedelta(seconds=next(self._ticks))
        return moment.strftime("%Y-%m-%dT%H:%M:%SZ")

    def next_id(self) -> int:
        """A number that nothing else has."""
        return next(self._ids)

    def person(self, login: str, token: str = "", *, app: bool = False) -> Person:
        """Somebody new, with a token."""
        made = Person(login, token or f"token-of-{login}-{self.next_id()}", app, self.next_id())
        self.people[made.token] = made
        return made

    def named(self, login: str) -> Person | None:
        """Who has that login."""
        return next((one for one in self.people.values() if one.login == login), None)

    def repository(self, slug: str, **access: str) -> Hosted:
        """A new repository with one commit on `main` (a.txt), and who may do what there."""
        folder = self.root / f"{slug}.git"
        shutil.copytree(_begun(), folder)
        hosted = Hosted(slug, folder, self.next_id(), access=dict(access))
        self.repositories[slug.lower()] = hosted
        return hosted

    def write(self, hosted: Hosted, branch: str, files: dict[str, str], message: str = "theirs") -> str:
        """Somebody pushes a commit with these files changed (by name at the top, or `folder/name`); its id."""
        parent = hosted.tip(branch) or hosted.tip(hosted.default_branch)
        index = {**os.environ, **IDENTITY, "GIT_INDEX_FILE": str(hosted.folder / f"index-{self.next_id()}")}

        def git(*args: str, stdin: str | None = None) -> str:
            command = ["git", "-c", "safe.directory=*", f"--git-dir={hosted.folder}", *args]
            done = subprocess.run(command, input=stdin, env=index, capture_output=True, text=True, check=True)
            return done.stdout.strip()

        if parent:
            git("read-tree", parent)
        else:  # the first commit is the same everywhere
            index |= {"GIT_AUTHOR_DATE": "2026-01-01T00:00:00Z", "GIT_COMMITTER_DATE": "2026-01-01T00:00:00Z"}
        for name, text in files.items():
            blob = git("hash-object", "-w", "--stdin", stdin=text)
            git("update-index", "--add", "--cacheinfo", f"100644,{blob},{name}")
        commit = git("commit-tree", git("write-tree"), *(("-p", parent) if parent else ()), stdin=message)
        Path(index["GIT_INDEX_FILE"]).unlink(missing_ok=True)
        before = hosted.branches()
        hosted.git("update-ref", f"refs/heads/{branch}", commit)
        self.pushed(hosted, before)
        return commit

    def rename(self, hosted: Hosted, slug: str) -> None:
        """Give a repository another name; the old one leads there."""
        folder = self.root / f"{slug}.git"
        folder.parent.mkdir(parents=True, exist_ok=True)
        hosted.folder.rename(folder)
        self.moved[hosted.slug.lower()] = slug
        self.repositories[slug.lower()] = self.repositories.pop(hosted.slug.lower())
        hosted.slug, hosted.folder = slug, folder

    def delete_branch(self, hosted: Hosted, branch: str) -> None:
        """The branch is gone."""
        before = hosted.branches()
        hosted.git("update-ref", "-d", f"refs/heads/{branch}")
        self.pushed(hosted, before)

    def pushed(self, hosted: Hosted, before: dict[str, str]) -> None:
        """What follows from branches that have moved."""
        after = hosted.branches()
        for thread in hosted.threads.values():
            old, new = before.get(thread.head), after.get(thread.head)
            if not thread.head or old == new or thread.state == "merged":
                continue
            if thread.state == "closed":
                thread.rewritten |= not new or not hosted.has(new, thread.head_commit)
            elif not new and not self.closes_with_its_branch:
                continue
            elif not new:
                thread.state, thread.updated = "closed", self.now()
                self.tell("closed", hosted, thread)
            else:
                thread.head_commit, thread.updated = new, self.now()
                self.tell("synchronised", hosted, thread, before=old or "")

    def tell(self, what: str, hosted: Hosted, thread: Thread | None, **more: Any) -> None:
        """Note what has happened; those who wait for webhooks read it."""
        self.happened.append((what, hosted, thread, more))

    def open(self, hosted: Hosted, author: str, title: str, body: str = "", **more: Unpack[Opening]) -> Thread:
        """An issue; with a head and a base a pull request."""
        number, now = len(hosted.threads) + 1, self.now()
        made = Thread(number, title, body, author, now, now)
        made.head, made.base = more.get("head", ""), more.get("base", "")
        made.draft, made.labels = more.get("draft", False), list(more.get("labels", ()))
        if made.head:
            made.head_commit, made.base_commit = hosted.tip(made.head), hosted.tip(made.base)
        hosted.threads[number] = made
        self.tell("opened", hosted, made, sender=author)
        for label in made.labels:
            made.given.append(Given(self.next_id(), "labelled", label, author, now))
            self.tell("labelled", hosted, made, label=label, sender=author)
        return made

    def label(self, hosted: Hosted, thread: Thread, label: str, sender: str) -> None:
        """Put a label on."""
        if label not in thread.labels:
            thread.labels.append(label)
            thread.updated = self.now()
            thread.given.append(Given(self.next_id(), "labelled", label, sender, thread.updated))
            self.tell("labelled", hosted, thread, label=label, sender=sender)

    def assign(self, hosted: Hosted, thread: Thread, login: str, sender: str) -> None:
        """Give it to somebody."""
        thread.assignees.append(login)
        thread.updated = self.now()
        thread.given.append(Given(self.next_id(), "assigned", login, sender, thread.updated))
        self.tell("assigned", hosted, thread, assignee=login, sender=sender)

    def say(self, hosted: Hosted, thread: Thread, author: str, body: str) -> Said:
        """A remark below."""
        said = Said(self.next_id(), "comment", author, body, self.now())
        thread.said.append(said)
        thread.updated = said.created
        self.tell("said", hosted, thread, said=said, sender=author)
        return said

    def judge(
        self, hosted: Hosted, thread: Thread, author: str, body: str, beside: list[tuple[str, int, str]],
        state: str = "COMMENTED",
    ) -> Said:  # fmt: skip
        """A review with remarks beside lines."""
        review = Said(self.next_id(), "review", author, body, self.now(), commit=thread.head_commit, state=state)
        thread.said.append(review)
        for path, line, text in beside:
            said = Said(self.next_id(), "line", author, text, self.now(), path, line, thread.head_commit, review.number)
            thread.said.append(said)
        thread.updated = self.now()
        self.tell("judged", hosted, thread, said=review, sender=author)
        return review

    def ran(self, hosted: Hosted, commit: str, name: str, *, failed: bool) -> Run:
        """A CI run has ended on a commit."""
        branch = next((name for name, tip in hosted.branches().items() if tip == commit), "")
        made = Run(self.next_id(), name, commit, branch, failed, self.now())
        hosted.runs.append(made)
        self.tell("ran", hosted, None, run=made, sender="ci")
        return made

    def settle(self, hosted: Hosted, thread: Thread, state: Literal["open", "closed", "merged"], sender: str) -> None:
        """Merge, close or open again."""
        if state == "merged":
            thread.merge_commit = hosted.merge(thread, sender)
        thread.state, thread.updated = state, self.now()
        self.tell("reopened" if state == "open" else "closed", hosted, thread, sender=sender)

    def allowed(self, hosted: Hosted, who: Person | None, level: str) -> bool:
        """Whether somebody may read or write there."""
        if level == "read" and hosted.public:
            return True
        if who is None or (who.scopes and hosted.slug.lower() not in who.scopes):
            return False
        levels = ("none", "read", "write", "admin")
        return levels.index(hosted.access.get(who.login, "none")) >= levels.index(level)


@functools.cache
def _begun() -> Path:
    """A repository as each begins. It takes ten programs of git, and is copied therefore."""
    aside = Path(tempfile.mkdtemp())
    atexit.register(shutil.rmtree, aside, ignore_errors=True)
    folder = aside / "begun.git"
    command = ["git", "init", "-q", "--bare", "-b", "main", "--template=", str(folder)]
    subprocess.run(command, check=True, capture_output=True)
    with (folder / "config").open("a") as config:
        config.write("[http]\nreceivepack = true\n[uploadpack]\nallowAnySHA1InWant = true\nallowFilter = true\n")
    hook = folder / "hooks" / "update"
    hook.parent.mkdir()
    hook.write_text(_HOOK)
    hook.chmod(0o755)
    Forge(aside).write(Hosted("begun", folder, 0), "main", {"a.txt": "one\ntwo\nthree\n"}, "first")
    return folder
