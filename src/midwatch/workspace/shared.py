"""What of the host is shared with a box, and what never is."""

from __future__ import annotations

import contextlib
import pwd
import stat
from collections.abc import Mapping
from os import geteuid
from pathlib import Path

SYSTEM = (Path("/usr"), Path("/bin"), Path("/lib"), Path("/lib64"), Path("/sbin"))
"""Always in a box."""

SYSTEM_PATH = ("/usr/local/sbin", "/usr/local/bin", "/usr/sbin", "/usr/bin", "/sbin", "/bin")

_TOP = ("etc", "root", "home", "var", "opt", "srv", "mnt", "media", "run", "tmp", "proc", "sys", "dev", "boot", "Users")
_NEVER = {Path("/"), *(Path("/", name) for name in _TOP)}
_TELLTALES = (
    ".ssh",
    ".aws",
    ".gnupg",
    ".netrc",
    ".kube",
    ".docker",
    ".config",
    ".bash_history",
    ".git",
    ".git-credentials",
)
"""A folder with one of these is somebody's home, or a repository, not a toolchain."""
_OF_A_HOME = (".local", ".local/share", ".local/state", ".config", ".cache")
"""Of a home: whatever stands right there shares the folder with keyrings, sessions and tokens."""
_MASKED = (
    "pip.conf",
    "pip.ini",
    "uv.toml",
    ".pypirc",
    ".condarc",
    "condarc",
    ".netrc",
    ".npmrc",
    "etc/npmrc",
    ".yarnrc",
    ".yarnrc.yml",
    ".env",
    ".env.*",
)
"""Files at the top of a toolchain, as patterns, that may hold a credential."""


def resolve(path: Path) -> Path:
    """Without symbolic links; the path itself where they go in circles."""
    try:
        return path.resolve()
    except (OSError, RuntimeError):
        return path


def exists(path: Path) -> bool:
    """Whether it is there, as far as we may see: `Path.exists` raises for what is in another user's folder."""
    return _mode(path) != 0


def is_file(path: Path) -> bool:
    """Whether it is a file that we may see."""
    return stat.S_ISREG(_mode(path))


def is_folder(path: Path) -> bool:
    """Whether it is a folder that we may see."""
    return stat.S_ISDIR(_mode(path))


def glob(folder: Path, pattern: str) -> list[Path]:
    """What fits the pattern, sorted; nothing where we may not look."""
    try:
        return sorted(folder.glob(pattern))
    except OSError:
        return []


def _mode(path: Path) -> int:
    try:
        return path.stat().st_mode
    except (OSError, ValueError):
        return 0


def is_system(path: Path) -> bool:
    """Whether a box has it anyway."""
    return any(path.is_relative_to(folder) for folder in SYSTEM)


def shim(program: Path) -> bool:
    """Whether it is a script that only looks for the real program (pyenv, asdf)."""
    try:
        with program.open("rb") as file:
            return file.read(2) == b"#!"
    except OSError:
        return True


class Shared:
    """Collects what is shared; refuses, with a note, what must stay private."""

    def __init__(self, environ: Mapping[str, str], private: tuple[Path, ...]) -> None:
        self.read_only: list[Path] = []
        self.path: list[str] = []
        self.variables: list[tuple[str, str]] = []
        self.notes: list[str] = []
        homes = {environ.get("HOME", "")}
        with contextlib.suppress(KeyError):  # a user without an entry, as in many containers
            homes.add(pwd.getpwuid(geteuid()).pw_dir)
        own = [Path(home) for home in homes if home.startswith("/") and home != "/"]
        self._wide = {path for home in own for name in _OF_A_HOME for path in (home / name, resolve(home / name))}
        kept = own + list(private)
        self._private = {path for folder in kept for path in (folder, resolve(folder))}

    def add(self, folder: Path) -> bool:
        """Share a folder, read-only at its own path. False, with a note, when it must not be."""
        why = self._refusal(folder)
        if why:
            self.note(f"not shared: {folder} ({why})")
            return False
        if folder not in self.read_only:
            self.read_only.append(folder)
        return True

    def first(self, folder: Path) -> None:
        """Put a folder on PATH, after those that are there already."""
        name = str(folder)
        if name not in self.path and name not in SYSTEM_PATH and ":" not in name:
            self.path.append(name)

    def note(self, text: str) -> None:
        """Tell the person, once."""
        if text not in self.notes:
            self.notes.append(text)

    def masked(self) -> list[Path]:
        """The files to hide, at every path that they have in a box; a link is nothing to hide, what it leads to is."""
        files = {resolve(file) for folder in self.read_only for name in _MASKED for file in glob(folder, name)}
        shown = [(folder, resolve(folder)) for folder in self.read_only]
        places = {
            folder / file.relative_to(real)
            for file in files
            for folder, real in shown
            if file.is_relative_to(real) and is_file(file)
        }
        return sorted(places)

    def _refusal(self, folder: Path) -> str:
        real = resolve(folder)
        if not folder.is_absolute() or not is_folder(real):
            return "no folder"
        for path in (folder, real):
            if path in _NEVER or path.parent == Path("/home"):
                return "holds more than a toolchain"
            for private in self._private:
                if private.is_relative_to(path):
                    return f"{private} is inside"
            if any(wide.is_relative_to(path) for wide in self._wide):
                return "holds more than a toolchain"
        for name in _TELLTALES:
            if exists(real / name):
                return f"it holds {name}"
        return ""
