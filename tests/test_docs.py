"""The pages keep up with the program: every command, option, setting and event kind has its place in them."""

from __future__ import annotations

import dataclasses
import importlib
import pkgutil
import re
from pathlib import Path

import pytest
from pydantic import BaseModel

import midwatch
from midwatch.cli.main import COMMANDS
from midwatch.cli.program import parser_of
from midwatch.domain.events import KINDS, Event
from midwatch.models.providers import BUILT_IN
from midwatch.settings import load
from midwatch.workspace.recipe import Recipe

ROOT = Path(__file__).resolve().parent.parent
DOCS = ROOT / "docs"

TABLES = {
    "ModelSections": "",
    "ProviderSettings": "providers.NAME.",
    "PriceSettings": 'prices."PROVIDER/MODEL".',
    "SandboxSettings": "sandbox.",
    "LimitSettings": "limits.",
    "EnvironmentSettings": "environments.",
    "McpSettings": "mcp.",
    "ServerSettings": "mcp.servers.NAME.",
    "SecretSettings": "environments.secrets.NAME.",
    "CommitSettings": "commits.",
    "ForgeSettings": "forges.NAME.",
    "AgentSettings": "agent.",
    "BudgetSettings": "budgets.",
    "HookSettings": "hooks.",
    "TelemetrySettings": "telemetry.",
    "ServingSettings": "server.",
    "RetentionSettings": "retention.",
    "OidcSettings": "server.oidc.",
}
"""The classes of settings, and what stands before their fields' names. A new class needs an entry, and headings."""


def sections(page: str) -> dict[str, str]:
    """A page's headings (without backquotes) and the text below each, up to the next heading of any level."""
    found: dict[str, str] = {}
    heading, fenced = "", False
    for line in (DOCS / page).read_text(encoding="utf-8").splitlines():
        fenced ^= line.lstrip().startswith("```")
        if not fenced and re.match(r"#{1,6} ", line):
            heading = line.lstrip("#").replace("`", "").strip()
            found[heading] = ""
        else:
            found[heading] = found.get(heading, "") + line + "\n"
    return found


def settings() -> dict[str, list[str]]:
    """The fields of every class of settings that the package has, by its name: pydantic models and dataclasses that
    carry a configuration for pydantic."""
    found: dict[str, list[str]] = {}
    for module in pkgutil.walk_packages(midwatch.__path__, "midwatch."):
        if module.name.rpartition(".")[2] in ("config", "sections", "settings"):
            for name, cls in vars(importlib.import_module(module.name)).items():
                if isinstance(cls, type) and cls.__module__ == module.name:
                    if issubclass(cls, BaseModel):
                        found[name] = list(cls.model_fields)
                    elif dataclasses.is_dataclass(cls) and hasattr(cls, "__pydantic_config__"):
                        found[name] = [field.name for field in dataclasses.fields(cls)]
    return found


@pytest.mark.parametrize("command", COMMANDS)
def test_a_command_has_its_heading_and_each_of_its_options_is_explained_below_it(command: str) -> None:
    text = sections("commands.md").get(f"midwatch {command}")
    assert text is not None, f"docs/commands.md has no heading `midwatch {command}`"
    for action in parser_of(command)._actions:
        shown = action.option_strings or [str(action.metavar or action.dest)]
        if not {"--help", "--json"} & set(shown):
            assert f"`{shown[-1]}" in text, f"docs/commands.md does not explain {shown[-1]} of midwatch {command}"


def test_there_is_no_heading_for_a_command_that_does_not_exist() -> None:
    known = {f"midwatch {command}" for command in COMMANDS}
    assert {heading for heading in sections("commands.md") if heading.startswith("midwatch ")} == known


def test_every_class_of_settings_has_its_table() -> None:
    assert set(settings()) == set(TABLES)


def test_a_setting_has_its_heading_and_there_is_none_without_a_setting() -> None:
    known = {TABLES[name] + field for name, fields in settings().items() for field in fields}
    known -= {"providers", "prices", "server.oidc"}  # tables, whose fields have headings
    found = {
        h
        for h in sections("settings.md")
        if re.fullmatch(
            r"model|fallback|(providers|prices|sandbox|limits|environments|commits|forges|agent|budgets|hooks|mcp|server|"
            r"telemetry|retention)\..+",
            h,
        )
    }
    assert found == known


@pytest.mark.parametrize("field", dataclasses.fields(Recipe), ids=lambda field: field.name)
def test_a_key_of_the_repositorys_own_file_has_its_heading(field: dataclasses.Field[object]) -> None:
    assert f"environment.toml: {field.name}" in sections("environments.md")


def test_every_variable_that_the_program_reads_is_in_the_settings_page() -> None:
    page = (DOCS / "settings.md").read_text(encoding="utf-8")
    read = {name for p in BUILT_IN.values() for name in (p.api_key_env, p.base_url_env, p.token_env)}
    read |= {name for p in BUILT_IN.values() for name in re.findall(r"\{(\w+)\}", p.base_url)}
    for path in (ROOT / "src/midwatch").rglob("*.py"):
        if not {"sandbox", "tools", "repair"} & set(path.parts):  # their variables are set inside boxes
            read |= set(re.findall(r'"(MIDWATCH_[A-Z_]+|XDG_[A-Z]+_HOME|NO_COLOR)"', path.read_text(encoding="utf-8")))
    missing = sorted(name for name in read if name and f"`{name}`" not in page)
    assert missing == []


@pytest.mark.parametrize("kind", KINDS)
def test_an_event_kind_has_its_heading_and_each_of_its_fields_is_explained(kind: str) -> None:
    text = sections("events.md").get(kind)
    assert text is not None, f"docs/events.md has no heading `{kind}`"
    for field in dataclasses.fields(KINDS[kind]):
        assert f"| `{field.name}` |" in text, f"docs/events.md does not explain {field.name} of {kind}"


def test_the_fields_that_every_event_has_are_explained() -> None:
    text = sections("events.md")["What every event has"]
    for field in dataclasses.fields(Event):
        assert f"| `{field.name}` |" in text


def test_every_page_is_in_the_navigation_and_every_entry_is_a_page() -> None:
    text = (ROOT / "mkdocs.yml").read_text(encoding="utf-8")
    entries = set(re.findall(r"^  - .*?([\w-]+\.md)$", text, re.MULTILINE))
    assert entries == {path.name for path in DOCS.glob("*.md")}


def test_the_version_of_the_package_has_a_section_in_the_change_log() -> None:
    assert f"## [{midwatch.__version__}]" in (ROOT / "CHANGELOG.md").read_text(encoding="utf-8")


def test_the_example_settings_on_the_pages_are_accepted_by_the_program(tmp_path: Path) -> None:
    blocks = [
        b for page in DOCS.glob("*.md") for b in re.findall(r"```toml\n(.*?)```", page.read_text("utf-8"), re.DOTALL)
    ]
    assert blocks
    file = tmp_path / "midwatch/config.toml"
    file.parent.mkdir()
    for block in blocks:
        file.write_text(block, encoding="utf-8")
        load({"XDG_CONFIG_HOME": str(tmp_path), "HOME": str(tmp_path)})
