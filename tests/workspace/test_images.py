"""Archives of container images become one root file system."""

from __future__ import annotations

import hashlib
import io
import json
import os
import platform
import tarfile
from collections.abc import Sequence
from pathlib import Path

import pytest

from midwatch.domain.errors import OperationError
from midwatch.workspace.images import is_image
from midwatch.workspace.roots import root_of, unpacked

Member = tuple[str, str | None, str]
"""Name, content (None for a folder), and for a link what it leads to, with `=` before it for a hard one."""

BASE: list[Member] = [
    ("usr/bin", None, ""), ("usr/bin/sh", "shell", ""), ("bin", "", "usr/bin"), ("etc/gone", "old", ""),
    ("etc/kept", "old", ""), ("data/one", "1", ""), ("data/two", "2", ""), ("run", None, ""),
    ("var/run", "", "/run"), ("usr/bin/bash", "", "=usr/bin/sh"),
]  # fmt: skip
SECOND: list[Member] = [
    ("bin/tool", "tool", ""), ("etc/.wh.gone", "", ""), ("etc/kept", "new", ""), ("data/.wh..wh..opq", "", ""),
    ("data/three", "3", ""), ("var/run/pid", "77", ""), ("usr/bin/sh", "newer shell", ""),
]  # fmt: skip


def layer(members: Sequence[Member], mode: str = "w:gz") -> bytes:
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode=mode) as archive:  # type: ignore[call-overload]
        for name, content, link in members:
            info = tarfile.TarInfo(name)
            info.mode = 0o755
            if content is None:
                info.type = tarfile.DIRTYPE
            elif link:
                info.type = tarfile.LNKTYPE if link.startswith("=") else tarfile.SYMTYPE
                info.linkname = link.removeprefix("=")
            else:
                info.size = len(content)
            archive.addfile(info, io.BytesIO((content or "").encode()) if info.isreg() else None)
    return out.getvalue()


def packed(path: Path, files: dict[str, bytes]) -> Path:
    with tarfile.open(path, "w") as archive:
        for name, content in files.items():
            info = tarfile.TarInfo(name)
            info.size = len(content)
            archive.addfile(info, io.BytesIO(content))
    return path


def docker(path: Path, *layers: Sequence[Member]) -> Path:
    names = [f"{number}/layer.tar" for number in range(len(layers))]
    files = {name: layer(members) for name, members in zip(names, layers, strict=True)}
    return packed(path, {**files, "manifest.json": json.dumps([{"Config": "c.json", "Layers": names}]).encode()})


def oci(path: Path, *layers: Sequence[Member]) -> Path:
    blobs: dict[str, bytes] = {}

    def blob(content: bytes) -> str:
        digest = hashlib.sha256(content).hexdigest()
        blobs[f"blobs/sha256/{digest}"] = content
        return f"sha256:{digest}"

    manifest = blob(json.dumps({"layers": [{"digest": blob(layer(members, "w"))} for members in layers]}).encode())
    other = blob(b"{}")
    machine = {"x86_64": "amd64", "aarch64": "arm64"}[platform.machine()]
    index = [
        {"digest": other, "platform": {"architecture": "s390x"}},
        {"digest": manifest, "platform": {"architecture": machine}},
    ]
    top = {"manifests": [{"digest": blob(json.dumps({"manifests": index}).encode())}]}
    return packed(path, {"oci-layout": b"{}", "index.json": json.dumps(top).encode(), **blobs})


async def root(archive: Path, tmp_path: Path) -> Path:
    found = await root_of("image", {"image": str(archive)}, tmp_path / "state", "/nonexistent")
    return await unpacked(found, tmp_path / "state")


@pytest.mark.parametrize("make", [docker, oci])
async def test_layers_are_merged_with_what_they_take_away(make: object, tmp_path: Path) -> None:
    top = await root(make(tmp_path / "image.tar", BASE, SECOND), tmp_path)  # type: ignore[operator]
    assert (top / "usr/bin/tool").read_text() == "tool"
    assert os.readlink(top / "bin") == "usr/bin"
    assert sorted(os.listdir(top / "etc")) == ["kept"]
    assert (top / "etc/kept").read_text() == "new"
    assert os.listdir(top / "data") == ["three"]
    assert (top / "run/pid").read_text() == "77"
    assert os.readlink(top / "var/run") == "/run"
    assert (top / "usr/bin/sh").read_text() == "newer shell"
    assert (top / "usr/bin/bash").read_text() == "shell"
    assert os.access(top / "usr/bin/sh", os.X_OK)


async def test_an_image_writes_nothing_outside_its_folder(tmp_path: Path) -> None:
    outside = tmp_path / "outside"
    outside.mkdir()
    (outside / "mine").write_text("mine")
    links: list[Member] = [
        ("to", "", str(outside)), ("up", "", "../../../../../../.." + str(outside)), ("hard", "", f"={outside}/mine"),
    ]  # fmt: skip
    through: list[Member] = [
        ("to/planted", "x", ""), ("up/planted", "x", ""), ("to/.wh.mine", "", ""), ("../planted", "x", ""),
        ("/absolute", "x", ""),
    ]  # fmt: skip
    try:
        top = await root(docker(tmp_path / "image.tar", BASE, links[:2], through), tmp_path)
        assert (top / str(outside).lstrip("/") / "planted").read_text() == "x"
    finally:
        assert os.listdir(outside) == ["mine"]
        assert not (tmp_path / "planted").exists()
    with pytest.raises(OperationError, match="cannot be unpacked"):
        await root(docker(tmp_path / "hard.tar", BASE, links[2:]), tmp_path)


@pytest.mark.parametrize(
    ("files", "said"),
    [
        ({"manifest.json": b"[]"}, "no image that can be read"),
        ({"manifest.json": b'[{"Layers": ["nowhere"]}]'}, "no image that can be read"),
        ({"manifest.json": b'[{"Layers": ["a"]}]', "a": b"\x28\xb5\x2f\xfd zstd"}, "plain or gzip"),
        ({"index.json": b'{"manifests": [{"platform": {"architecture": "s390x"}}]}'}, "no image for"),
        ({"index.json": b"{"}, "no image that can be read"),
    ],
)
async def test_what_is_no_whole_image_is_said_and_leaves_nothing(
    files: dict[str, bytes], said: str, tmp_path: Path
) -> None:
    with pytest.raises(OperationError, match=said):
        await root(packed(tmp_path / "image.tar", files), tmp_path)
    assert not [path for path in (tmp_path / "state/roots").iterdir() if path.is_dir()]


async def test_links_in_circles_are_said(tmp_path: Path) -> None:
    circle: list[Member] = [("a", "", "b"), ("b", "", "a"), ("a/file", "x", "")]
    with pytest.raises(OperationError, match="circles"):
        await root(docker(tmp_path / "image.tar", BASE, circle), tmp_path)


def test_a_plain_archive_is_no_image(tmp_path: Path) -> None:
    path = tmp_path / "root.tar"
    path.write_bytes(layer(BASE, "w"))
    assert not is_image(path)
    (tmp_path / "no.tar").write_bytes(b"nothing")
    assert not is_image(tmp_path / "no.tar")
