"""The settings file as a whole: one table for each part, checked when it is read."""

from __future__ import annotations

import dataclasses
import typing
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

from midwatch.agent.config import AgentSettings, read_hooks
from midwatch.domain.errors import InputError
from midwatch.engine.budgets.config import BudgetSettings
from midwatch.engine.config import ServingSettings
from midwatch.engine.retention.config import RetentionSettings
from midwatch.forges.config import ForgeSettings, read_forges
from midwatch.models.config import ModelSettings, load_models, read_settings_file, settings_path
from midwatch.sandbox.config import SandboxSettings
from midwatch.telemetry.config import TelemetrySettings
from midwatch.telemetry.config import check as check_telemetry
from midwatch.tools.mcp.config import McpSettings
from midwatch.tools.mcp.config import check as check_mcp
from midwatch.workflows.config import LimitSettings
from midwatch.workspace.config import CommitSettings, EnvironmentSettings

if TYPE_CHECKING:
    from midwatch.domain.guard import Hook
    from midwatch.domain.limits import Limits
    from midwatch.domain.purse import Purse
    from midwatch.domain.task import Task
    from midwatch.engine.database.base import Database
    from midwatch.tools.rules import Rules
    from midwatch.workflows.plan import Means
    from midwatch.workflows.start import Surroundings

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Settings:
    """Everything that a person has set, by part."""

    folder: Path
    """Where the settings file is or would be."""
    models: ModelSettings
    sandbox: SandboxSettings
    limits: LimitSettings
    environments: EnvironmentSettings
    agent: AgentSettings = field(default_factory=AgentSettings)
    hooks: tuple[Hook, ...] = ()
    mcp: McpSettings = field(default_factory=McpSettings)
    server: ServingSettings = field(default_factory=ServingSettings)
    budgets: BudgetSettings = field(default_factory=BudgetSettings)
    accounts: Callable[[Task], str] | None = None
    """Whose a task is, where there are accounts (a server); None on a person's own machine."""
    telemetry: TelemetrySettings = field(default_factory=TelemetrySettings)
    retention: RetentionSettings = field(default_factory=RetentionSettings)
    forges: Mapping[str, ForgeSettings] = field(default_factory=dict)
    commits: CommitSettings = field(default_factory=CommitSettings)

    def surroundings(self, state: Path, means: Means, model: str, driver: str | None, limits: Limits) -> Surroundings:
        """What this machine and the settings add to a request for `model`, with the `driver` asked for. `means`: what
        its environment is made with."""
        from midwatch.workflows.start import Surroundings  # listing tasks needs none of these

        return Surroundings(
            model=model,
            sandbox=driver or self.sandbox.driver,
            read_only=self.sandbox.read_only,
            means=means,
            limits=limits,
            private=(state, self.folder),
            mode=self.agent.mode,
            rules=self.rules(),
            hooks=self.hooks,
            prompts=self.folder / "prompts",
            mcp=self.mcp,
            server=self.server.public_url,
        )

    def rules(self) -> Rules:
        """The person's rules on commands, `rules.toml` beside the settings file; none when there is no such file.
        Raises InputError for what is wrong in them."""
        from midwatch.tools.rules import Rules, parse

        path = self.folder / "rules.toml"
        try:
            return parse(path.read_bytes(), str(path))
        except FileNotFoundError:
            return Rules()
        except OSError as error:
            raise InputError(f"{path} cannot be read: {error.strerror}", "mend its mode, or remove it") from None

    def means(self, state: Path, environ: Mapping[str, str]) -> Means:
        """What this machine and the settings give to environments."""
        from midwatch.workflows.plan import Means

        return Means(state, environ, self.environments, self.sandbox.limits())

    def purse(self, task: Task, database: Database) -> Purse | None:
        """The budgets that a task shares with others: where there are accounts those that are kept in the database, on
        a person's own machine those of the settings; None where there are none of these."""
        caps = () if self.accounts else self.budgets.caps(task)
        if not caps and not self.accounts:
            return None
        from midwatch.engine.budgets.ledger import Ledger
        from midwatch.engine.budgets.purse import TaskPurse
        from midwatch.engine.budgets.scopes import LOCAL, scopes_of

        owner, place = (self.accounts(task), task.repository) if self.accounts else (LOCAL, "")
        return TaskPurse(Ledger(database), scopes_of(task, owner), caps, place, self.budgets.price)

    def instructions(self) -> bytes:
        """The person's own AGENTS.md, beside the settings file; empty when there is none. Raises InputError when it
        cannot be read."""
        path = self.folder / "AGENTS.md"
        try:
            return path.read_bytes()
        except FileNotFoundError:
            return b""
        except OSError as error:
            raise InputError(f"{path} cannot be read: {error.strerror}", "mend its mode, or remove it") from None


_TABLES = (
    "agent", "budgets", "commits", "environments", "forges", "hooks", "limits", "mcp", "retention", "sandbox", "server",
    "telemetry",
)  # fmt: skip


def load(environ: Mapping[str, str]) -> Settings:
    """Read the file (none is an empty one) and the environment. Raises InputError that names file, key and mend."""
    path = settings_path(environ)
    values = read_settings_file(path)
    sandbox = _table(SandboxSettings, "sandbox", values.pop("sandbox", None), path)
    limits = _table(LimitSettings, "limits", values.pop("limits", None), path)
    environments = _table(EnvironmentSettings, "environments", values.pop("environments", None), path)
    agent = _table(AgentSettings, "agent", values.pop("agent", None), path)
    hooks = read_hooks(values.pop("hooks", None), str(path))
    mcp = check_mcp(_table(McpSettings, "mcp", values.pop("mcp", None), path), str(path))
    server = _table(ServingSettings, "server", values.pop("server", None), path)
    budgets = _table(BudgetSettings, "budgets", values.pop("budgets", None), path)
    retention = _table(RetentionSettings, "retention", values.pop("retention", None), path)
    telemetry = check_telemetry(_table(TelemetrySettings, "telemetry", values.pop("telemetry", None), path), str(path))
    forges = read_forges(values.pop("forges", None), str(path))
    commits = _table(CommitSettings, "commits", values.pop("commits", None), path)
    models = load_models(values, environ, str(path), _TABLES)
    return Settings(
        path.parent,
        models,
        sandbox,
        limits,
        environments,
        agent,
        hooks,
        mcp,
        server,
        budgets,
        telemetry=telemetry,
        retention=retention,
        forges=forges,
        commits=commits,
    )


def _table(cls: type[T], name: str, values: Any, path: Path) -> T:
    if values is None:
        return cls()
    from pydantic import TypeAdapter, ValidationError  # 0.1 s, and most runs have no such table

    try:
        return TypeAdapter(cls).validate_python(values)
    except ValidationError as error:
        first = error.errors()[0]
        key = ".".join(map(str, (name, *first["loc"])))
        table, known = _around(cls, name, first["loc"])
        raise InputError(
            f"{path}: {key}: {first['msg']}", f"mend or remove that line; the keys of [{table}] are: {known}"
        ) from None


def _around(cls: Any, name: str, place: tuple[int | str, ...]) -> tuple[str, str]:
    """The innermost table that a place lies in, and the keys that it may have."""
    found, table, hint = cls, name, cls
    for depth, part in enumerate(place, 1):
        if dataclasses.is_dataclass(hint):
            hint = typing.get_type_hints(hint).get(str(part))
        else:
            hint = next(reversed(typing.get_args(hint)), None)  # the values of a mapping
        if dataclasses.is_dataclass(hint):
            found, table = hint, ".".join(map(str, (name, *place[:depth])))
    return table, ", ".join(f.name for f in dataclasses.fields(found))
