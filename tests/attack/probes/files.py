"""Probes that change or spoil files of the host, or make the host follow where they lead."""

from __future__ import annotations

import os
import stat

from midwatch.domain.errors import SandboxLost
from tests.attack.probe import Bare, Probe, Trial, leaked, said_open
from tests.attack.scene import Scene
from tests.sandbox.boxes import Bench

_CHOSEN = "nothing of the host is bound writable but the box's own folders"


def _changed(trial: Trial) -> str:
    """Whether anything of the scene's folder is not as it was made."""
    folder = trial.scene.planted["folder"]
    names = {path.name for path in folder.iterdir()} | {path.name for path in trial.scene.folder.iterdir()}
    known = {"key", "file", "inner", "agent.sock", f"named-{trial.scene.secret}"}
    if names != known:
        return f"other files are there now: {sorted(names ^ known)}"
    file = folder / "file"
    status = file.lstat()
    mode = stat.S_IMODE(status.st_mode)
    if file.read_text() != "as it was" or mode != 0o666 or status.st_nlink != 1 or status.st_uid != os.geteuid():
        return "a file of the host was changed"
    return ""


def _spoiled(trial: Trial) -> str:
    support = trial.bench.spec.support
    assert support is not None
    for folder in (trial.bench.spec.read_only[-1], support):
        plain = folder / "plain"
        if not plain.exists() or plain.read_text() != "plain" or (folder / "sitecustomize.py").exists():
            return "a folder that the box may only read was changed"
    return ""


async def _read(bench: Bench, scene: Scene) -> str:
    found = []
    for path in (b"link", b"folder/key", b"pipe", b"a/../../key", b"device", b"../private/home/x"):
        try:
            found.append((await bench.box.read(path)).decode())
        except (OSError, SandboxLost) as error:
            found.append(f"refused: {type(error).__name__}")
    return "\n".join(found)


async def _write(bench: Bench, scene: Scene) -> str:
    said = []
    for path in (b"link", b"folder/new", b"hard", b"d/../folder/x"):
        try:
            await bench.box.write(path, b"written by the host")
        except (OSError, SandboxLost) as error:
            said.append(f"refused: {type(error).__name__}")
    for path in (b"folder/file", b"folder"):
        try:
            await bench.box.remove(path)
        except (OSError, SandboxLost) as error:
            said.append(f"refused: {type(error).__name__}")
    return "\n".join(said)


def _setuid(trial: Trial) -> str:
    """A program in the workspace that gives whoever starts it the rights of another."""
    found = []
    for path in trial.workspace.rglob("*"):
        status = path.lstat()
        if stat.S_ISREG(status.st_mode) and status.st_mode & (stat.S_ISUID | stat.S_ISGID):
            found.append(path.name)
    return f"setuid files are there: {found}" if found else ""


PROBES = (
    Probe(
        "files: writing outside",
        "create, change and replace files in a folder of the host",
        """
folder = G["planted"]["folder"]
attempt(lambda: open(folder + "/new", "w").write("x"))
attempt(lambda: open(folder + "/file", "w").write("changed"))
attempt(lambda: os.rename(folder + "/file", folder + "/other"))
attempt(lambda: os.mkdir(folder + "/made"))
""",
        _CHOSEN,
        _changed,
        weak="a folder of the host",
    ),
    Probe(
        "files: modes and owners outside",
        "chmod, chown, touch and truncate a file of the host",
        """
file = G["planted"]["folder"] + "/file"
attempt(lambda: os.chmod(file, 0o4777))
attempt(lambda: os.truncate(file, 0))
attempt(lambda: os.setxattr(file, "user.x", b"x"))
""",
        _CHOSEN,
        _changed,
        weak="a folder of the host",
    ),
    Probe(
        "files: writing through `..` and links",
        "write outside by `..`, by /proc/self/root and through a link in the workspace",
        """
folder = G["planted"]["folder"]
os.symlink(folder, "way")
for path in ("../" * 20 + folder, "/proc/self/root" + folder, "/proc/self/cwd/way", "/proc/1/root" + folder, "way"):
    attempt(lambda: open(path + "/new", "w").write("x"))
""",
        _CHOSEN,
        _changed,
        weak="a folder of the host",
    ),
    Probe(
        "files: hard links",
        "take a hard link of the host's file into the workspace, and write to it",
        """
open("own", "w").close()
os.link("own", "link")
print("CONTROL", os.stat("own").st_nlink)
for source in (G["planted"]["folder"] + "/file", G["support"] + "/plain", "/etc/passwd"):
    try:
        os.link(source, "hard")
    except OSError as error:
        print("refused:", error.strerror)
        continue
    attempt(lambda: open("hard", "a").write("x")) if source != "/etc/passwd" else None
    os.unlink("hard")
""",
        f"{_CHOSEN}; no link crosses mounts",
        lambda trial: _changed(trial) or _spoiled(trial),
        bare=Bare.DEPENDS,
        inside=True,
    ),
    Probe(
        "files: the system",
        "write to /, /usr, /etc, /dev, /run, /var and /proc",
        """
for path in ("/", "/usr", "/usr/bin", "/usr/lib", "/etc", "/dev", "/run", "/var", "/proc", "/home", "/opt", "/sys"):
    attempt(lambda: os.close(os.open(path, os.O_TMPFILE | os.O_WRONLY)) or path)
for path in ("/etc/passwd", "/etc/hosts", "/usr/bin/env", "/bin/sh"):
    attempt(writable, path)
""",
        "a read-only system",
        bare=Bare.AS_ROOT,
    ),
    Probe(
        "files: toolchains",
        "change the folders that a box may read, and the support folder",
        """
for folder in (G["tools"], G["support"]):
    attempt(lambda: open(folder + "/plain", "w").write("changed"))
    attempt(lambda: open(folder + "/sitecustomize.py", "w").write("changed"))
    attempt(lambda: os.rename(folder + "/plain", folder + "/other"))
""",
        "they are bound read-only",
        _spoiled,
    ),
    Probe(
        "files: taking a mask away",
        "remove or replace the empty file that masks another",
        """
attempt(lambda: os.unlink(G["masked"]))
attempt(lambda: os.rename(G["masked"], G["masked"] + "-old"))
show(G["masked"])
""",
        "a mount point cannot be removed or renamed; read-only anyway",
        lambda trial: leaked(trial) or said_open(trial),
    ),
    Probe(
        "files: leading the host's reading",
        "have the host read a secret, or hang, by links, a pipe and `..` in the workspace",
        """
folder = G["planted"]["folder"]
os.symlink(folder + "/key", "link")
os.symlink(folder, "folder")
os.mkdir("a")
os.mkfifo("pipe")
os.symlink("/dev/zero", "device")
print("CONTROL", sorted(os.listdir(".")))
""",
        "files of the workspace are opened without following a link, and only regular ones",
        lambda trial: (
            "the host read the secret for it" if trial.scene.secret in trial.said.partition("HOST\n")[2] else ""
        ),
        host=_read,
        bare=Bare.STOPPED,
        inside=True,
    ),
    Probe(
        "files: leading the host's writing",
        "have the host write or delete outside, by links in the workspace",
        """
folder = G["planted"]["folder"]
os.symlink(folder + "/file", "link")
os.symlink(folder, "folder")
os.mkdir("d")
os.symlink("nowhere", "hard")
print("CONTROL", sorted(os.listdir(".")))
""",
        "files of the workspace are written without following a link",
        _changed,
        host=_write,
        bare=Bare.STOPPED,
        inside=True,
    ),
    Probe(
        "files: setuid programs",
        "leave a setuid program in the workspace for somebody on the host to start",
        """
import shutil
shutil.copyfile("/bin/sh", "tool")
attempt(lambda: os.chmod("tool", 0o6755))
""",
        "not stopped: it belongs to the box's user, lies where only the worker's user may enter, and a checkpoint keeps"
        " no such mode",
        _setuid,
        open=True,
    ),
    Probe(
        "files: owners",
        "give a file of the workspace to root or another user",
        """
open("mine", "w").close()
for uid in {0, 1, 1001, 65534} - {os.getuid()}:
    attempt(lambda: os.chown("mine", uid, -1) or uid)
""",
        "no capabilities; one user id in the namespace",
        bare=Bare.AS_ROOT,
    ),
    Probe(
        "files: file capabilities",
        "give a program capabilities (security.capability)",
        """
open("tool", "w").close()
value = struct.pack("<IIIII", 0x02000001, 0x2000, 0, 0, 0)
attempt(lambda: os.setxattr("tool", "security.capability", value))
""",
        "no capabilities",
        bare=Bare.AS_ROOT,
        weak="capabilities",
    ),
    Probe(
        "files: the layers' own marks",
        "write the attributes and files by which overlayfs marks what is deleted or comes from elsewhere",
        """
os.mkdir("folder")
for name in ("trusted.overlay.opaque", "trusted.overlay.redirect"):
    attempt(lambda: os.setxattr("folder", name, b"y"))
""",
        "no capabilities; the kernel stores a box's own `user.overlay.*` under another name",
        bare=Bare.AS_ROOT,
    ),
    Probe(
        "files: closing the workspace",
        "take all rights from a folder of the workspace, so that the host cannot read or delete it",
        """
os.makedirs("deep/er")
open("deep/er/file", "w").close()
attempt(lambda: os.chmod("deep", 0))
""",
        "not stopped: it is the box's folder, and the host gives itself the rights back",
        said_open,
        open=True,
    ),
)
