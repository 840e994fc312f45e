"""The exec server's modules are compiled before a box, which may not write, has to do it each time."""

from __future__ import annotations

import os
import shutil
import sys
from pathlib import Path

import pytest

from midwatch.sandbox import runtime


def test_modules_are_compiled_once_and_again_when_they_change(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    server = tmp_path / "boxd"
    shutil.copytree(runtime._SERVER, server, ignore=shutil.ignore_patterns("__pycache__"))
    monkeypatch.setattr(runtime, "_SERVER", server)
    monkeypatch.setattr(sys, "dont_write_bytecode", True)
    runtime.compiled()
    assert not (server / "__pycache__").exists()
    monkeypatch.setattr(sys, "dont_write_bytecode", False)
    monkeypatch.setattr(sys, "pycache_prefix", None)
    runtime.compiled()
    first = {path.name: path.stat().st_ino for path in (server / "__pycache__").iterdir()}
    assert {name.partition(".")[0] for name in first} == {path.stem for path in server.glob("*.py")}
    (server / "wire.py").write_text("changed = True\n")
    (server / "main.py").write_text("this is no Python\n")
    later = max(path.stat().st_mtime for path in (server / "__pycache__").iterdir()) + 10
    for name in ("wire.py", "main.py"):
        os.utime(server / name, (later, later))
    runtime.compiled()
    again = {path.name: path.stat().st_ino for path in (server / "__pycache__").iterdir()}
    assert {name.partition(".")[0] for name in first if first[name] != again[name]} == {"wire"}
