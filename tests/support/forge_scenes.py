"""Forges of all kinds with commits that are ready to be proposed: what the conformance suite plays in.

A forge on the network joins by an entry in `NETWORK`."""

from __future__ import annotations

import atexit
import shutil
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Protocol

import pytest

from midwatch.domain.errors import InputError
from midwatch.domain.forge import Extras, Issue
from midwatch.domain.pull_request import Proposal
from midwatch.forges.base import Forge
from midwatch.forges.book import Book
from midwatch.forges.credentials import Credential, FixedToken
from midwatch.forges.fake import FakeForge
from midwatch.forges.forgejo.site import Forgejo
from midwatch.forges.github.site import GitHub
from midwatch.forges.gitlab.site import GitLab
from midwatch.forges.local import LocalForge
from midwatch.forges.network import NetworkForge
from midwatch.forges.news import Head, Told
from midwatch.forges.site import Site
from midwatch.forges.stamps import Stamps
from midwatch.forges.where import api_of
from midwatch.workspace.repository import Repository
from tests.support.forge_forgejo import ForgejoDialect
from tests.support.forge_github import GitHubDialect
from tests.support.forge_gitlab import GitLabDialect
from tests.support.forge_gitlab_hooks import iid
from tests.support.forge_server import Dialect, ForgeServer, serving
from tests.support.forge_state import Forge as People
from tests.support.forge_state import Hosted, Person, Thread
from tests.support.repositories import UserRepository

WHEN = "2026-01-01T00:00:00Z"
BRANCH = "midwatch/fix-task1"
SLUG = "ann/shelf"


WAITED: list[float] = []
"""The pauses that were asked for, in seconds."""


async def no_pause(seconds: float) -> None:
    """Waits for nothing, and notes it."""
    WAITED.append(seconds)


@dataclass(frozen=True)
class Kind:
    """A forge on the network: how its fake speaks, and what asks it."""

    dialect: Callable[[], Dialect]
    site: Callable[[str, Credential], Site]
    """By its web address."""
    closes_with_its_branch: bool
    """Whether a pull request is closed when its branch is deleted."""
    creates: str
    """Pattern of the paths that make a pull request."""
    remarks: str
    """Pattern of the paths that make a remark."""
    merges: tuple[str, str]
    """Method, and pattern of the paths that merge."""
    api: str
    """Pattern of all paths of the API."""
    bot: str = "midwatch-bot"
    level: str = "write"
    """What it may do in its repository: Forgejo tells administrators alone what others may do."""
    number: Callable[[Hosted, Thread], int] = lambda hosted, issue: issue.number
    """Of an issue, as the contract has it."""


def _github(web: str, credential: Credential) -> Site:
    return GitHub("work", credential, web, api_of("github", web, ""), no_pause)


def _gitlab(web: str, credential: Credential) -> Site:
    return GitLab("work", credential, web, api_of("gitlab", web, ""), no_pause)


def _forgejo(web: str, credential: Credential) -> Site:
    return Forgejo("work", credential, web, api_of("forgejo", web, ""), no_pause)


NETWORK: dict[str, Kind] = {
    "github": Kind(
        GitHubDialect, _github, closes_with_its_branch=True, creates=r"/pulls$", remarks=r"/issues/\d+/comments$",
        merges=("PUT", r"/merge$"), api=r"^/api/v3/",
    ),
    "gitlab": Kind(
        GitLabDialect, _gitlab, closes_with_its_branch=False, creates=r"/merge_requests$", remarks=r"/\d+/notes$",
        merges=("PUT", r"/merge$"), api=r"^/api/v4/", number=lambda where, issue: -iid(where, issue),
    ),
    "forgejo": Kind(
        ForgejoDialect, _forgejo, closes_with_its_branch=True, creates=r"/pulls$", remarks=r"/issues/\d+/comments$",
        merges=("POST", r"/merge$"), api=r"^/api/v1/", level="admin",
    ),
}  # fmt: skip


class World(Protocol):
    """Where a forge keeps its repositories, and what other people do there."""

    @property
    def forge(self) -> Forge:
        """What is tried."""

    @property
    def where(self) -> str:
        """The repository."""

    @property
    def closes_with_its_branch(self) -> bool:
        """Whether a pull request is closed when its branch is deleted."""

    def pushes(self, branch: str) -> None:
        """Somebody else pushes a commit to a branch."""

    def deletes(self, branch: str) -> None:
        """Somebody deletes a branch."""

    def conflicts(self) -> None:
        """The base branch changes the line that the proposals change."""

    def base(self) -> str:
        """The commit of the base branch."""

    def issue(self, title: str, body: str) -> int | None:
        """Somebody opens an issue; None where there are none."""


@dataclass
class FakeWorld:
    """Of the fake."""

    forge: FakeForge
    where: str
    closes_with_its_branch: bool = False

    def pushes(self, branch: str) -> None:
        self.forge.branches[self.where, branch] = "f" * 40

    def deletes(self, branch: str) -> None:
        del self.forge.branches[self.where, branch]

    def conflicts(self) -> None:
        self.forge.conflicts = ("a.txt",)

    def base(self) -> str:
        return self.forge.branches.get((self.where, "main"), "")

    def issue(self, title: str, body: str) -> int | None:
        self.forge.logins[self.where, "ann"] = "write"
        self.forge.issues[self.where, 70] = Issue(70, title, body, "ann", "open", ("bug",), (), "fake:70")
        return 70


@dataclass
class LocalWorld:
    """A person's own repository."""

    forge: LocalForge
    user: UserRepository
    closes_with_its_branch: bool = False

    @property
    def where(self) -> str:
        return str(self.user.path)

    def pushes(self, branch: str) -> None:
        tree = self.user.git("rev-parse", "HEAD^{tree}")
        self.user.git("update-ref", f"refs/heads/{branch}", self.user.git("commit-tree", "-m", "theirs", tree))

    def deletes(self, branch: str) -> None:
        self.user.git("branch", "-q", "-D", branch)

    def conflicts(self) -> None:
        self.user.write("a.txt", "theirs\n")
        self.user.commit("theirs")

    def base(self) -> str:
        return self.user.git("rev-parse", "main")

    def issue(self, title: str, body: str) -> int | None:
        return None


@dataclass
class NetworkWorld:
    """A fake forge server and a connection to it."""

    kind: Kind
    server: ForgeServer
    hosted: Hosted
    bot: Person
    site: Site
    forge: NetworkForge
    wanted: Extras = Extras()  # noqa: RUF009  it is frozen

    @property
    def where(self) -> str:
        return self.server.url(self.hosted.slug)

    @property
    def closes_with_its_branch(self) -> bool:
        return self.kind.closes_with_its_branch

    def pushes(self, branch: str) -> None:
        self.server.forge.write(self.hosted, branch, {"theirs.txt": "theirs\n"})

    def deletes(self, branch: str) -> None:
        self.server.forge.delete_branch(self.hosted, branch)

    def conflicts(self) -> None:
        self.server.forge.write(self.hosted, "main", {"a.txt": "theirs\n"})

    def base(self) -> str:
        return self.hosted.tip("main")

    def issue(self, title: str, body: str) -> int | None:
        return self.kind.number(self.hosted, self.server.forge.open(self.hosted, "ann", title, body, labels=("bug",)))

    @property
    def pulls(self) -> list[Thread]:
        """The pull requests that there are."""
        return self.hosted.pulls


@dataclass
class Scene:
    """A forge, and two commits to propose to it, each on the base commit."""

    world: Any
    """A World; of a test of one forge alone, that one's."""
    store: Path
    """The git folder that has the commits."""
    base_commit: str
    commits: tuple[str, str]

    @property
    def forge(self) -> Any:
        return self.world.forge

    @property
    def where(self) -> str:
        where: str = self.world.where
        return where

    def proposal(self, number: int = 0, **changes: str | bool) -> Proposal:
        """The same task's, with commit `number`."""
        plain = Proposal(
            task_id="task1", repository=self.where, branch=BRANCH, base="main", base_commit=self.base_commit,
            commit=self.commits[number], title="Fix it", body="Because.", draft=False, verdict="passed",
        )  # fmt: skip
        return replace(plain, **changes)  # type: ignore[arg-type]  # fields by name

    async def propose(self, number: int = 0, **changes: str | bool) -> Any:
        """Propose it."""
        return await self.forge.propose(self.proposal(number, **changes), self.store)


@contextmanager
def network_world(name: str, folder: Path, *, app: bool = False) -> Iterator[NetworkWorld]:
    """A fake forge of that kind with one repository, and a connection to it."""
    kind = NETWORK[name]
    with serving(folder / "forge", kind.dialect()) as server:
        server.forge.closes_with_its_branch = kind.closes_with_its_branch
        login = f"{kind.bot}[bot]" if app else kind.bot
        bot = server.forge.person(login, app=app)
        server.forge.person("ann")
        hosted = server.forge.repository(SLUG, **{login: kind.level, "ann": "admin", "carl": "read"})
        site = kind.site(server.web, FixedToken(bot.token, app=app))

        async def wanted(location: str) -> Extras:
            return world.wanted

        forge = NetworkForge(site, Book(folder / "state" / "forge.db"), wanted)
        world = NetworkWorld(kind, server, hosted, bot, site, forge)
        yield world


async def scene_in(world: World, folder: Path, *, fetched: bool = False) -> Scene:
    """Two commits in the store, ready to be proposed. Of a forge on the network it is the same store each time, unless
    it is to be `fetched` from there."""
    if not isinstance(world, NetworkWorld) or fetched:
        repository = await Repository.open(folder / "state", world.where)
        return Scene(world, repository.git_dir, *await _commits(repository))
    if not _prepared:
        aside = Path(tempfile.mkdtemp())
        atexit.register(shutil.rmtree, aside, ignore_errors=True)
        hosted = People(aside).repository(SLUG)
        repository = await Repository.open(aside / "state", str(hosted.folder))
        _prepared.append((repository.git_dir, *await _commits(repository)))
    store, base, commits = _prepared[0]
    assert world.base() == base
    return Scene(world, shutil.copytree(store, folder / "state" / "store"), base, commits)


async def all_news(scene: Scene, number: int) -> list[Told]:
    """One call at least of each kind that a look makes, about what there is and the issue of that number."""
    world, news = scene.world, scene.world.site.news
    forge, hosted = world.server.forge, world.hosted
    thread = hosted.threads[number]
    forge.label(hosted, thread, "midwatch", "ann")
    forge.assign(hosted, thread, world.bot.login, "ann")
    forge.say(hosted, thread, "ann", "Words.")
    forge.judge(hosted, world.pulls[0], "ann", "Not yet.", [("a.txt", 1, "Why?")])
    commit = world.pulls[0].head_commit
    forge.ran(hosted, commit, "unit", failed=True)
    stamps = Stamps({})
    things = (await news.changed(SLUG, 0.0, stamps)).things
    heads = [Head(world.pulls[0].number, BRANCH, commit)]
    given = await news.given(SLUG, abs(world.kind.number(hosted, thread)))
    return [*given, *await news.said(SLUG, 0.0, things), *await news.ran(SLUG, heads, 0.0, stamps)]


_prepared: list[tuple[Path, str, tuple[str, str]]] = []


async def opened(scene: Scene, *labels: str) -> None:
    """What the tests of each forge begin with: a draft with labels and reviewers, brought up to date."""
    world: NetworkWorld = scene.world
    world.hosted.access["dora"] = "write"
    world.server.forge.person("dora")
    world.wanted = Extras(labels, ("dora", "nobody", "team:core"))
    await scene.propose(draft=True)
    await scene.forge.landed(scene.proposal())
    await scene.propose(1, title="Better", body="Because it is.")


async def merged(scene: Scene) -> None:
    """And what they end with: it is closed, offered again, in conflict with its base, and merged."""
    world: NetworkWorld = scene.world
    await scene.forge.close(scene.where, 1)
    await scene.propose(0)
    world.conflicts()
    with pytest.raises(InputError, match=r"conflicts with main in: a\.txt"):
        await scene.forge.merge(scene.where, 1)
    world.server.forge.write(world.hosted, "main", {"a.txt": "one\ntwo\nthree\n"})
    assert (await scene.forge.merge(scene.where, 1)).state == "merged"


async def _commits(repository: Repository) -> tuple[str, tuple[str, str]]:
    """The base commit, and two on it."""
    base = await repository.resolve(None)
    commits = []
    for text in (b"ours\n", b"ours, better\n"):
        blob = (await repository.git.run("hash-object", "-w", "--stdin", stdin=text)).strip()
        tree = await repository.git.run("mktree", stdin=b"100644 blob " + blob + b"\ta.txt\n")
        commits.append(await repository.commit(tree.decode().strip(), base.commit, "Fix it\n", WHEN))
    return base.commit, (commits[0], commits[1])
