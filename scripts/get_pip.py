"""Put pip into a virtual environment that was made without it: run by that environment's Python, by scripts/setup.

Debian and Ubuntu split `ensurepip` off into python3-venv, which a fresh machine may not have. Three ways, in order:
the machine's own pip (`pip --python`), the wheel that distributions keep for this, a fixed pip wheel from the index.
"""

from __future__ import annotations

import hashlib
import os
import re
import subprocess
import sys
import tempfile
import urllib.parse
import urllib.request
from pathlib import Path

WHEEL = "pip-26.3-py3-none-any.whl"
SHA256 = "f3b60b20ffaadd4415ed7957212a38ac63fa4c5fa375bd0f4a797777940fad13"
INDEX = "https://pypi.org/simple"


def by_the_machines_pip() -> bool:
    """`python3 -m pip --python THIS install pip`, which PEP 668 allows, since the target is a virtual environment."""
    base = Path(sys.base_prefix) / "bin" / f"python3.{sys.version_info.minor}"
    command = [str(base), "-m", "pip", "--python", sys.executable, "install", "--quiet", "pip"]
    return base.exists() and subprocess.run(command, capture_output=True, check=False).returncode == 0


def by_wheel(wheel: Path) -> bool:
    """Let the pip inside a wheel install itself."""
    command = [sys.executable, f"{wheel}/pip", "install", "--quiet", "--no-deps", "--no-index", str(wheel)]
    return subprocess.run(command, check=False).returncode == 0


def by_the_distributions_wheel() -> bool:
    """Debian's python3-pip-whl, Fedora's python-pip-wheel: in the same folder."""
    wheels = sorted(Path("/usr/share/python-wheels").glob("pip-*.whl"))
    return bool(wheels) and by_wheel(wheels[-1])


def by_the_index() -> bool:
    """Download one fixed version, check its digest, run it."""
    page = (os.environ.get("PIP_INDEX_URL") or INDEX).rstrip("/") + "/pip/"
    with urllib.request.urlopen(page, timeout=60) as answer:
        links = re.findall(r'href="([^"]+)"', answer.read().decode())
    link = next((found for found in links if urllib.parse.urlsplit(found).path.endswith("/" + WHEEL)), None)
    if link is None:
        raise OSError(f"{page} does not list {WHEEL}")
    with urllib.request.urlopen(urllib.parse.urljoin(page, link), timeout=60) as answer:
        data = answer.read()
    if hashlib.sha256(data).hexdigest() != SHA256:
        raise OSError(f"{WHEEL} from {page} has not the expected SHA-256; it was not run")
    with tempfile.TemporaryDirectory() as folder:
        wheel = Path(folder) / WHEEL
        wheel.write_bytes(data)
        return by_wheel(wheel)


def main() -> int:
    """0 when pip is there afterwards."""
    if sys.prefix == sys.base_prefix:
        print("get_pip: run this with the Python of a virtual environment", file=sys.stderr)
        return 2
    try:
        return 0 if by_the_machines_pip() or by_the_distributions_wheel() or by_the_index() else 1
    except OSError as error:
        print(f"get_pip: {error}", file=sys.stderr)
        return 1


if __name__ == "__main__":
    sys.exit(main())
