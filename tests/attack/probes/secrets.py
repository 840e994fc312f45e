"""Probes that read what they were not given. The secret that they look for is told to none of them."""

from __future__ import annotations

import socket

from tests.attack.probe import Bare, Probe, Trial, leaked, said_open

_CHOSEN = "only /usr and chosen files of /etc are bound"
_OWN = '\nopen("own", "w").write("CONTROL")\nshow("own")'
# What others have there is none of a test's business: only what looks like the scene's secret is printed.
_OF_PROCESSES = """
import re
for name in os.listdir("/proc"):
    try:
        if name.isdecimal():
            print(re.findall(rb"secret-[0-9a-f]{{24}}", open(f"/proc/{{name}}/{0}", "rb").read()))
    except OSError as error:
        print("refused:", error.strerror)
"""
_READ_KEY = 'show(G["planted"].get("{0}", "/nowhere") + "/key")'


def _host_name(trial: Trial) -> str:
    return "it printed the host's name" if f"name {socket.gethostname()}\n" in trial.said else ""


def _held(trial: Trial) -> str:
    extra = next((line for line in trial.said.splitlines() if line.startswith("OPEN")), "")
    return leaked(trial) or extra


PROBES = (
    Probe(
        "secrets: files of the home",
        "read a file of the user's home, as `~/.ssh/id_ed25519` is one",
        _READ_KEY.format("home"),
        _CHOSEN,
        leaked,
    ),
    Probe(
        "secrets: names in the home",
        "list a folder of the user's home",
        """
try:
    print(os.listdir(G["planted"]["home"]))
except OSError as error:
    print("refused:", error.strerror)
""",
        _CHOSEN,
        leaked,
    ),
    Probe(
        "secrets: every way to the home",
        "reach the home through `..`, /proc/self/root and a symbolic link in the workspace",
        """
home = G["planted"]["home"]
show("../" * 20 + home + "/key")
show("/proc/self/root" + home + "/key")
show("/proc/self/cwd/" + "../" * 20 + home + "/key")
os.symlink(home, "home-link")
show("home-link/key")
""",
        _CHOSEN,
        leaked,
    ),
    Probe(
        "secrets: the host's /tmp",
        "read a file of the host's /tmp",
        _READ_KEY.format("tmp"),
        "each box has a /tmp of its own",
        leaked,
        weak="the host's /tmp",
    ),
    Probe(
        "secrets: the host's /var/tmp",
        "read a file of the host's /var/tmp",
        'show(G["planted"]["folder"] + "/key")',
        "each box has a /tmp of its own, and /var/tmp is it",
        leaked,
        weak="a folder of the host",
    ),
    Probe(
        "secrets: the host's /dev/shm",
        "read a file of the host's shared memory",
        _READ_KEY.format("shm"),
        "a /dev of its own",
        leaked,
        weak="the host's /dev",
    ),
    Probe(
        "secrets: the host's /run",
        "read a file of /run, where agents and services keep theirs",
        _READ_KEY.format("run") + _OWN,
        "an empty /run",
        leaked,
        bare=Bare.DEPENDS,
        inside=True,
    ),
    Probe(
        "secrets: the host's /var/lib",
        "read a file of a service's state",
        _READ_KEY.format("state"),
        _CHOSEN,
        leaked,
        bare=Bare.AS_ROOT,
    ),
    Probe(
        "secrets: another box's folders",
        "read the workspace and the private folder of another box by their paths on the host",
        """
for name in ("workspace", "private/tmp", "private/home"):
    show(G["other"] + "/" + name + "/key")
""",
        _CHOSEN,
        leaked,
    ),
    Probe(
        "secrets: its own environment",
        "find a secret of the worker's environment in its own",
        'print(dict(os.environ))\nprint("CONTROL", os.environ["HOME"])\nshow("/proc/self/environ")',
        "an environment of our making",
        leaked,
        bare=Bare.STOPPED,
        inside=True,
    ),
    Probe(
        "secrets: environments of processes",
        "read /proc/*/environ, of the box's first process too",
        _OF_PROCESSES.format("environ"),
        "a process namespace; bwrap is started with an empty environment; the first process is not dumpable",
        leaked,
    ),
    Probe(
        "secrets: arguments of processes",
        "read /proc/*/cmdline",
        _OF_PROCESSES.format("cmdline"),
        "a process namespace",
        leaked,
        weak="processes",
    ),
    Probe(
        "secrets: folders of processes",
        "go through /proc/PID/cwd and /proc/PID/root of a process of the host",
        """
for name in os.listdir("/proc"):
    if name.isdecimal():
        show(f"/proc/{name}/cwd/key")
        show(f"/proc/{name}/root{G['planted']['folder']}/key")
""",
        "a process namespace; in it, process 1 sees what the box sees",
        leaked,
    ),
    Probe(
        "secrets: memory of process 1",
        "open the memory of the first process",
        """
print("CONTROL", os.close(os.open("/proc/self/mem", os.O_RDONLY)))
for path in ("/proc/1/mem", "/proc/1/task/1/mem", "/proc/1/root/proc/1/mem"):
    attempt(lambda: os.close(os.open(path, os.O_RDONLY)) or path)
""",
        "a process namespace, whose first process is not dumpable",
        bare=Bare.DEPENDS,
        inside=True,
    ),
    Probe(
        "secrets: system passwords",
        "open /etc/shadow, sudoers and the host's SSH keys",
        """
for path in ("/etc/shadow", "/etc/gshadow", "/etc/sudoers", "/etc/ssh/ssh_host_ed25519_key", "/proc/1/root/etc/shadow"):
    attempt(lambda: os.close(os.open(path, os.O_RDONLY)) or path)
""",
        f"{_CHOSEN}; nobody inside is root",
        bare=Bare.AS_ROOT,
    ),
    Probe(
        "secrets: masked files",
        "read a file that is masked (a pip.conf with a token) in a folder that the box was given",
        'show(G["masked"])',
        "an empty file is bound over it",
        leaked,
    ),
    Probe(
        "secrets: inherited handles",
        "read what the worker had open, through inherited descriptors",
        """
mine = os.memfd_create("mine")
for number in range(3, 1024):
    try:
        about = os.readlink(f"/proc/self/fd/{number}")
        os.fstat(number)
    except OSError:
        continue
    if number == mine:
        print("CONTROL", about)
        continue
    print("OPEN", number, about)
    try:
        print(os.pread(number, 1000, 0))
    except OSError as error:
        print(error.strerror)
""",
        "a command inherits its three streams only",
        _held,
        bare=Bare.STOPPED,
        inside=True,
    ),
    Probe(
        "secrets: memory and log of the kernel",
        "open /dev/mem, /dev/kmsg, /proc/kcore, and read the kernel's log",
        """
for path in ("/dev/mem", "/dev/kmem", "/dev/port", "/dev/kmsg", "/proc/kcore", "/proc/kmsg"):
    attempt(lambda: os.close(os.open(path, os.O_RDONLY | os.O_NONBLOCK)) or path)
judged(call(103, 116, 9, None, 0))
""",
        "a /dev of its own; no capabilities; the filter (syslog)",
        bare=Bare.AS_ROOT,
    ),
    Probe(
        "secrets: disks",
        "open a disk, or another device of the host",
        """
try:
    names = sorted(os.listdir("/dev"))
except OSError as error:
    names = print("refused:", error.strerror) or []
for name in names:
    path = os.path.join("/dev", name)
    kind = os.lstat(path).st_mode
    known = ("null", "zero", "full", "random", "urandom", "tty", "ptmx", "console")
    if stat.S_ISBLK(kind) or (stat.S_ISCHR(kind) and name not in known):
        if name.startswith(("loop", "sd", "vd", "nvme", "xvd", "kvm", "fuse", "dm-", "mapper", "net")):
            attempt(lambda: os.close(os.open(path, os.O_RDONLY | os.O_NONBLOCK)) or path)
for device in range(8):
    path = f"disk-{device}"
    try:
        os.mknod(path, 0o600 | stat.S_IFBLK, os.makedev(7, device))
    except OSError as error:
        print("refused:", error.strerror)
    else:
        attempt(lambda: os.close(os.open(path, os.O_RDONLY | os.O_NONBLOCK)) or path)
        os.unlink(path)
""",
        "a /dev of its own; no capability to make device files",
        bare=Bare.AS_ROOT,
    ),
    Probe(
        "secrets: the host's name",
        "learn the name of the machine",
        'print("name", os.uname().nodename)\nshow("/etc/hostname")\nshow("/proc/sys/kernel/hostname")',
        "a host name namespace; files of /etc that are ours",
        _host_name,
        weak="the host's name",
    ),
    Probe(
        "secrets: core dumps",
        "raise the limit of core dumps, so that a crash writes memory to where the host says",
        """
import resource
print("CONTROL", resource.setrlimit(resource.RLIMIT_CORE, resource.getrlimit(resource.RLIMIT_CORE)))
attempt(lambda: resource.setrlimit(resource.RLIMIT_CORE, (1 << 20, 1 << 20)))
""",
        "a hard limit of 0, which only a capability could raise",
        bare=Bare.DEPENDS,
        inside=True,
    ),
    Probe(
        "secrets: paths of the host",
        "learn from /proc/self/mountinfo where the host keeps the box's folders",
        'show("/proc/self/mountinfo")',
        "the kernel shows where a bound folder lies in its file system: a path, nothing that is in it",
        lambda trial: (
            "it printed the workspace's path on the host"
            if trial.workspace.parent.name in trial.said or said_open(trial)
            else ""
        ),
        bare=Bare.DEPENDS,
        open=True,
    ),
)
