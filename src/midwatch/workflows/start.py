"""Making a task: what was asked for becomes exact, before anything is run."""

from __future__ import annotations

import os
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

from midwatch.domain import labels
from midwatch.domain.conversation import Image
from midwatch.domain.errors import InputError
from midwatch.domain.guard import MODES, Context, Hook
from midwatch.domain.ids import branch_name, new_task_id
from midwatch.domain.limits import Limits
from midwatch.domain.task import Base, Task, Words
from midwatch.engine.store.records import now
from midwatch.models.config import EMBEDDED
from midwatch.tools.mcp.choice import chosen
from midwatch.tools.mcp.choice import note as mcp_note
from midwatch.tools.mcp.config import McpSettings
from midwatch.tools.rules import Rules
from midwatch.workflows import prompts, template
from midwatch.workflows.plan import Means, Plan, lowered, make_plan, notes, terms
from midwatch.workflows.project import Project, read_project, trusts
from midwatch.workspace import bases, objects
from midwatch.workspace.detect import detect
from midwatch.workspace.git import Git
from midwatch.workspace.recipe import FILE, Recipe
from midwatch.workspace.recipe import parse as parse_recipe
from midwatch.workspace.repository import Repository
from midwatch.workspace.secrets import headers
from midwatch.workspace.toolchain import Own, Toolchain, discover
from midwatch.workspace.trust import is_trusted, require_trust

MOST_ATTEMPTS = 8
SELECTORS = ("diff", "review")
"""How one of several attempts with equal evidence is chosen."""

KEPT = "the recipe of the server"
"""Where checks come from."""
_CLUES = re.compile(r"(^|/)(test[^/]*|[^/]*_test|conftest)\.py$", re.IGNORECASE)
_WARNINGS = {"full": ("mode full: NO SANDBOX; commands of the model run as you, with your files and your network",)}
_CLUE_FILES = 60
"""Test files that are read to tell pytest from unittest; more would not change the answer."""


@dataclass(frozen=True, slots=True)
class Request:
    """What a person asks for."""

    prompt: str
    repository: str = "."
    base: str | None = None
    model: str | None = None
    checks: tuple[str, ...] = ()
    attempts: int = 1
    limits: Mapping[str, int] = field(default_factory=dict)
    """Those fields of `Limits` that the person asked for."""
    sandbox: str | None = None
    include_uncommitted: bool = False
    kind: str = "task"
    """As in `Task`."""
    mode: str = ""
    """As in `Task`; empty for the settings'."""
    trust_recipe: bool = False
    """The person has looked at the recipe: it may name hosts and secrets."""
    id: str = ""
    """Of the task, where it had to be known before (`new_task_id`); empty for a new one."""
    trust_project: bool = False
    """The person has looked at `.midwatch/`: its rules, hooks, limits and prompts count."""
    context: tuple[Context, ...] = ()
    """Texts that are not the person's own words."""
    commands: bool = False
    """Whether the prompt may call a custom prompt by its name."""
    mcp: tuple[str, ...] = ()
    """MCP servers, each `NAME` or `NAME:TOOL,TOOL`."""
    notes: tuple[str, ...] = ()
    """What a person should know of who asks."""
    select: str = ""
    """As in `Task`; empty for `diff`."""
    labels: tuple[str, ...] = ()
    """As in `Task`, besides the recipe's."""
    words: Words = field(default_factory=Words)
    """As in `Task`; the template is read from the base commit."""
    images: tuple[Image, ...] = ()
    """As in `Task`."""
    recipe: str = ""
    """Of `Terms`: set by who may say that it is to be trusted."""


@dataclass(frozen=True, slots=True)
class Surroundings:
    """What the machine and the person's settings add to a request."""

    model: str
    sandbox: str
    read_only: tuple[str, ...]
    """Further host folders that boxes may read, from the person's settings."""
    means: Means
    """What environments are made with; its `environ` is the person's."""
    limits: Limits = field(default_factory=Limits)
    private: tuple[Path, ...] = ()
    """Folders that no box may ever see: state and settings."""
    mode: str = "workspace"
    rules: Rules = field(default_factory=Rules)
    hooks: tuple[Hook, ...] = ()
    prompts: Path | None = None
    """The folder of the person's own prompts."""
    mcp: McpSettings = field(default_factory=McpSettings)
    """The MCP servers that there are."""
    server: str = ""
    """The address by which tasks can be looked at; empty for none."""


@dataclass(frozen=True, slots=True)
class Resolved:
    """What a request comes to in its repository."""

    base: Base
    checks: tuple[str, ...]
    checks_from: str
    """As in `Task`."""
    plan: Plan
    files: Sequence[str]
    """All that the commit has."""


async def resolve(request: Request, repository: Repository, around: Surroundings) -> Resolved:
    """The base commit, its recipe, checks and toolchain, and what its environment is made from. Asks nothing about
    trust. Raises InputError."""
    base = await repository.resolve(request.base)
    if request.include_uncommitted or request.kind == "conversation":
        base = await repository.include_uncommitted(base)
    files = await objects.files(repository.git, base.commit)
    recipe, checks, checks_from = await _checks(request.checks, repository.git, base.commit, files, request.recipe)
    tools = _tools(recipe, repository, checks, around, from_person=checks_from == "option")
    return Resolved(base, checks, checks_from, await make_plan(repository, base, recipe, tools, around.means), files)


async def host_tools(repository: Repository, around: Surroundings, commit: str) -> tuple[tuple[str, ...], Toolchain]:
    """The checks of a commit, and what a box is given of the host for them; without what a recipe sets up."""
    files = await objects.files(repository.git, commit)
    recipe, checks, _ = await _checks((), repository.git, commit, files)
    return checks, _tools(recipe, repository, checks, around, from_person=False)


async def make_task(request: Request, repository: Repository, around: Surroundings) -> Task:
    """The exact task: base commit, checks and where they come from, toolchain, limits. Writes nothing but git objects
    (with `include_uncommitted`). Raises InputError for what cannot be done."""
    if not request.prompt.strip():
        raise InputError("the prompt is empty", 'say what is to be done: midwatch run "…"')
    if not 1 <= request.attempts <= MOST_ATTEMPTS:
        raise InputError(f"--attempts {request.attempts} is not possible", f"give a number from 1 to {MOST_ATTEMPTS}")
    _require_selector(request, around)
    mode = _mode(request, around)
    found = await resolve(request, repository, around)
    recipe, tools = found.plan.recipe, found.plan.tools
    trusted = trusts(repository.location, around.means, asked=request.trust_project)
    project = await read_project(repository, found.base.commit, found.files, trusted=trusted)
    prompt = _prompt(request, around, project)
    servers = chosen(request.mcp, around.mcp)
    require_allowed(recipe, repository.location, around.means, trusted=request.trust_recipe or bool(request.recipe))
    about = (*notes(found.plan), *(mcp_note(use, around.mcp) for use in servers))
    task_id = request.id or new_task_id()
    return Task(
        id=task_id,
        prompt=prompt,
        repository=repository.location,
        base=found.base,
        branch=branch_name(task_id, prompt),
        model=around.model,
        checks=found.checks,
        checks_from=found.checks_from,
        limits=project.limits.lower(lowered(around.limits, recipe)),
        attempts=request.attempts,
        sandbox="process" if mode == "full" else around.sandbox,
        environment=(*tools.variables, *found.plan.variables, *recipe.variables),
        mounts=tuple(map(str, tools.read_only)),
        masked=tuple(map(str, tools.masked)),
        path=tools.path,
        notes=tuple(
            filter(None, (_note(found), *_WARNINGS.get(mode, ()), *tools.notes, *about, *project.notes, *request.notes))
        ),
        created=now(),
        terms=terms(found.plan, request.recipe),
        mcp=servers,
        kind=request.kind,
        mode=mode,
        folder=_folder(request.repository, repository),
        guard=project.guard(around.rules, around.hooks),
        context=request.context,
        select=request.select or SELECTORS[0],
        labels=labels.parse((*request.labels, *recipe.labels)),
        words=await template.found(repository, found.base.commit, found.files, _words(request, around)),
        images=request.images,
    )


def _words(request: Request, around: Surroundings) -> Words:
    return replace(request.words, server=around.server.rstrip("/"))


def _require_selector(request: Request, around: Surroundings) -> None:
    """Raises InputError where attempts cannot be chosen among as asked."""
    if request.select not in ("", *SELECTORS):
        raise InputError(f"--select {request.select!r} is not possible", f"choose one of {', '.join(SELECTORS)}")
    if request.select == "review" and request.attempts < 2:
        raise InputError("--select review is for more than one attempt", "add --attempts 2, or leave it out")
    if request.select == "review" and around.model == EMBEDDED:
        raise InputError(
            f"the embedded model {EMBEDDED!r} searches for edits; it cannot review",
            "name a language model with --model, or leave --select out",
        )


def _prompt(request: Request, around: Surroundings, project: Project) -> str:
    """What is to be done, a custom prompt filled in."""
    if not request.commands or prompts.called(request.prompt) is None:
        return request.prompt
    own = prompts.personal(around.prompts) if around.prompts else ()
    return prompts.expand(request.prompt, own, project.prompts, [prompts.name_of(path) for path in project.unread])


def _mode(request: Request, around: Surroundings) -> str:
    """What the agent may do. Raises InputError for what contradicts itself."""
    mode = request.mode or around.mode
    if mode not in MODES:
        raise InputError(f"there is no mode {mode!r}", f"choose one of {', '.join(MODES)}")
    if mode == "full" and request.sandbox not in (None, "process"):
        raise InputError(
            f"the mode full is without a sandbox, and --sandbox {request.sandbox} was asked for",
            "leave one of them out",
        )
    return mode


def _folder(asked: str, repository: Repository) -> str:
    """Where in the repository the person is."""
    place = repository.place
    if place is None or place.top is None:
        return ""
    folder = os.path.relpath(os.path.realpath(Path(asked).expanduser()), place.top)
    return "" if folder == "." or folder.startswith("..") else folder


def _note(found: Resolved) -> str:
    """What a person should know about the base, as the recipe has it checked out."""
    note = found.base.note
    return bases.without_submodules(note) if found.plan.recipe.repository.submodules else note


def require_allowed(recipe: Recipe, location: str, means: Means, *, trusted: bool) -> None:
    """Raises InputError when the recipe asks for hosts or secrets and the person has not said that they trust it, or
    when a secret is missing."""
    if not trusted and not is_trusted(location, means.settings.trusted, means.home):
        require_trust(recipe, location)
    headers(recipe.secrets, means.settings, means.environ, means.given)


def _tools(
    recipe: Recipe, repository: Repository, checks: Sequence[str], around: Surroundings, *, from_person: bool
) -> Toolchain:
    """What boxes are given of the host: what checks and setup need. A repository's own recipe names no folder of the
    host, so `from_person` says whether the checks come from the person."""
    place = repository.place
    own = Own(private=around.private)
    # of the recipe's commands the names of programs count, and no path
    commands = (*checks, *(command.replace("/", " ") for command in (*recipe.setup, *recipe.maintenance)))
    found = discover(place.top if place else None, commands, around.means.environ, own, from_person=from_person)
    return replace(found, read_only=(*found.read_only, *map(Path, around.read_only)))


async def _checks(
    given: Sequence[str], git: Git, commit: str, files: Sequence[str], kept: str = ""
) -> tuple[Recipe, tuple[str, ...], str]:
    """The checks, in this order: asked for, from the repository's recipe, detected, none."""
    blank = [check for check in given if not check.strip()]
    if blank:
        raise InputError("a --check is empty", "give the command that must exit with 0, such as --check 'pytest -q'")
    content = {FILE: kept.encode()} if kept else {}
    content = content or await objects.read_files(git, commit, [FILE] if FILE in files else [])
    recipe = parse_recipe(content[FILE]) if FILE in content else Recipe()
    if given:
        return recipe, tuple(given), "option"
    if recipe.checks:
        return recipe, recipe.checks, KEPT if kept else FILE
    content = await objects.read_files(git, commit, clues(files))
    found = detect(files, content.get)
    return recipe, found.checks, f"detected: {found.what}" if found.checks else "none"


def clues(files: Sequence[str]) -> list[str]:
    """Those that `detect` needs to read."""
    return [f for f in files if "/" not in f] + [f for f in files if "/" in f and _CLUES.search(f)][:_CLUE_FILES]


def work_folder(state: Path, attempt: str) -> Path:
    """Where an attempt's workspace lives until it is finished."""
    return state / "attempts" / attempt
