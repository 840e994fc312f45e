"""Works on a task with two MCP servers, one in the box and one outside, and kills itself when told.

    python -m tests.crash.mcp_driver ROOT [N before|after]

dies by SIGKILL before or after the N-th append of this process. Both servers add lines to a file, so that a call made
twice shows: the one in the box to the workspace's count.txt, the other to ROOT/count.txt.
"""

from __future__ import annotations

import asyncio
import sys
from pathlib import Path

from midwatch.models.fake import FakeModel, calls, says
from midwatch.tools.mcp.config import McpSettings, ServerSettings
from midwatch.workflows.solve import solve
from tests.crash.driver import DeadlyStore
from tests.support.place import Place

SERVER = "tools/server.py"
"""In the repository."""
SCRIPT = [
    calls("mcp__box__zeta", line="one"),
    calls("mcp__host__zeta", line="one"),
    calls("mcp__box__zeta", line="two"),
    calls("mcp__box__alpha"),
    says("Count further"),
]


async def main(root: Path, fatal: int = 0, when: str = "") -> None:
    """Work on the task until it is done or this process is dead."""
    outside = (str(root / "repo" / SERVER),)
    servers = {
        "box": ServerSettings(command="python3", args=(SERVER,)),
        "host": ServerSettings(command=sys.executable, args=outside, trusted=True, allow=("zeta",)),
    }
    place = Place(root, root / "repo", mcp=McpSettings(servers))
    name = root / "task"
    if not name.exists():
        name.write_text((await place.task(["grep -q two count.txt"], mcp=("box", "host"))).id)
    store = DeadlyStore(place.state, fatal, when)
    task = (await store.find(name.read_text())).task
    await solve(task, await place.parts(store, task, FakeModel(SCRIPT)))
    await store.close()


if __name__ == "__main__":
    given = sys.argv[1:]
    kill = (int(given[1]), given[2]) if len(given) > 1 else (0, "")
    asyncio.run(main(Path(given[0]), *kill))
