"""Node, Go and Rust for a box: only when a check names one of their programs."""

from __future__ import annotations

import re
import shutil
import tomllib
from collections.abc import Mapping, Sequence
from pathlib import Path

from midwatch.workspace.shared import Shared, exists, glob, is_file, is_folder, is_system, resolve, shim

_NODE = re.compile(r"(?:^|[\s;&|(])(?:node|npm|npx|yarn|pnpm)(?=\s|$)")
_GO = re.compile(r"(?:^|[\s;&|(])go(?=\s|$)")
_RUST = re.compile(r"(?:^|[\s;&|(])(?:cargo|rustc)(?=\s|$)")


def other_languages(checks: Sequence[str], environ: Mapping[str, str], shared: Shared) -> None:
    """Share the installations behind `node`, `go` and `cargo` on the person's PATH."""
    text = "\n".join(checks)
    for pattern, share in ((_NODE, _node), (_GO, _go), (_RUST, _rust)):
        if pattern.search(text):
            share(environ, shared)


def _node(environ: Mapping[str, str], shared: Shared) -> None:
    found = _program("node", environ)
    if found is None:
        shared.note("node: not on your PATH")
        return
    real = resolve(found)
    if real.name == "volta-shim":
        images = Path(environ.get("VOLTA_HOME") or found.parent.parent, "tools/image/node")
        versions = sorted(glob(images, "*/bin/node"), key=lambda path: _version(path.parent.parent.name))
        if versions:
            real = versions[-1]
    if real.name != "node" or shim(real):
        shared.note(f"node: {found} only looks for the real program; put that one's folder on PATH")
        return
    _installation("node", real.parent.parent, shared)


def _go(environ: Mapping[str, str], shared: Shared) -> None:
    found = _program("go", environ)
    root = environ.get("GOROOT", "")
    if root.startswith("/") and is_file(Path(root, "bin/go")):
        found = Path(root, "bin/go")
    if found is None or shim(found):
        shared.note(
            "go: not on your PATH" if found is None else f"go: {found} only looks for the real program; set GOROOT"
        )
        return
    if not _installation("go", resolve(found).parent.parent, shared):
        return
    home = environ.get("HOME", "/nonexistent")
    path = (environ.get("GOPATH") or f"{home}/go").partition(":")[0]
    modules = Path(environ.get("GOMODCACHE") or Path(path, "pkg/mod"))
    if is_folder(modules) and shared.add(modules):
        shared.variables += [("GOMODCACHE", str(modules)), ("GOPROXY", "off")]
        shared.note(f"go: modules from {modules} (read-only)")


def _rust(environ: Mapping[str, str], shared: Shared) -> None:
    found = _program("cargo", environ)
    if found is None:
        shared.note("cargo: not on your PATH")
        return
    if not exists(found.parent / "rustup"):
        _installation("cargo", resolve(found).parent.parent, shared)
        return
    # ~/.cargo/bin holds doors to rustup, beside credentials; the toolchain itself is elsewhere.
    home = Path(environ.get("RUSTUP_HOME") or Path(environ.get("HOME", "/nonexistent"), ".rustup"))
    name = environ.get("RUSTUP_TOOLCHAIN") or _default_toolchain(home)
    folders = [home / "toolchains" / name] if name else []
    folders += glob(home / "toolchains", f"{name}-*") if re.fullmatch(r"[\w.-]+", name) else []
    for folder in folders:
        if is_file(folder / "bin/cargo"):
            _installation("cargo", folder, shared)
            return
    shared.note(f"cargo: no toolchain found in {home}/toolchains; set RUSTUP_TOOLCHAIN")


def _default_toolchain(home: Path) -> str:
    try:
        name = tomllib.loads((home / "settings.toml").read_text("utf-8")).get("default_toolchain", "")
    except (OSError, ValueError):
        return ""
    return name if isinstance(name, str) else ""


def _installation(tool: str, prefix: Path, shared: Shared) -> bool:
    """Share an installation; one below /usr is there already and only needs its place on PATH."""
    if not is_system(prefix):
        if not shared.add(prefix):
            return False
        shared.note(f"{tool}: {prefix} (read-only)")
    shared.first(prefix / "bin")
    return True


def _program(name: str, environ: Mapping[str, str]) -> Path | None:
    found = shutil.which(name, path=environ.get("PATH", ""))
    return Path(found) if found and found.startswith("/") else None


def _version(text: str) -> list[int]:
    return [int(part) for part in re.findall(r"\d+", text)]
