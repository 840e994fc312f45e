from __future__ import annotations

from pathlib import Path

import pytest

from tests.sandbox.egress.ground import Authority


@pytest.fixture
def internet(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Authority:
    """An authority that Midwatch is told to trust, as a person tells it."""
    authority = Authority(tmp_path)
    monkeypatch.setenv("SSL_CERT_FILE", str(authority.file))
    return authority
