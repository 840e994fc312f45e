"""The published TypeScript SDK of Codex, and how it is driven."""

from __future__ import annotations

import fcntl
import json
import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.cli.conftest import Program

VERSION = "0.163.0"
Drive = Callable[..., list[dict[str, Any]]]


@pytest.fixture(scope="session")
def sdk() -> Path:
    """The SDK, from the registry into the user's cache once."""
    if shutil.which("npm") is None or shutil.which("node") is None:
        pytest.skip("npm is not installed")
    base = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")
    folder = base / "midwatch-tests" / f"codex-sdk-{VERSION}"
    folder.mkdir(parents=True, exist_ok=True)
    module = folder / "node_modules/@openai/codex-sdk/dist/index.js"
    with (folder / ".lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not module.is_file():
            command = ["npm", "install", "--no-audit", "--no-fund", "--ignore-scripts", "--omit=optional"]
            done = subprocess.run(
                [*command, f"@openai/codex-sdk@{VERSION}"], cwd=folder, capture_output=True, timeout=300, check=False
            )
            if done.returncode:
                pytest.skip(f"the SDK cannot be installed: {done.stderr.decode()[-300:]}")
    return module


@pytest.fixture
def drive(sdk: Path, program: Program) -> Drive:
    """Runs a job; the program is a script of its own, as an installed one is."""
    script = program.folder / "midwatch"
    script.write_text(f'#!/bin/sh\nexec "{sys.executable}" -m midwatch "$@"\n')
    script.chmod(0o755)

    def run(*steps: dict[str, Any], **codex: Any) -> list[dict[str, Any]]:
        options = {"codexPathOverride": str(script), "baseUrl": program.base_url, "apiKey": "test", **codex}
        job = json.dumps({"sdk": str(sdk), "codex": options, "steps": steps})
        driver = Path(__file__).with_name("drive.mjs")
        done = subprocess.run(
            ["node", str(driver)], input=job.encode(), cwd=program.repo, env=program.env(), capture_output=True,
            timeout=300, check=False,
        )  # fmt: skip
        assert done.returncode == 0, done.stderr.decode()
        results: list[dict[str, Any]] = json.loads(done.stdout)
        return results

    return run
