"""What the routes of environments take and tell."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from fastapi import Path
from pydantic import BaseModel, Field, model_validator

from midwatch.engine.recipes import LONGEST, Kept
from midwatch.engine.sittings import WAITING, Sitting
from midwatch.server.accounts.forms import time_of
from midwatch.server.answers import EnvironmentAnswer
from midwatch.server.asked import Word
from midwatch.server.bodies import Form
from midwatch.server.views import text
from midwatch.workspace.recipe import Recipe
from midwatch.workspace.recipe_lines import Fault
from midwatch.workspace.trust import wishes

SittingId = Annotated[str, Path(pattern=r"^[0-9a-z]{12}$", description="Its id.", examples=["01m5x3q9k2ab"])]
RecipeText = Annotated[str, Field(max_length=LONGEST, description="TOML, as `.midwatch/environment.toml` has it.")]
_Rows = Annotated[int, Field(ge=1, le=500)]
MOST_TYPED = 8 << 10
"""Characters of one input."""


class RecipeAsked(Form):
    """A recipe to be kept, or looked at."""

    text: RecipeText
    version: Annotated[int, Field(ge=0, le=2**53)] | None = Field(
        default=None, description="The version that is to be replaced, 0 for none: 409 when there is another by now."
    )


class RecipeChange(Form):
    """One value of a recipe."""

    place: Annotated[list[Annotated[str, Field(min_length=1, max_length=200)]], Field(min_length=1, max_length=2)] = (
        Field(description='`["setup"]`, `["network", "agent"]`, `["variables", "NAME"]`.')
    )
    value: str | bool | int | float | list[str] | None = Field(description="Null takes it away.")


class EditAsked(Form):
    """A text, and what is to be changed in it."""

    text: RecipeText
    changes: Annotated[list[RecipeChange], Field(min_length=1, max_length=50)]


class BuildAsked(Form):
    """An environment to be built."""

    base: Word | None = Field(default=None, description="Branch, tag or commit; default: what is checked out.")
    fresh: bool = Field(default=False, description="Delete what is kept and run the setup again; for maintainers.")
    trust_recipe: bool = Field(
        default=False, description="The repository's own recipe may name hosts and secrets; for maintainers."
    )


class TerminalAsked(Form):
    """A terminal to be opened."""

    base: Word | None = Field(default=None, description="Branch, tag or commit; default: what is checked out.")
    rows: _Rows = 24
    columns: _Rows = 80
    trust_recipe: bool = Field(
        default=False, description="The repository's own recipe may name hosts and secrets; for maintainers."
    )


class Typed(Form):
    """Keys, or another size, or both."""

    data: Annotated[str, Field(max_length=MOST_TYPED)] = Field(default="", description="As they were typed.")
    rows: _Rows | None = None
    columns: _Rows | None = None

    @model_validator(mode="after")
    def _both(self) -> Typed:
        if (self.rows is None) != (self.columns is None):
            raise ValueError("a size has both rows and columns")
        return self


class FaultAnswer(BaseModel):
    """What is wrong in a recipe."""

    line: int = Field(description="Counted from 1; 0 where it is of no line in particular.")
    text: str
    mend: str


class SecretOf(BaseModel):
    """A secret that a recipe names; never its value."""

    name: str
    host: str
    header: str
    format: str


class RecipeForm(BaseModel):
    """A recipe as it is understood."""

    base: str
    setup: list[str]
    maintenance: list[str]
    checks: list[str]
    variables: dict[str, str]
    setup_hosts: list[str]
    agent_hosts: list[str]
    secrets: list[SecretOf]
    limits: dict[str, float | int | None]
    submodules: bool
    private_submodules: list[str]
    lfs: bool
    lock_files: list[str]
    cache_by_commit: bool
    labels: list[str]


class RecipeChecked(BaseModel):
    """What there is to say about a text."""

    faults: list[FaultAnswer]
    form: RecipeForm | None = Field(description="Null where there are faults.")
    wishes: list[str] = Field(description="What in it needs trust: hosts, secrets, submodules.")


class RecipeEdited(RecipeChecked):
    """A text that was changed."""

    text: str


class RecipeVersion(BaseModel):
    """One version of a kept recipe."""

    version: int
    by: str
    created: str
    removed: bool = Field(description="With it the recipe was taken away.")


class RecipeAnswer(RecipeChecked):
    """The recipe of a repository."""

    source: Literal["server", "repository", "none"] = Field(description="Where it is kept.")
    text: str
    version: int = Field(description="Of the last one that the server was given; 0 for none.")
    own: str | None = Field(description="The text in the repository; null where it has none.")
    commit: str = Field(description="Where that was looked for.")
    versions: list[RecipeVersion] = Field(description="What was kept here, the newest first.")


class SuggestionAnswer(BaseModel):
    """A recipe for what the files of the repository say."""

    text: str
    found: list[str]
    checks_from: str


class PresetAnswer(BaseModel):
    """Hosts that a recipe can name together, as `preset:NAME`."""

    name: str
    hosts: list[str]


class Presets(BaseModel):
    """All of them."""

    presets: list[PresetAnswer]


class Failing(BaseModel):
    """The command that failed."""

    what: Literal["setup", "maintenance"] = Field(description="The list of commands.")
    number: int
    line: int = Field(description="Of the recipe that was built; 0 where it is not known.")
    ended: str
    first: int = Field(description="The number of the first line in `around`.")
    around: list[str] = Field(description="The lines there, with those before and after it.")


class SittingAnswer(BaseModel):
    """A build of an environment, or a terminal in one."""

    id: str
    kind: Literal["build", "terminal"]
    state: str = Field(
        description="`waiting`, `running`, `cancelled`, `failed`; of a build also `built`, `kept` (it was there "
        "already) and `empty` (there is no setup); of a terminal `closed`."
    )
    over: bool
    by: str
    created: str
    begun: str | None
    ended: str | None
    text: str = Field(description="Why it failed or was closed; empty otherwise.")
    mend: str
    tail: str = Field(description="The end of the output of what failed.")
    failing: Failing | None
    key: str = Field(description="Of the layers that a build has left.")
    seconds: float
    size: int
    files: int
    notes: list[str]


class Builds(BaseModel):
    """The newest first."""

    builds: list[SittingAnswer]


class Piece(BaseModel):
    """A piece of output."""

    number: int
    data: str = Field(description="Bytes as base64.")


class OutputAnswer(BaseModel):
    """Pieces of output in their order."""

    pieces: list[Piece]
    next: int = Field(description="The number of the last one.")
    state: SittingAnswer


class EnvironmentState(BaseModel):
    """The environment of a repository as tasks would have it now."""

    source: Literal["server", "repository", "none"]
    version: int = Field(description="Of the recipe that the server keeps; 0 where none is kept.")
    commit: str
    ref: str
    sandbox: str
    key: str = Field(description="Of the layers that its setup leaves; empty without a setup.")
    cached: EnvironmentAnswer | None = Field(description="The layers of that key; null where they are not there.")
    rebuild: list[str] = Field(description="Why what was built last does not fit, a sentence each.")
    kept: list[EnvironmentAnswer] = Field(description="All layers of this repository, the last used first.")
    wishes: list[str]
    trusted: bool = Field(description="What needs trust has it, for all who may submit tasks.")
    missing: list[str] = Field(description="Secrets of the recipe that have no value on the server.")
    terminals: list[SittingAnswer] = Field(description="Yours that are open; for administrators all of them.")


class EnvironmentLine(BaseModel):
    """A repository in the list of environments."""

    repository: str
    name: str
    recipe: int = Field(description="The version of the recipe that the server keeps for it; 0 for none.")
    kept: int = Field(description="How many layers are kept.")
    size: int
    used: str | None
    build: SittingAnswer | None = Field(description="The last one.")


class EnvironmentLines(BaseModel):
    """Those of all repositories that one may see."""

    environments: list[EnvironmentLine]


def checked_answer(recipe: Recipe | None, fault: Fault | None) -> dict[str, Any]:
    """The fields of a RecipeChecked."""
    return {
        "faults": [] if fault is None else [FaultAnswer(line=fault.line, text=fault.text, mend=fault.mend)],
        "form": None if recipe is None else form_of(recipe),
        "wishes": [] if recipe is None else list(wishes(recipe)),
    }


def form_of(recipe: Recipe) -> RecipeForm:
    """A recipe, field by field."""
    caps = recipe.limits
    return RecipeForm(
        base=recipe.base,
        setup=list(recipe.setup),
        maintenance=list(recipe.maintenance),
        checks=list(recipe.checks),
        variables=dict(recipe.variables),
        setup_hosts=list(recipe.network.setup),
        agent_hosts=list(recipe.network.agent),
        secrets=[SecretOf(name=s.name, host=s.host, header=s.header, format=s.format) for s in recipe.secrets],
        limits={name: getattr(caps, name) for name in caps.__dataclass_fields__},
        submodules=recipe.repository.submodules,
        private_submodules=list(recipe.repository.private_submodules),
        lfs=recipe.repository.lfs,
        lock_files=list(recipe.lock_files),
        cache_by_commit=recipe.cache_by_commit,
        labels=list(recipe.labels),
    )


def version_of(kept: Kept) -> RecipeVersion:
    """A version as it is told."""
    return RecipeVersion(version=kept.version, by=kept.name, created=time_of(kept.created), removed=kept.body is None)


def sitting_of(sitting: Sitting) -> SittingAnswer:
    """A sitting as it is told: where its own word on the end is missing, its turn's counts."""
    result = sitting.result
    state = sitting.state
    if not sitting.ended:
        words = {"queued": WAITING, "done": "failed", "": "cancelled"}
        state = words.get(sitting.turn, sitting.turn)
    return SittingAnswer(
        id=sitting.task,
        kind="build" if sitting.kind == "build" else "terminal",
        state=state,
        over=sitting.over,
        by=sitting.name,
        created=time_of(sitting.created),
        begun=time_of(sitting.begun) if sitting.begun else None,
        ended=time_of(sitting.ended) if sitting.ended else None,
        text=text(str(result.get("message") or result.get("why") or sitting.error)),
        mend=text(str(result.get("mend") or sitting.mend)),
        tail=text(str(result.get("tail", ""))),
        failing=Failing(**result["failing"]) if result.get("failing") else None,
        key=str(result.get("key", "")),
        seconds=float(result.get("seconds", 0.0)),
        size=int(result.get("size", 0)),
        files=int(result.get("files", 0)),
        notes=[text(str(note)) for note in result.get("notes", ())],
    )
