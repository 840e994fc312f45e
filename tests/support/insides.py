"""A workspace as a box sees it: code runs in the plain folder, or in an overlay that bubblewrap mounts."""

from __future__ import annotations

import json
import os
import subprocess
from dataclasses import dataclass
from pathlib import Path

import pytest

from midwatch.sandbox.locate import candidates
from midwatch.sandbox.spec import Overlay
from midwatch.workspace.checkout import Workspace

_SNAPSHOT = """
import hashlib, json, os, stat, sys
found = {}
for folder, folders, files in os.walk(b'.'):
    if folder == b'.':
        folders[:] = [name for name in folders if name != b'.git']
    for name in [b''] + folders + files:
        path = os.path.join(folder, name) if name else folder
        status = os.lstat(path)
        kind = stat.S_IFMT(status.st_mode)
        what = ''
        if stat.S_ISLNK(kind):
            what = os.readlink(path).hex()
        elif stat.S_ISREG(kind):
            what = hashlib.sha256(open(path, 'rb').read()).hexdigest()
        mode = 0 if stat.S_ISLNK(kind) else status.st_mode & 0o7777
        found[path.decode('utf-8', 'surrogateescape')] = [kind, mode, what]
print(json.dumps(found))
"""

Snapshot = dict[str, tuple[int, int, str]]


@dataclass(frozen=True)
class Inside:
    """Runs code in a restored workspace."""

    workspace: Workspace

    def run(self, *argv: str) -> str:
        """Run a command that must succeed; its stdout."""
        done = subprocess.run(self._command(argv), cwd=self._cwd(), capture_output=True, check=False)
        assert done.returncode == 0, done.stderr.decode("utf-8", "replace")
        return done.stdout.decode("utf-8", "surrogateescape")

    def sh(self, script: str) -> str:
        """Run a shell script, which stops at the first command that fails."""
        return self.run("sh", "-euc", script)

    def python(self, code: str) -> str:
        """Run Python code with `os`, `Path` and a function `write(name, content, mode)`."""
        return self.run("/usr/bin/python3", "-I", "-c", _WRITE + code)

    def snapshot(self) -> Snapshot:
        """Kind, permissions and content of everything but `.git`."""
        found = json.loads(self.run("/usr/bin/python3", "-I", "-c", _SNAPSHOT))
        return {path: (kind, mode, what) for path, (kind, mode, what) in found.items()}

    def _cwd(self) -> Path:
        spec = self.workspace.spec()
        return self.workspace.folder if isinstance(spec, Overlay) else spec

    def _command(self, argv: tuple[str, ...]) -> list[str]:
        spec = self.workspace.spec()
        if not isinstance(spec, Overlay):
            return list(argv)
        seen = self.workspace.folder.parent / "seen"
        seen.mkdir(exist_ok=True)
        program = candidates()[0]
        command = [str(program.path), "--dev-bind", "/", "/", "--unshare-user"]
        for layer in spec.lower:
            command += ["--overlay-src", str(layer)]
        command += ["--overlay", str(spec.upper), str(spec.work), str(seen), "--chdir", str(seen), "--", *argv]
        return ["env", f"LD_LIBRARY_PATH={program.libraries or ''}", *command]


_WRITE = """
import os, shutil
from pathlib import Path
def write(name, content=b'x', mode=None):
    name, content = os.fsencode(name), os.fsencode(content)
    if os.path.dirname(name):
        os.makedirs(os.path.dirname(name), exist_ok=True)
    with open(name, 'wb') as file:
        file.write(content)
    if mode is not None:
        os.chmod(name, mode)
"""


def overlays_work(folder: Path) -> bool:
    """Whether an overlay can be mounted here by an unprivileged user namespace."""
    for name in ("lower", "upper", "work", "seen"):
        (folder / name).mkdir()
    program = candidates()[0]
    command = [str(program.path), "--dev-bind", "/", "/", "--unshare-user", "--overlay-src", str(folder / "lower")]
    command += ["--overlay", *(str(folder / name) for name in ("upper", "work", "seen")), "true"]
    environment = {**os.environ, "LD_LIBRARY_PATH": str(program.libraries or "")}
    return subprocess.run(command, env=environment, capture_output=True, check=False).returncode == 0


@pytest.fixture(scope="session")
def overlay(tmp_path_factory: pytest.TempPathFactory) -> None:
    """Skips where no overlay can be mounted."""
    if not overlays_work(tmp_path_factory.mktemp("overlay")):
        pytest.skip("no overlayfs in a user namespace here")
