"""The least that an agent in Python costs, to compare with: a loop of model call and `bash -c`.

No sandbox, no log, no checkpoint, no pull request; the standard library alone.
"""

from __future__ import annotations

import asyncio
import json
import sys
from typing import Any
from urllib.parse import urlsplit

from scripts.benches.jobs import PROMPT

_PARAMETERS = {"type": "object", "properties": {"command": {"type": "string"}}, "required": ["command"]}
_TOOL = {"name": "bash", "description": "Run a command.", "parameters": _PARAMETERS}


async def job(base_url: str, folder: str) -> None:
    """One conversation, from the prompt to the answer without a call."""
    parts = urlsplit(base_url)
    reader, writer = await asyncio.open_connection(parts.hostname, parts.port, limit=1 << 24)
    messages: list[dict[str, Any]] = [{"role": "user", "content": PROMPT}]
    head = f"POST {parts.path}/chat/completions HTTP/1.1\r\nHost: {parts.netloc}\r\nContent-Length: "
    while True:
        body = json.dumps({"model": "m", "tools": [{"type": "function", "function": _TOOL}], "messages": messages})
        writer.write(f"{head}{len(body)}\r\n\r\n{body}".encode())
        told = (await reader.readuntil(b"\r\n\r\n")).lower()
        length = int(told.partition(b"content-length: ")[2].split(b"\r\n")[0])
        message = json.loads(await reader.readexactly(length))["choices"][0]["message"]
        messages.append(message)
        if "tool_calls" not in message:
            break
        for call in message["tool_calls"]:
            process = await asyncio.create_subprocess_exec(
                "/bin/bash", "-c", json.loads(call["function"]["arguments"])["command"], cwd=folder,
                stdin=asyncio.subprocess.DEVNULL, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.STDOUT,
            )  # fmt: skip
            output, _ = await process.communicate()
            text = f"exit {process.returncode}\n{output.decode(errors='replace')}"
            messages.append({"role": "tool", "tool_call_id": call["id"], "content": text})
    writer.close()


async def _all(base_url: str, parallel: int, folders: list[str]) -> None:
    room = asyncio.Semaphore(parallel)

    async def one(folder: str) -> None:
        async with room:
            await job(base_url, folder)

    await asyncio.gather(*map(one, folders))


def main() -> None:
    """`BASE_URL PARALLEL FOLDER…`"""
    asyncio.run(_all(sys.argv[1], int(sys.argv[2]), sys.argv[3:]))
