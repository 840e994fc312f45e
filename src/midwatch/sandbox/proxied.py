"""The proxy of one box, and the files that its programs need to trust it."""

from __future__ import annotations

import socket
from collections.abc import Mapping
from pathlib import Path
from typing import Protocol

from midwatch.sandbox.egress.environment import FOLDER as FOLDER
from midwatch.sandbox.spec import BoxSpec


def shown_folder(spec: BoxSpec) -> Path:
    """The host folder that a driver shows at FOLDER when `spec.network` is there; made when missing."""
    folder = spec.private / "network"
    folder.mkdir(parents=True, exist_ok=True, mode=0o755)
    return folder


class _Proxy(Protocol):
    environment: Mapping[str, str]
    files: Mapping[str, bytes]

    async def close(self) -> None:
        """End every connection."""


class Proxied:
    """A running proxy."""

    def __init__(self, proxy: _Proxy) -> None:
        self.environment = dict(proxy.environment)
        self._proxy = proxy

    @classmethod
    async def start(cls, listener: socket.socket, spec: BoxSpec) -> Proxied:
        """Start it on the socket that the box listens on. Raises OperationError, OSError."""
        from midwatch.sandbox.egress.serve import start_proxy

        assert spec.network is not None
        proxy = await start_proxy(listener, spec.network)
        try:
            folder = shown_folder(spec)
            for path, content in proxy.files.items():
                place = folder / path.removeprefix(FOLDER + "/")
                assert place.parent == folder, f"the proxy's file {path} is not in {FOLDER}"
                place.write_bytes(content)
                place.chmod(0o644)
        except BaseException:
            await proxy.close()
            raise
        return cls(proxy)

    async def close(self) -> None:
        """As the proxy's."""
        await self._proxy.close()
