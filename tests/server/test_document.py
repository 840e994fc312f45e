"""The server answers as its OpenAPI document says, whatever is sent."""

from __future__ import annotations

import asyncio
import os
import subprocess
import sys
from pathlib import Path

from tests.support.api import serving
from tests.support.place import make_repository

CHECKS = (
    "not_a_server_error",
    "status_code_conformance",
    "content_type_conformance",
    "response_headers_conformance",
    "response_schema_conformance",
    "negative_data_rejection",
    "unsupported_method",
)
EXAMPLES = os.environ.get("TEST_EXAMPLES", "")
"""Made-up requests for each operation, beside every boundary of every parameter: minutes. The suite only tries two for
each operation, on a task that is there."""


async def test_no_request_is_answered_with_a_fault_or_in_a_way_that_is_not_documented(tmp_path: Path) -> None:
    config = tmp_path / "config/midwatch"
    config.mkdir(parents=True)
    (config / "config.toml").write_text("[server]\nrequests_per_second = 1e6\nrequests_at_once = 1000000\n")
    environ = {"PATH": "/usr/bin:/bin", "XDG_STATE_HOME": str(tmp_path), "XDG_CONFIG_HOME": str(tmp_path / "config")}
    async with serving(tmp_path, environ) as api:
        await api.registered("calc", make_repository(tmp_path / "calc", {"a.txt": "a\n"}))
        async with api.as_user("root", admin=True) as root:
            token = (await root.post("/tokens", json={"name": "tests", "scope": "admin"})).json()["secret"]
            asked = {"prompt": "Mend it", "repository": "calc"}
            task = (await root.post("/tasks", json=asked)).json()["id"]
        if not EXAMPLES:
            (tmp_path / "schemathesis.toml").write_text(
                f'[parameters]\n"path.task" = "{task}"\n"path.attempt" = "{task}.1"\n'
            )
        command = [
            sys.executable, "-m", "schemathesis.cli", "run", f"{api.url}/api/v1/openapi.json",
            "--header", f"Authorization: Bearer {token}", "--checks", ",".join(CHECKS), "--seed", "1",
            "--phases", "examples,coverage,fuzzing" if EXAMPLES else "fuzzing", "--max-examples", EXAMPLES or "2",
            "--exclude-path", "/api/v1/tasks/import",  # whose lines it cannot make
            "--exclude-path", "/api/v1/stream",  # which does not end
            "--suppress-health-check", "all", "--no-color",
        ]  # fmt: skip
        done = await asyncio.to_thread(subprocess.run, command, capture_output=True, text=True, cwd=tmp_path)
    assert done.returncode == 0, done.stdout[-20000:] + done.stderr[-2000:]
