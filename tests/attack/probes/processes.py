"""Probes that harm or look into processes, of the host and of the box's own machinery."""

from __future__ import annotations

from tests.attack.probe import Bare, Probe, Trial, said_open
from tests.sandbox.boxes import alive

_NAMESPACE = "a process namespace"
_FILTER = "the system call filter"


def _hurt(trial: Trial) -> str:
    return trial.scene.hurt()


def _left(trial: Trial) -> str:
    found = alive(trial.scene.mark)
    return f"{len(found)} of its processes go on" if found else ""


def _unlike_a_kill(trial: Trial) -> str:
    """It ended as the kernel said, or by a limit; nothing of it goes on."""
    return _left(trial) or said_open(trial)


PROBES = (
    Probe(
        "processes: a signal to the host's",
        "kill a process of the host",
        """
if G["pid"] not in (os.getpid(), os.getppid()):
    attempt(lambda: os.kill(G["pid"], signal.SIGTERM))
""",
        _NAMESPACE,
        _hurt,
        weak="processes",
    ),
    Probe(
        "processes: a signal by handle",
        "kill a process of the host through a pidfd",
        """
attempt(lambda: signal.pidfd_send_signal(os.pidfd_open(G["pid"]), signal.SIGTERM))
""",
        _NAMESPACE,
        _hurt,
        weak="processes",
    ),
    Probe(
        "processes: tracing its child",
        "trace a process (ptrace)",
        "child(lambda: judged(call(101, 117, 0, 0, None, None)))",
        _FILTER,
        weak="the filter",
    ),
    Probe(
        "processes: tracing the host's",
        "attach to a process of the host (PTRACE_SEIZE)",
        'judged(call(101, 117, 0x4206, G["pid"], None, None))',
        "a process and a user namespace; the system call filter",
        bare=Bare.AS_ROOT,
    ),
    Probe(
        "processes: reading memory",
        "read and write the memory of a process (its own: whether the call is there)",
        """
here, there = ctypes.create_string_buffer(b"there", 8), ctypes.create_string_buffer(8)
vector = lambda b: struct.pack("PN", ctypes.addressof(b), 8)
judged(call(310, 270, os.getpid(), vector(there), 1, vector(here), 1, 0))
judged(call(311, 271, os.getpid(), vector(here), 1, vector(there), 1, 0))
""",
        _FILTER,
        weak="the filter",
    ),
    Probe(
        "processes: taking handles",
        "take a descriptor out of a process (pidfd_getfd, on itself), and compare two (kcmp)",
        """
me = call(434, 434, os.getpid(), 0)
judged(call(438, 438, me, 1, 0) if me >= 0 else me)
judged(call(312, 272, os.getpid(), os.getpid(), 0, 1, 1))
""",
        _FILTER,
        weak="the filter",
    ),
    Probe(
        "processes: memory of process 1",
        "open the memory of the first process for writing: whoever can, decides what it reports",
        """
print("CONTROL", os.close(os.open("/proc/self/mem", os.O_RDONLY)))
for pid in (1, os.getppid()):
    for path in (f"/proc/{pid}/mem", f"/proc/{pid}/task/{pid}/mem", f"/proc/self/root/proc/{pid}/mem"):
        attempt(lambda: os.close(os.open(path, os.O_RDWR)) or path)
""",
        "a read-only /proc; processes of ours are not dumpable",
        bare=Bare.NEVER,
        inside=True,
    ),
    Probe(
        "processes: daemons",
        "leave a process behind that has its own session, no parent and no environment",
        """
if os.fork() == 0:
    os.setsid()
    if os.fork() == 0:
        for number in range(3):
            os.dup2(os.open("/dev/null", os.O_RDWR), number)
        os.execve("/bin/sh", ["/bin/sh", "-c", "sleep 60; :", G["mark"]], {})
    os._exit(0)
os.wait()
time.sleep(0.3)
for name in os.listdir("/proc"):
    try:
        if name.isdecimal() and int(name) != os.getpid():
            print("CONTROL it runs" if G["mark"].encode() in open(f"/proc/{name}/cmdline", "rb").read() else "")
    except OSError:
        pass
""",
        "the server is the first process of a process namespace: it sees and ends whatever loses its parent",
        _left,
        bare=Bare.STOPPED,
        inside=True,
    ),
    Probe(
        "processes: killing process 1",
        "kill, stop and interrupt the first process of the box",
        """
pid = os.fork()
if pid == 0:
    time.sleep(60)
os.kill(pid, signal.SIGKILL)
print("CONTROL", os.waitpid(pid, 0))
for number in (signal.SIGKILL, signal.SIGSTOP, signal.SIGTERM, signal.SIGINT, signal.SIGHUP, signal.SIGSEGV,
               signal.SIGUSR1, signal.SIGPIPE, signal.SIGALRM, signal.SIGCHLD, signal.SIGTSTP, 34):
    try:
        os.kill(1, number)
    except OSError as error:
        print("refused:", error.strerror)
""",
        "the kernel: signals from inside do not reach a first process that does not ask for them",
        _unlike_a_kill,
        bare=Bare.NEVER,
        inside=True,
        at_large=True,
    ),
    Probe(
        "processes: killing everything",
        "send SIGKILL to everything that it may (kill -1)",
        """
pid = os.fork()
if pid == 0:
    time.sleep(60)
print("CONTROL")
finish()
os.kill(-1, signal.SIGKILL)
print("the child", os.waitpid(pid, 0))
""",
        _NAMESPACE,
        lambda trial: _hurt(trial) or _left(trial),
        bare=Bare.NEVER,
        inside=True,
        at_large=True,
    ),
    Probe(
        "processes: killing the keeper",
        "leave a daemon and kill the process that looks after the command",
        """
if os.fork() == 0:
    os.setsid()
    os.execve("/bin/sh", ["/bin/sh", "-c", "sleep 60; :", G["mark"]], {})
print("CONTROL the daemon runs")
parent = os.getppid()
finish()
if parent != 1:
    os.kill(parent, signal.SIGKILL)
time.sleep(0.5)
""",
        "whatever loses its keeper is ended by the first process",
        _left,
        bare=Bare.NEVER,
        inside=True,
    ),
    Probe(
        "processes: stopping the keeper",
        "stop every other process of the box (SIGSTOP), so that the end is never reported",
        """
print("CONTROL")
finish()
for name in os.listdir("/proc"):
    if name.isdecimal() and int(name) not in (1, os.getpid()):
        try:
            os.kill(int(name), signal.SIGSTOP)
        except OSError as error:
            print("refused:", error.strerror)
""",
        "the host's time limit ends the command, or the box",
        _left,
        bare=Bare.NEVER,
        inside=True,
        at_large=True,
        seconds=5,
    ),
    Probe(
        "processes: regaining privileges",
        "run a setuid program (no_new_privs must be on for good)",
        """
if call(157, 167, 39, 0, 0, 0, 0) == 0:
    print("OPEN no_new_privs is off")
print(call(157, 167, 38, 0, 0, 0, 0))
if G["setuid"]:
    became = subprocess.run([G["setuid"], "-u"], capture_output=True, text=True).stdout
    print("OPEN a setuid program made it root" if became == "0\\n" and os.getuid() != 0 else "stayed", became)
""",
        "no_new_privs; bound folders are nosuid",
    ),
    Probe(
        "processes: another user",
        "become another user, whose processes and files it could then touch, or of another group",
        """
for uid in (0, 1, 2, 1000, 65534):
    if uid != os.getuid():
        child(lambda: attempt(os.setresuid, uid, uid, uid))
        child(lambda: attempt(os.setresgid, uid, uid, uid))
        child(lambda: attempt(os.setgroups, [uid]))
""",
        "no capabilities; one user id in the namespace",
        bare=Bare.AS_ROOT,
    ),
    Probe(
        "processes: capabilities",
        "have any capability, in any set",
        """
for line in open("/proc/self/status"):
    if line.startswith("Cap"):
        print("OPEN" if int(line.split()[1], 16) else "empty:", line.strip())
""",
        "--cap-drop ALL",
        weak="capabilities",
    ),
)
