"""The filter programs of a person's own git configuration (Git LFS, git-crypt, …), and when git must not start them.

Which files go through which program is said by `.gitattributes` files, and what Git LFS asks by `.lfsconfig`. Those of
the commit that the person has checked out are theirs. Others may have been written in a box and brought to the folder
since; with them, what wrote there could choose a program that runs outside the box, and what it is given.
"""

from __future__ import annotations

import os
import re
from collections.abc import Mapping

from midwatch.domain.errors import InputError
from midwatch.workspace.git import Git
from midwatch.workspace.location import Place
from midwatch.workspace.names import shown

CHOOSERS = (":(top,glob)**/.gitattributes", ":(top,glob)**/.lfsconfig")
"""Files that say what goes through a filter, wherever they are."""

_DRIVER = re.compile(r"(filter\..*)\.(clean|smudge|process|required)", re.DOTALL)


async def environment(place: Place, *, chosen_anew: bool = False) -> Mapping[str, str]:
    """For git in the person's working tree: nothing while its attributes are those of HEAD, else what switches all
    filters off. `chosen_anew`: git is about to write other ones. Raises InputError where files would be read without
    a filter that may be there to keep what they hold to itself."""
    drivers = await _drivers(place)
    if not drivers:
        return {}
    off = _off(drivers)
    changed = chosen_anew or await _changed(place, off)
    if not changed:
        return {}
    others = sorted({name for name in await _named_in_head(place) if name != "lfs"})
    if others:
        raise InputError(
            f"attributes of {shown(place.name)} differ from those of its last commit, and its files go through the "
            f"filter {shown(others[0])}, which is not started then",
            "look at .gitattributes, and commit it or take its change back",
        )
    return off


async def _drivers(place: Place) -> list[str]:
    """The configuration's keys that name a filter's programs."""
    found = await place.git().ask("config", "-z", "--name-only", "--get-regexp", r"^filter\.")
    return sorted({os.fsdecode(key) for key in found.stdout.split(b"\0") if _DRIVER.fullmatch(os.fsdecode(key))})


def _off(keys: list[str]) -> dict[str, str]:
    """An empty command is none. Given by the environment, since a name may hold what `-c` cannot say."""
    count = os.environ.get("GIT_CONFIG_COUNT", "")
    first = int(count) if count.isdecimal() else 0
    names = sorted({key.rpartition(".")[0] for key in keys})
    settings = [(f"{name}.{key}", "") for name in names for key in ("clean", "smudge", "process")]
    settings += [(f"{name}.required", "false") for name in names]
    off = {"GIT_CONFIG_COUNT": str(first + len(settings))}
    for at, (key, value) in enumerate(settings, first):
        off |= {f"GIT_CONFIG_KEY_{at}": key, f"GIT_CONFIG_VALUE_{at}": value}
    return off


async def _changed(place: Place, off: Mapping[str, str]) -> bool:
    git = Git(place.git_dir, place.top, place.top, trusted=True, environment=off)
    how = ("--porcelain", "-z", "--ignore-submodules=all", "--no-renames", "--untracked-files=all")
    return bool(await git.run("status", *how, "--", *CHOOSERS))


async def _named_in_head(place: Place) -> set[str]:
    """The filters that the commit's own attributes give files to."""
    found = await place.git().ask("grep", "-h", "-I", "-o", "-E", "filter=[^[:space:]]+", "HEAD", "--", *CHOOSERS)
    return {os.fsdecode(line).partition("=")[2] for line in found.stdout.split(b"\n") if line}
