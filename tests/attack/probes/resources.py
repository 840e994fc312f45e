"""Probes that take more than their share: limits that can be raised, priorities, and counts."""

from __future__ import annotations

from tests.attack.probe import Bare, Probe

_NO_CAPABILITY = "a hard limit, which only a capability could raise"

PROBES = (
    Probe(
        "resources: processes",
        "make more processes than the box may have",
        """
finish()  # some drivers end a command that has too many
count = 0
try:
    while count < 2 * G["processes"]:
        if os.fork() == 0:
            signal.pause()
        count += 1
except OSError as error:
    print("refused:", error.strerror)
print("OPEN" if count > G["processes"] else "at most", count)
""",
        "RLIMIT_NPROC, set inside the box's user namespace, or a control group",
    ),
    Probe(
        "resources: threads",
        "make more threads than the box may have processes",
        """
finish()
import threading
count, stop = 0, threading.Event()
try:
    while count < 2 * G["processes"]:
        threading.Thread(target=stop.wait, daemon=True).start()
        count += 1
except (OSError, RuntimeError) as error:
    print("refused:", error)
stop.set()
print("OPEN" if count > G["processes"] else "at most", count)
""",
        "RLIMIT_NPROC, set inside the box's user namespace, or a control group",
    ),
    Probe(
        "resources: large files",
        "make a file larger than allowed, by writing and by truncate",
        """
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
with open("big", "wb") as file:
    os.truncate(file.fileno(), 1 << 16)
    print("CONTROL", os.stat("big").st_size)
    attempt(lambda: os.truncate(file.fileno(), G["file_bytes"] + (1 << 20)))
    attempt(lambda: os.posix_fallocate(file.fileno(), G["file_bytes"], 1 << 20))
os.unlink("big")
""",
        "RLIMIT_FSIZE",
        bare=Bare.STOPPED,
        inside=True,
    ),
    Probe(
        "resources: raising limits",
        "raise its own limits of processes, file size and open files",
        """
import resource
for name in ("RLIMIT_NPROC", "RLIMIT_FSIZE", "RLIMIT_NOFILE", "RLIMIT_CORE"):
    number = getattr(resource, name)
    soft, hard = resource.getrlimit(number)
    print("CONTROL", name, resource.setrlimit(number, (soft, hard)))
    if hard != resource.RLIM_INFINITY:
        attempt(lambda: resource.setrlimit(number, (soft, hard + 1)))
""",
        _NO_CAPABILITY,
        bare=Bare.DEPENDS,
        inside=True,
    ),
    Probe(
        "resources: priority",
        "take a higher priority than others, and one that is never interrupted",
        """
attempt(lambda: os.setpriority(os.PRIO_PROCESS, 0, -10))
attempt(lambda: os.sched_setscheduler(0, os.SCHED_FIFO, os.sched_param(1)))
attempt(lambda: os.sched_setscheduler(0, os.SCHED_RR, os.sched_param(1)))
""",
        "no capabilities",
        bare=Bare.AS_ROOT,
    ),
    Probe(
        "resources: last to be killed",
        "have others killed first when memory runs out (oom_score_adj)",
        """
print("CONTROL", open("/proc/self/oom_score_adj").read())
def lower():
    with open("/proc/self/oom_score_adj", "r+b", buffering=0) as file:
        return file.write(b"-900\\n")
attempt(lower)
""",
        "no capabilities; /proc is read-only",
        bare=Bare.DEPENDS,
        inside=True,
    ),
)
