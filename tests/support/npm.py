"""Real MCP servers of the npm registry, installed once into the user's cache."""

from __future__ import annotations

import fcntl
import os
import shutil
import subprocess
from pathlib import Path

import pytest

VERSIONS = {
    "@modelcontextprotocol/server-everything": "2026.8.31",
    "@modelcontextprotocol/server-filesystem": "2026.8.31",
}
ALL = "TEST_ALL_DRIVERS"
"""Set where everything must be there, as in CI; then what is missing is a failure."""
NODE = "/usr/bin/node"


def server(name: str) -> str:
    """The program of `server-NAME`, for node. Skips where there is no npm, or no registry."""
    folder = _installed()
    return str(folder / "node_modules/@modelcontextprotocol" / f"server-{name}" / "dist/index.js")


def _installed() -> Path:
    if not Path(NODE).exists() or shutil.which("npm", path="/usr/bin") is None:
        _lacking("npm is not installed")
    cache = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")
    folder = cache / "midwatch-tests" / f"mcp-{'-'.join(sorted(set(VERSIONS.values())))}"
    folder.mkdir(parents=True, exist_ok=True)
    with (folder / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not (folder / "done").exists():
            wanted = [f"{package}@{version}" for package, version in VERSIONS.items()]
            options = ["--no-audit", "--no-fund", "--no-save", "--ignore-scripts", "--prefix", str(folder)]
            made = subprocess.run(
                ["/usr/bin/npm", "install", *options, *wanted], capture_output=True, text=True, check=False, cwd=folder
            )
            if made.returncode:
                _lacking(f"npm could not install the servers: {made.stderr[-300:]}")
            (folder / "done").touch()
    return folder


def _lacking(what: str) -> None:
    if os.environ.get(ALL):
        pytest.fail(what)
    pytest.skip(what)
