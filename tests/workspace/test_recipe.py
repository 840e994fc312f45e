"""The environment recipe: what it may say, and what is said about everything else."""

from __future__ import annotations

import pytest

from midwatch.domain.errors import InputError
from midwatch.domain.task import NeededSecret
from midwatch.workspace.recipe import Caps, Extras, Hosts, Recipe, parse

FULL = b"""\
base = "debian"
setup = ["python3 -m venv .venv", ".venv/bin/pip install -e ."]
maintenance = [".venv/bin/pip install -e ."]
checks = ["python -m pytest -q"]
lock_files = ["requirements/*.txt"]
cache_by_commit = true

[variables]
TZ = "UTC"

[network]
setup = ["preset:python", "registry.example.com"]
agent = ["docs.example.org read-only"]

[secrets]
TOKEN = { host = "registry.example.com", header = "Authorization", format = "Bearer {}" }

[limits]
memory_mib = 2048
cpus = 1.5
check_seconds = 60

[repository]
submodules = true
private_submodules = ["https://git.example.org/o/r"]
"""


def test_checks_and_variables_are_read() -> None:
    data = b'checks = ["python -m pytest -q", "make lint"]\n[variables]\nTZ = "UTC"\nMODE = ""\n'
    assert parse(data) == Recipe(("python -m pytest -q", "make lint"), (("TZ", "UTC"), ("MODE", "")))


def test_everything_that_a_recipe_may_say_is_read() -> None:
    assert parse(FULL) == Recipe(
        checks=("python -m pytest -q",),
        variables=(("TZ", "UTC"),),
        base="debian",
        setup=("python3 -m venv .venv", ".venv/bin/pip install -e ."),
        maintenance=(".venv/bin/pip install -e .",),
        network=Hosts(("preset:python", "registry.example.com"), ("docs.example.org read-only",)),
        secrets=(NeededSecret("TOKEN", "registry.example.com", "Authorization", "Bearer {}"),),
        limits=Caps(memory_mib=2048, cpus=1.5, check_seconds=60),
        repository=Extras(submodules=True, private_submodules=("https://git.example.org/o/r",)),
        lock_files=("requirements/*.txt",),
        cache_by_commit=True,
    )


def test_an_empty_recipe_is_a_recipe() -> None:
    assert parse(b"") == parse(b"# nothing yet\n") == Recipe()


@pytest.mark.parametrize(
    ("data", "message", "mend"),
    [
        (b"checks = [", "not valid TOML", "mend the line"),
        (b"checks = [\xff]", "not UTF-8 (byte 10)", "save it as UTF-8"),
        (b'stup = ["pip install x"]', "unknown key 'stup'", "did you mean `setup`?"),
        (b'check = "x"', "unknown key 'check'", "correct its name"),
        (b"[network]\nagents = []", "unknown key 'network.agents'", "did you mean `network.agent`?"),
        (b"[limits]\nmemory = 3", "unknown key 'limits.memory'", "`limits.memory_mib`"),
        (b'[secrets.T]\nhost = "a.b"\nhots = 1', "unknown key 'secrets.T.hots'", "did you mean `secrets.T.host`?"),
        (b"[secrets.T]", "`secrets.T.host` is missing", "[secrets]"),
        (b'secrets = "x"', "`secrets` must be a table, not str", "[secrets]"),
        (b'[secrets]\nT = "x"', "`secrets.T` must be a table, not str", "[secrets]"),
        (b'setup = "npm ci"', "`setup` must be a list of strings, not str", 'setup = ["npm ci"]'),
        (b"[network]\nsetup = [1]", "entry 1 of `network.setup` must be a string, not int", "[network]"),
        (b"[limits]\nmemory_mib = 0", "`limits.memory_mib` must be more than 0", "that line"),
        (b'[limits]\ncpus = "two"', "`limits.cpus` must be a number", "that line"),
        (b"[limits]\ncpus = inf", "`limits.cpus` must be a finite number", "that line"),
        (b"[repository]\nlfs = 1", "`repository.lfs` must be true or false", "that line"),
        (b"[repository]\nprivate_submodules = 1", "must be a list of strings, not int", "private_submodules = ["),
        (b'[repository]\nprivate_submodules = ["o/r"]', "'o/r' is no address", "https://git.example.org"),
        (b'[repository]\nprivate_submodules = ["https://a:b@c.d/e/f"]', "is no address", "https://git.example.org"),
        (b'[repository]\nprivate_submodules = ["https://c.d/e/f"]', "nothing without submodules", "submodules = true"),
        (b"cache_by_commit = 1", "`cache_by_commit` must be true or false", "that line"),
        (b'setup = ["a", " "]', "setup 2 is empty", "give a command"),
        (b'base = "/srv/root"', "base = '/srv/root' is no name", "[environments.bases]"),
        (b'base = "../x"', "base = '../x' is no name", "may not name folders"),
        (b'lock_files = ["../x"]', "'../x' is no pattern", "relative to the top"),
        (b'lock_files = ["/etc/passwd"]', "'/etc/passwd' is no pattern", "relative to the top"),
        (b'[network]\nsetup = ["https://pypi.org/"]', "network: ", "pypi.org"),
        (b'[network]\nagent = ["preset:pyton"]', "no preset 'pyton'", "preset:python"),
        (b'[secrets.T]\nhost = "a.example"', "a.example is not among the hosts", 'add "a.example"'),
        (b'network.setup = ["a.b"]\n[secrets.T]\nhost = "*.a.b"', "is not one exact host", "host ="),
        (b'network.setup = ["a.b"]\n[secrets.T]\nhost = "A.b"', "is not one exact host", "host ="),
        (b'network.setup = ["a.b"]\n[secrets.T]\nhost = "a.b"\nheader = "Host"', "cannot carry", "header ="),
        (b'network.setup = ["a.b"]\n[secrets.T]\nhost = "a.b"\nheader = "X: y"', "cannot carry", "header ="),
        (b'network.setup = ["a.b"]\n[secrets.T]\nhost = "a.b"\nformat = "x"', "must hold {} once", "format ="),
        (b'network.setup = ["a.b"]\n[secrets.T]\nhost = "a.b"\nformat = "{}\\n"', "must hold {} once", "format ="),
        (b'network.setup = ["a.b"]\n[secrets.1T]\nhost = "a.b"', "'1T' cannot be the name of a secret", "letters"),
        (b'checks = "pytest"', "`checks` must be a list of strings, not str", 'checks = ["'),
        (b'checks = ["a", 3]', "entry 2 of `checks` must be a string, not int", 'checks = ["'),
        (b'checks = [""]', "check 1 is empty", "give a command"),
        (b'variables = "A=b"', "`variables` must be a table, not str", "[variables]"),
        (b"[variables]\nPORT = 8080", "the variable PORT must be a string, not int", 'PORT = "'),
        (b"[variables.A]\nb = 1", "the variable A must be a string, not dict", "in quotes"),
        (b'[variables]\n"A-B" = "x"', "'A-B' cannot be the name of a variable", "letters, digits"),
        (b'[variables]\nPATH = "/x"', "PATH is set by Midwatch itself", "take it out"),
        (b'[variables]\nMIDWATCH_X = "y"', "MIDWATCH_X is set by Midwatch itself", "take it out"),
        (b'[variables]\nA = "\\u0000"', "the value of A holds a NUL", "take it out"),
    ],
)
def test_what_is_wrong_is_named_with_the_file_the_key_and_the_fix(data: bytes, message: str, mend: str) -> None:
    with pytest.raises(InputError) as caught:
        parse(data)
    assert caught.value.message.startswith(".midwatch/environment.toml")
    assert message in caught.value.message
    assert mend in caught.value.mend
