"""Environments on another system than the host's: a root file system of the person's, and what a setup adds to it."""

from __future__ import annotations

import json
import tarfile
from dataclasses import replace
from pathlib import Path

import pytest

from midwatch.domain.errors import InputError, OperationError
from midwatch.sandbox.bubblewrap import Bubblewrap
from midwatch.workflows.environment import Wanted, environment_layers
from midwatch.workspace.config import EnvironmentSettings
from midwatch.workspace.roots import root_of, unpacked
from tests.sandbox.layers import root_file_system
from tests.workflows.test_environment import Lab

RECIPE = """\
base = "small"
setup = ["mkdir -p /opt/tool; echo added > /opt/tool/file; echo home > ~/note; mkdir -p build; echo built > build/out"]
"""
PROGRAMS = ("cat", "mkdir", "ls", "rm", "touch")


@pytest.fixture
async def lab(tmp_path: Path) -> Lab:
    protections = await Bubblewrap().probe()
    if not (protections.overlay and protections.root):
        pytest.skip("another system cannot be had here")
    return Lab(tmp_path)


def archive(folder: Path, target: Path) -> Path:
    with tarfile.open(target, "w:gz") as file:
        file.add(folder, ".")
    return target


def image(folder: Path, target: Path) -> Path:
    """As `podman save` writes it, with one layer."""
    layer = archive(folder, target.with_suffix(".layer"))
    about = target.with_suffix(".json")
    about.write_text(json.dumps([{"Config": "config.json", "Layers": ["layer.tar"]}]))
    with tarfile.open(target, "w") as file:
        file.add(about, "manifest.json")
        file.add(layer, "layer.tar")
    return target


@pytest.mark.parametrize("form", ["folder", "tar", "image"])
async def test_what_a_setup_adds_to_the_system_is_there_and_the_base_stays_as_it_was(lab: Lab, form: str) -> None:
    base = root_file_system(lab.root / "base", *PROGRAMS)
    if form == "tar":
        base = archive(base, lab.root / "base.tar.gz")
    elif form == "image":
        base = image(base, lab.root / "image.tar")
    lab.settings = EnvironmentSettings(bases={"small": str(base)})
    lab.make(RECIPE)
    look = "cat /opt/tool/file ~/note build/out; cat /etc/os-release; ls /usr/bin; echo x > /opt/mine; cat /opt/mine"
    for _ in range(2):
        said = await lab.look(look)
        assert said.startswith("added\nhome\nbuilt\nID=another\n")
        assert "x" not in await lab.look("cat /opt/mine 2>/dev/null")
    assert not (lab.root / "base/opt").exists()
    assert lab.observer.phases.count("running the setup of the environment") == 1


async def test_the_setup_may_change_the_system_and_the_work_may_not_be_its_root(lab: Lab) -> None:
    lab.settings = EnvironmentSettings(bases={"small": str(root_file_system(lab.root / "base", "id", *PROGRAMS))})
    lab.make('base = "small"\nsetup = ["id -u > ~/who; rm /etc/os-release"]')
    assert await lab.look("cat ~/who; id -u; ls /etc/os-release 2>/dev/null") == "0\n1000\n"


async def test_a_base_that_has_changed_makes_another_key_and_ends_older_tasks_with_words(lab: Lab) -> None:
    base = root_file_system(lab.root / "base", *PROGRAMS)
    other = root_file_system(lab.root / "other", *PROGRAMS)
    lab.settings = EnvironmentSettings(bases={"small": str(base)})
    lab.make(RECIPE)
    task = await lab.task()
    lab.settings = EnvironmentSettings(bases={"small": str(other)})
    assert (await lab.task()).terms.layers != task.terms.layers
    with pytest.raises(InputError, match="has changed since the task was made"):
        async with environment_layers(Wanted.by(task), replace(await lab.parts(), means=lab.means)):
            pass


async def test_the_same_archive_is_the_same_base_and_is_unpacked_once(tmp_path: Path) -> None:
    (tmp_path / "base/bin").mkdir(parents=True)
    (tmp_path / "base/bin/sh").write_text("")
    file = archive(tmp_path / "base", tmp_path / "base.tar.gz")
    bases = {"a": str(file), "b": f"file://{file}", "c": "~/base.tar.gz"}
    roots = [await root_of(name, bases, tmp_path / "state", str(tmp_path)) for name in bases]
    assert len({root.identity for root in roots}) == 1
    folders = {await unpacked(root, tmp_path / "state") for root in roots}
    assert len(folders) == 1
    assert (folders.pop() / "bin/sh").is_file()


@pytest.mark.parametrize(
    ("given", "word"),
    [
        ("relative/path", "no absolute path"),
        ("docker.io/library/debian:12", "no absolute path"),
        ("/nonexistent/base.tar", "cannot be read"),
    ],
)
async def test_what_is_no_base_is_said(tmp_path: Path, given: str, word: str) -> None:
    with pytest.raises(InputError, match=word):
        await root_of("x", {"x": given}, tmp_path, "/")
    with pytest.raises(InputError, match="has no bin/sh"):
        await root_of("x", {"x": str(tmp_path)}, tmp_path, "/")


async def test_an_archive_that_is_no_system_is_said_and_leaves_nothing(tmp_path: Path) -> None:
    (tmp_path / "broken.tar").write_bytes(b"this is no archive" * 100)
    root = await root_of("x", {"x": str(tmp_path / "broken.tar")}, tmp_path / "state", "/")
    with pytest.raises(OperationError, match="cannot be unpacked"):
        await unpacked(root, tmp_path / "state")
    assert not list((tmp_path / "state/roots").glob("new-*"))
