"""Probes that leave something for others to execute or believe: our own server, and the host.

What git on the host would execute has a suite of its own, `tests/workspace/test_planted.py`.
"""

from __future__ import annotations

import stat

from tests.attack.probe import Bare, Probe, Trial
from tests.attack.scene import Scene
from tests.sandbox.boxes import Bench


async def _park(bench: Bench, scene: Scene) -> str:
    """The server starts anew; then the modules are imported on purpose, which shows that they would have said so."""
    await bench.box.park()
    _, said = await bench.run("sh", "-c", 'cat ran-* "$HOME"/ran-* 2>/dev/null; true')
    _, control = await bench.run("python3", "-c", "import token")
    return f"BY THE SERVER {said!r}\nON PURPOSE {control!r}\n"


async def _programs(bench: Bench, scene: Scene) -> str:
    _, said = await bench.run("sh", "-c", "echo here | cat")
    return f"NEXT {said!r}\n"


def _by_the_server(trial: Trial) -> str:
    told = trial.said.partition("HOST\n")[2]
    assert "ON PURPOSE 'a planted module ran" in told, f"the planted modules do not work:\n{told}"
    return "" if "BY THE SERVER ''" in told else f"the server imported a planted module: {told}"


def _devices(trial: Trial) -> str:
    """Device files that the host would open by mistake. A 0:0 is none: it is how overlayfs marks what was deleted."""
    found = []
    for path in trial.bench.spec.private.rglob("*"):
        status = path.lstat()
        if stat.S_ISBLK(status.st_mode) or (stat.S_ISCHR(status.st_mode) and status.st_rdev != 0):
            found.append(path.name)
    return f"devices are there: {found}" if found else ""


PROBES = (
    Probe(
        "later: modules for the server",
        "plant modules and start-up files by the names that the box's server imports, and have it started anew",
        """
source = "import os\\nopen(os.path.join({place!r}, 'ran-' + str(os.getpid())), 'w').write('ran')\\n"
source += "print('a planted module ran')\\n"
names = "os sys time token types codecs select socket _socket gc re io abc site stat resource signal errno".split()
names += "sitecustomize usercustomize encodings midwatch boxd server keeper command wire main tree system".split()
user = os.path.join(os.environ["HOME"], f".local/lib/python3.{sys.version_info[1]}/site-packages")
os.makedirs(user)
for place in (os.getcwd(), os.environ["HOME"], os.environ["TMPDIR"], user):
    for name in names:
        with open(os.path.join(place, name + ".py"), "w") as file:
            file.write(source.format(place=os.getcwd()))
with open(os.path.join(user, "planted.pth"), "w") as file:
    file.write("import token\\n")
with open("pyvenv.cfg", "w") as file:
    file.write("home = .\\n")
print("CONTROL planted")
""",
        "the server is started isolated from its folder, its home and its environment (`-I -S`)",
        _by_the_server,
        bare=Bare.STOPPED,
        inside=True,
        host=_park,
    ),
    Probe(
        "later: programs for the next command",
        "plant programs by the names that the box's own start uses, in every folder that it can write to",
        """
os.makedirs(os.path.join(os.environ["HOME"], "bin"))
os.makedirs(os.path.join(os.environ["HOME"], ".local/bin"))
for place in (".", os.environ["TMPDIR"], os.environ["HOME"] + "/bin", os.environ["HOME"] + "/.local/bin"):
    for name in ("python3", "python", "sh", "bash", "cat", "env", "git", "ls", "midwatch"):
        path = os.path.join(place, name)
        with open(path, "w") as file:
            file.write("#!/bin/sh\\necho a planted program ran\\n")
        os.chmod(path, 0o755)
for name in (".profile", ".bashrc", ".bash_profile", ".shrc", ".inputrc", ".gitconfig", ".pythonrc"):
    with open(os.path.join(os.environ["HOME"], name), "w") as file:
        file.write("echo a planted program ran\\n" if name != ".gitconfig" else "")
print("CONTROL", subprocess.run(["./cat"], capture_output=True, text=True).stdout)
""",
        "no folder that a box can write to is on its PATH, and commands are not started by a shell that reads its home",
        lambda trial: "a planted program ran" if "NEXT 'here\\n'" not in trial.said else "",
        bare=Bare.STOPPED,
        inside=True,
        host=_programs,
    ),
    Probe(
        "later: device files",
        "leave device files in the folders that the host will clear",
        """
for place in (os.environ["HOME"], os.environ["TMPDIR"]):
    attempt(lambda: os.mknod(os.path.join(place, "device"), 0o666 | stat.S_IFCHR, os.makedev(1, 3)))
    attempt(lambda: os.mknod(os.path.join(place, "disk"), 0o666 | stat.S_IFBLK, os.makedev(7, 0)))
    os.mkfifo(os.path.join(place, "pipe"))
""",
        "no capabilities",
        _devices,
        bare=Bare.AS_ROOT,
    ),
)
