"""Looking at pictures: what they are is read from their first bytes, whatever their names say."""

from __future__ import annotations

import json
import struct
from dataclasses import replace
from pathlib import Path

import pytest

from midwatch.domain.conversation import Image
from midwatch.tools.base import Bench, ToolResult
from midwatch.tools.pictures import LARGEST, Picture, recognise, unfit
from midwatch.tools.view_image import ViewImage
from tests.support.pictures import GIF, png
from tests.tools.folder_box import WatchedBox

APP = b"\xff\xe0\x00\x10JFIF\0\x01\x01\0\0\x01\0\x01\0\0"
EXIF = b"\xff\xe1" + struct.pack(">H", 2000) + b"\xff\xc0" * 999
TABLE = b"\xff\xc4\x00\x04\0\0"
SIZE = b"\x00\x11\x08" + struct.pack(">HH", 48, 64) + b"\x03" + b"\0" * 9
VP8X = b"VP8X" + struct.pack("<I", 10) + b"\0\0\0\0" + (63).to_bytes(3, "little") + (47).to_bytes(3, "little")
VP8L = b"VP8L" + struct.pack("<I", 10) + b"\x2f" + struct.pack("<I", 63 | 47 << 14) + b"\0" * 5
VP8 = b"VP8 " + struct.pack("<I", 10) + b"\x10\x02\0\x9d\x01\x2a" + struct.pack("<HH", 64 | 1 << 14, 48)


def webp(chunk: bytes) -> bytes:
    return b"RIFF" + struct.pack("<I", 4 + len(chunk)) + b"WEBP" + chunk


@pytest.mark.parametrize(
    ("data", "kind"),
    [
        (png(64, 48), "png"),
        (b"\xff\xd8" + APP + TABLE + b"\xff\xc0" + SIZE, "jpeg"),
        (b"\xff\xd8" + EXIF + b"\xff\xff\xff\xc2" + SIZE, "jpeg"),
        (b"GIF89a" + struct.pack("<HH", 64, 48) + b"\0" * 20, "gif"),
        (webp(VP8X), "webp"),
        (webp(VP8L), "webp"),
        (webp(VP8), "webp"),
    ],
)
def test_kind_and_size_are_read_from_the_head(data: bytes, kind: str) -> None:
    assert recognise(data) == Picture(f"image/{kind}", 64, 48)
    for end in range(min(len(data), 40)):
        recognise(data[:end])  # what is cut off is no error


@pytest.mark.parametrize(
    "data", [b"", b"<svg/>", b"\xff\xd8", b"\xff\xd8\xff\xda" + b"\0" * 40, png(64, 48)[:20], b"RIFF....WEBP", b"BM"]
)
def test_what_is_no_such_picture_is_not_taken_for_one(data: bytes) -> None:
    assert recognise(data) is None


def test_what_a_model_cannot_be_shown_is_said() -> None:
    assert unfit(png(2, 2), recognise(png(2, 2))) == ""
    assert "8001 x 1 pixels" in unfit(png(8001, 1), recognise(png(8001, 1)))
    assert "5,242,880 is the most" in unfit(b"x" * (LARGEST + 1), Picture("image/png", 1, 1))


@pytest.mark.parametrize(
    "data",
    [
        png(64, 48),
        GIF,
        b"GIF89a\2\0\1\0\x80\0\0" + b"\0" * 6 + b"!\xf9\4" + b"\0" * 5 + GIF[19:],
        b"\xff\xd8" + APP + TABLE + b"\xff\xc0" + SIZE + b"\xff\xda\0\2" + b"\x5a" * 30 + b"\xff\xd9",
        webp(VP8),
    ],
)
def test_what_is_cut_off_is_not_shown_though_its_head_is_whole(data: bytes) -> None:
    assert unfit(data, recognise(data)) == ""
    assert unfit(data + b"further", recognise(data)) == ""
    for end in range(len(data) - 2):
        assert unfit(data[:end], recognise(data[:end]))


def test_a_head_with_something_else_behind_is_no_picture() -> None:
    for head in (b"GIF89a\1\0\1\0", png(1, 1)[:33], b"\xff\xd8" + APP + b"\xff\xc0" + SIZE):
        page = head + b"<html><script>alert(1)</script></html>;"
        assert unfit(page, recognise(page))


async def view(table: Bench, path: object) -> ToolResult:
    return await ViewImage().run(json.dumps({"path": path}), table)


async def test_a_picture_is_shown_and_kept(box: WatchedBox, table: Bench) -> None:
    data = png(600, 500)
    folder = Path(box.workdir) / "docs"
    folder.mkdir()
    (folder / "plan.txt").write_bytes(data)
    for path in ("docs/plan.txt", f"{box.workdir}/docs/plan.txt", "./docs/../docs/plan.txt"):
        result = await view(table, path)
        assert result.ok
        assert result.output == f"{path}: PNG, 600 x 500 pixels, {len(data):,} bytes"
        (image,) = result.images
        assert (image.media_type, image.data, image.bytes) == ("image/png", "", len(data))
        assert (image.width, image.height, image.tokens) == (600, 500, 400)
        assert table.blobs.read(image.digest) == data
    assert (await view(replace(table, folder="docs"), "plan.txt")).ok
    assert not (await view(replace(table, folder="docs"), "../../plan.txt")).ok


async def test_what_cannot_be_shown_is_a_result_that_says_why(box: WatchedBox, table: Bench) -> None:
    folder = Path(box.workdir)
    (folder / "page.png").write_text("<html>")
    (folder / "large.png").write_bytes(png(2, 2, LARGEST))
    (folder / "wide.png").write_bytes(png(9000, 1))
    (folder / "link.png").symlink_to("page.png")
    for path, why in (
        ("page.png", "it is no PNG, JPEG, GIF or WebP"),
        ("large.png", "longer than 5,242,880 bytes"),
        ("wide.png", "9000 x 1 pixels"),
        ("link.png", "symbolic link"),
        ("none.png", "there is no such file"),
        ("page.png/x", "there is no such file"),
        (".", "outside the workspace"),
        ("/etc/passwd", "outside the workspace"),
        ("../x.png", "outside the workspace"),
        ("a\0b", "outside the workspace"),
        ("a\ud800b", "cannot be"),
    ):
        result = await view(table, path)
        assert (result.ok, result.images) == (False, ())
        assert why in result.output, path
    assert '{"path": ' in (await view(table, 3)).output


def test_a_picture_costs_between_85_and_1600_tokens() -> None:
    sizes = {(1, 1): 85, (600, 500): 400, (8000, 8000): 1600, (0, 0): 1600}
    assert {size: Image("image/png", width=size[0], height=size[1]).tokens for size in sizes} == sizes
