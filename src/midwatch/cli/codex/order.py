"""What the command line of `midwatch exec` asks for, read and checked before anything is begun."""

from __future__ import annotations

import json
import os
from argparse import Namespace
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from midwatch.cli import arguments
from midwatch.cli.codex.stream import Extra
from midwatch.cli.codex.values import Values, read
from midwatch.domain.errors import InputError

MODES = {"read-only": "read-only", "workspace-write": "workspace", "danger-full-access": "full"}
"""Codex's words for what the agent may do, and ours."""

LMSTUDIO = "http://127.0.0.1:1234/v1"

_UNTRUSTED = "Not inside a trusted directory and --skip-git-repo-check was not specified."


class Untrusted(Exception):
    """The folder is no git repository, and nobody has said that this is fine. Said in the words that clients know."""

    def __init__(self) -> None:
        super().__init__(_UNTRUSTED)


@dataclass(frozen=True, slots=True)
class Order:
    """One turn that is asked for."""

    prompt: str | None
    """None: standard input has it; `-` has become None."""
    resume: str | None
    """The conversation to go on with: its id or the start of it, empty for the last one here; None: a new one."""
    anywhere: bool
    """The last one may be of another folder."""
    folder: str
    """Where the person is."""
    json: bool
    extra: Extra
    """Which events carry more fields than Codex's."""
    mode: str
    """As in `Task`; empty where the command line does not say."""
    values: Values
    schema: Mapping[str, Any]
    images: tuple[str, ...]
    folders: tuple[str, ...]
    """Further ones that the agent may read."""
    answer_file: str
    ephemeral: bool


def add_arguments(parser: arguments.Parser) -> None:
    """All that Codex's clients send; in any order, also after `resume ID`."""
    parser.mixed = True
    parser.add_argument("words", metavar="PROMPT", nargs="*", help="what is to be done; `-` reads standard input")
    parser.add_argument(
        "--last", action="store_true", help="with `resume`: the conversation of this folder that was last gone on with"
    )
    parser.add_argument("--all", action="store_true", help="with `resume --last`: of any folder")
    group = parser.add_argument_group("what the agent may do, and where")
    group.add_argument("-C", "--cd", metavar="FOLDER", default=".", help="work there (default: this folder)")
    group.add_argument("-s", "--sandbox", choices=MODES, help="default: read-only; a conversation keeps its own")
    group.add_argument("--full-auto", action="store_true", help="the same as --sandbox workspace-write")
    group.add_argument(
        "--dangerously-bypass-approvals-and-sandbox", "--yolo", action="store_true",
        help="the same as --sandbox danger-full-access",
    )  # fmt: skip
    group.add_argument("--add-dir", metavar="FOLDER", action="append", default=[], help="commands may read it too")
    group.add_argument("--skip-git-repo-check", "--trust", action="store_true", help="a folder without git will do")
    _add_model(parser)
    group = parser.add_argument_group("what goes in and out")
    group.add_argument("-i", "--image", metavar="FILE", action="append", default=[], help="show the model a picture")
    group.add_argument("--output-schema", metavar="FILE", help="JSON Schema that the answer must fit")
    group.add_argument("-o", "--output-last-message", metavar="FILE", help="write the answer to a file as well")
    group.add_argument("--experimental-json", action="store_true", help="as --json, with fewer fields beside Codex's")
    group.add_argument("--color", choices=("always", "never", "auto"), default="auto", help="taken, without effect")
    group.add_argument("--ephemeral", action="store_true", help="keep nothing of the conversation")
    _add_ignored(parser)


def _add_model(parser: arguments.Parser) -> None:
    group = parser.add_argument_group("the model")
    group.add_argument("-m", "--model", metavar="NAME", help="such as gpt-5.5, or PROVIDER/MODEL")
    group.add_argument("-c", "--config", metavar="KEY=VALUE", action="append", default=[], help="a setting, as TOML")
    group.add_argument("--oss", action="store_true", help="a model on this machine")
    group.add_argument("--local-provider", choices=("ollama", "lmstudio"), default="ollama", help="whose, with --oss")


def _add_ignored(parser: arguments.Parser) -> None:
    """What clients may send and what has no meaning here."""
    group = parser.add_argument_group("taken, without effect")
    for name in ("--thread-source", "--cyber-access-program", "-p/--profile", "--enable", "--disable"):
        group.add_argument(*name.split("/"), metavar="NAME", action="append", help="for clients that send it")
    flags = (
        "--strict-config", "--approve-for-me", "--dangerously-bypass-hook-trust", "--ignore-user-config",
        "--ignore-rules",
    )  # fmt: skip
    for name in flags:
        group.add_argument(name, action="store_true", help="for clients that send it")


def make_order(options: Namespace) -> Order:
    """The order. Raises InputError for what contradicts itself or cannot be read, and Untrusted."""
    values = read(_pairs(options))
    resume, prompt = _words(options)
    mode = _mode(options, values)
    folder = os.path.realpath(options.cd)
    if not Path(folder).is_dir():
        raise InputError(f"--cd {options.cd} is no folder", "name one that exists")
    if not (options.skip_git_repo_check or mode == "full" or _in_repository(Path(folder))):
        raise Untrusted
    return Order(
        prompt=None if prompt == "-" else prompt,
        resume=resume,
        anywhere=options.all,
        folder=folder,
        json=options.json or options.experimental_json,
        extra=_extra(options, values),
        mode=mode,
        values=values,
        schema=_schema(options.output_schema),
        images=tuple(path for given in options.image for path in _paths(given)),
        folders=tuple(_folder(given) for given in options.add_dir),
        answer_file=options.output_last_message or "",
        ephemeral=options.ephemeral,
    )


def _extra(options: Namespace, values: Values) -> Extra:
    """What the command line says of further fields. What it is called by tells who reads: the SDK or somebody else."""
    match values.get("midwatch", "extra_fields"):
        case None:
            return "calls" if options.experimental_json else "all"
        case True:
            return "all"
        case False:
            return "none"
        case other:
            raise InputError(f"-c midwatch.extra_fields is {other!r}", "write true or false")


def _pairs(options: Namespace) -> list[str]:
    """All settings; an option of its own comes after, so that it wins."""
    pairs = list(options.config)
    if options.oss:
        pairs.append(f'model_provider="{options.local_provider}"')
        if options.local_provider == "lmstudio":
            pairs += [f'model_providers.lmstudio.base_url="{LMSTUDIO}"', 'model_providers.lmstudio.wire_api="chat"']
    if options.model is not None:
        pairs.append(f"model={json.dumps(options.model)}")
    return pairs


def _words(options: Namespace) -> tuple[str | None, str | None]:
    """Which conversation, and the prompt."""
    words = list(options.words)
    if words[:1] in (["fork"], ["review"]) and len(words) > 1:
        raise InputError(f"`midwatch exec {words[0]}` is not there", f"`midwatch {words[0]}` does that")
    resume = None
    if words[:1] == ["resume"]:
        words.pop(0)
        if not options.last and not words:
            raise InputError("resume which conversation?", "give its id, or --last")
        resume = "" if options.last else words.pop(0)
    elif options.last:
        raise InputError("--last goes with `resume`", "write `midwatch exec resume --last`")
    if len(words) > 1:
        raise InputError(f"{words[1]!r} is one argument too many", "put quotes around the prompt")
    return resume, words[0] if words else None


def _mode(options: Namespace, values: Values) -> str:
    if options.dangerously_bypass_approvals_and_sandbox:
        return "full"
    asked = options.sandbox or ("workspace-write" if options.full_auto else values.text("sandbox_mode"))
    if asked and asked not in MODES:
        raise InputError(f"-c sandbox_mode is {asked!r}", f"write one of {', '.join(MODES)}")
    return MODES[asked] if asked else ""


def _in_repository(folder: Path) -> bool:
    return any((place / ".git").exists() for place in (folder, *folder.parents))


def _schema(path: str | None) -> Mapping[str, Any]:
    if path is None:
        return {}
    try:
        value = json.loads(Path(path).read_bytes())
    except OSError as error:
        raise InputError(f"the output schema {path} cannot be read: {error.strerror}", "name a JSON file") from None
    except ValueError as error:
        raise InputError(f"the output schema {path} is not JSON: {error}", "mend it") from None
    if not isinstance(value, dict):
        raise InputError(f"the output schema {path} is no JSON object", "write a JSON Schema of an object")
    return value


def _paths(given: str) -> Sequence[str]:
    """One path, or several with commas between them."""
    return [given] if "," not in given or Path(given).exists() else [path for path in given.split(",") if path]


def _folder(given: str) -> str:
    path = os.path.realpath(given)
    if not Path(path).is_dir():
        raise InputError(f"--add-dir {given} is no folder", "name one that exists")
    return path
