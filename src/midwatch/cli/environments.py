"""What the commands of `midwatch env` share: which environment is meant, and telling how it is made."""

from __future__ import annotations

import codecs
from argparse import Namespace
from dataclasses import dataclass

from midwatch import wiring
from midwatch.cli import arguments, words
from midwatch.cli.screen import Screen
from midwatch.domain.limits import Limits
from midwatch.domain.observer import Observer, Silent
from midwatch.sandbox import drivers
from midwatch.workflows.environment import EnvironmentParts, Wanted
from midwatch.workflows.kept import with_kept
from midwatch.workflows.plan import Means, terms
from midwatch.workflows.start import Request, Resolved, require_allowed, resolve
from midwatch.workspace.layers.cache import Record
from midwatch.workspace.repository import Repository
from midwatch.workspace.toolchain import Toolchain


def which_arguments(parser: arguments.Parser) -> None:
    """The repository and the commit."""
    parser.add_argument("--repo", metavar="PATH-OR-URL", default=".", help="the repository (default: this folder)")
    parser.add_argument("--base", metavar="REF", help="branch, tag or commit (default: what is checked out)")


def box_arguments(parser: arguments.Parser) -> None:
    """What is needed where commands are run."""
    parser.add_argument(
        "--sandbox", choices=drivers.NAMES, help="how commands are isolated; `process` isolates nothing"
    )
    parser.add_argument("--trust-recipe", action="store_true", help="let the recipe name hosts and secrets")


@dataclass(frozen=True, slots=True)
class Subject:
    """An environment that a command is about."""

    repository: Repository
    means: Means
    resolved: Resolved
    sandbox: str
    kept: str = ""
    """The text of the recipe that the server keeps for it; empty for the repository's own."""

    @property
    def wanted(self) -> Wanted:
        """As `environment_layers` takes it."""
        plan = self.resolved.plan
        tools = plan.tools
        variables = (*tools.variables, *plan.variables, *plan.recipe.variables)
        given = Toolchain(tools.read_only, tools.masked, tools.path, variables, tools.notes)
        return Wanted(terms(plan, self.kept), self.resolved.base, given)


async def subject(home: wiring.Home, options: Namespace, driver: str | None = None) -> Subject:
    """Find out about the repository of the options. Runs nothing of it. Raises InputError."""
    repository = await home.repository(options.repo)
    means = await home.means(repository.location)
    around = home.settings.surroundings(home.state, means, "", driver, Limits())
    request = await with_kept(Request("", options.repo, options.base), repository, home.store.database)
    resolved = await resolve(request, repository, around)
    return Subject(repository, means, resolved, around.sandbox, request.recipe)


async def allowed(about: Subject, options: Namespace, observer: Observer) -> EnvironmentParts:
    """What is needed to make it. Tries the sandbox. Raises InputError when the recipe is not trusted or a secret is
    missing, OperationError when there is no isolation."""
    recipe = about.resolved.plan.recipe
    require_allowed(recipe, about.repository.location, about.means, trusted=options.trust_recipe or bool(about.kept))
    sandbox = drivers.make(about.sandbox)
    overlay = (await sandbox.probe()).overlay
    return EnvironmentParts(about.means, about.repository, sandbox, overlay, observer)


def kept_words(record: Record) -> str:
    """How much is kept, and since when."""
    age = words.age(record.created)
    when = "just now" if age == "now" else f"{age} ago"
    return f"{words.size(record.size)} in {words.count(record.files, 'file')}, made {when} in {record.seconds:.1f} s"


class Telling(Silent):
    """Says what is done and what the commands print, line by line as it comes."""

    def __init__(self, screen: Screen) -> None:
        self._screen = screen
        self._decoder = codecs.getincrementaldecoder("utf-8")("surrogateescape")
        self._rest = ""

    def output(self, chunk: bytes) -> None:
        """Print the lines that are complete."""
        *lines, self._rest = (self._rest + self._decoder.decode(chunk)).split("\n")
        if len(self._rest) > 4096:  # a progress bar that never ends its line
            lines, self._rest = [*lines, self._rest], ""
        if lines:
            self._say([f"  {words.clean(line)}" for line in lines])

    def phase(self, text: str) -> None:
        """Print it."""
        self.flush()
        look = self._screen.look(error=self._screen.json)
        self._say([look.bold(words.line(text) + look.more)])

    def flush(self) -> None:
        """Print a line that has not ended."""
        if self._rest:
            rest, self._rest = self._rest, ""
            self._say([f"  {words.clean(rest)}"])

    def _say(self, lines: list[str]) -> None:
        try:
            self._screen.say(lines)
        except OSError:
            self._screen.hush()  # nobody reads any more; the work goes on
