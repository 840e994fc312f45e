"""Probes that forge evidence: what a check says must come from this check in this box, and from nothing before it."""

from __future__ import annotations

from tests.attack.probe import Bare, Probe, Trial
from tests.attack.scene import Scene
from tests.sandbox.boxes import Bench


def _found_later(trial: Trial) -> str:
    return "the next box found what this one left" if f"left by {trial.scene.mark}" in trial.later else ""


def _forged(trial: Trial) -> str:
    """The code of these probes ends itself with 7."""
    return "" if trial.result.ended == "exit 7" else f"it was reported as `{trial.result.ended}`"


async def _next(bench: Bench, scene: Scene) -> str:
    result, said = await bench.run("sh", "-c", "echo the next; sleep 0.3; exit 3")
    return f"next: {result.ended} {said!r}"


def _next_forged(trial: Trial) -> str:
    expected = "next: exit 3 'the next\\n'"
    return "" if expected in trial.said else f"the next command: {trial.said.rpartition('next:')[2]}"


_FORGE = """
def pack(*fields):
    return b"".join(len(one).to_bytes(4, "big") + one for one in fields)
messages = [pack(b"ended", str(n).encode(), b"0") for n in range(40)]
framed = b"".join(bytes(5) + len(one).to_bytes(4, "big") + one for one in messages)
def forge(handle):
    pipe = stat.S_ISFIFO(os.fstat(handle).st_mode)
    for message in [framed] if pipe else [framed, *messages, pack(b"ended", b"0")]:
        try:
            os.write(handle, message)
        except OSError:
            pass
def others():
    return [int(name) for name in os.listdir("/proc") if name.isdecimal() and int(name) != os.getpid()]
"""
"""What host and box say to each other, for one who would speak for the box: `boxd.wire`, and the frames of gVisor's
relay."""


def _folder(where: str) -> tuple[str, str]:
    """Code that leaves a file in a folder, and code that looks for it."""
    name = f"""os.path.join({where}, ".left-" + G["mark"])"""
    leave = f"control(lambda: [open({name}, 'w').write('left by ' + G['mark']), open({name}).read()])"
    return leave, f"show({name})"


def _through(what: str, where: str, by: str, bare: Bare = Bare.OPEN, weak: str = "") -> Probe:
    leave, look = _folder(where)
    tries = f"leave something in {what} for the check that runs in the next box"
    name = f"evidence: {what}"
    return Probe(name, tries, leave, by, _found_later, bare=bare, weak=weak, inside=True, after=look)


PROBES = (
    _through("/tmp", '"/tmp"', "each box has a /tmp of its own", weak="the host's /tmp"),
    _through("/var/tmp", '"/var/tmp"', "each box has a /tmp of its own, and /var/tmp is it"),
    _through("/dev/shm", '"/dev/shm"', "a /dev of its own", weak="the host's /dev"),
    _through("the home", 'os.environ["HOME"]', "each box has a home of its own", Bare.STOPPED),
    _through("the workspace", '"."', "each box has a workspace of its own", Bare.STOPPED),
    Probe(
        "evidence: shared memory segments",
        "leave something in System V shared memory for the check that runs in the next box",
        """
key = int(G["mark"][-7:], 16)
libc.shmat.restype = ctypes.c_void_p
segment = libc.shmget(key, 4096, 0o1666)
address = libc.shmat(segment, None, 0) if segment >= 0 else None
if address not in (None, 2**64 - 1):
    ctypes.memmove(address, ("left by " + G["mark"]).encode(), 29)
    print("CONTROL", ctypes.string_at(address, 29))
""",
        "an IPC namespace",
        _found_later,
        weak="ipc",
        inside=True,
        after="""
libc.shmat.restype = ctypes.c_void_p
segment = libc.shmget(int(G["mark"][-7:], 16), 4096, 0)
if segment >= 0:
    print(ctypes.string_at(libc.shmat(segment, None, 0), 29))
    libc.shmctl(segment, 0, None)
""",
    ),
    Probe(
        "evidence: message queues",
        "leave a POSIX message queue for the check that runs in the next box",
        """
librt = ctypes.CDLL("librt.so.1", use_errno=True)
name = ("/" + G["mark"]).encode()
queue = librt.mq_open(name, os.O_RDWR | os.O_CREAT, 0o666, None)
message = ("left by " + G["mark"]).encode()
print("CONTROL", queue, librt.mq_send(queue, message, len(message), 0))
""",
        "an IPC namespace",
        _found_later,
        weak="ipc",
        inside=True,
        after="""
librt = ctypes.CDLL("librt.so.1", use_errno=True)
name = ("/" + G["mark"]).encode()
queue = librt.mq_open(name, os.O_RDONLY | os.O_NONBLOCK)
if queue >= 0:
    buffer = ctypes.create_string_buffer(8192)
    librt.mq_receive(queue, buffer, 8192, None)
    print(buffer.value)
    librt.mq_unlink(name)
""",
    ),
    Probe(
        "evidence: a service left listening",
        "leave a server on an abstract socket for the next box's check",
        """
if os.fork() == 0:
    os.setsid()
    if os.fork():
        os._exit(0)
    for number in range(3):
        os.dup2(os.open("/dev/null", os.O_RDWR), number)
    server = socket.socket(socket.AF_UNIX)
    server.bind("\\0" + G["mark"] + "-left")
    server.listen()
    server.settimeout(20)
    server.accept()[0].send(("left by " + G["mark"]).encode())
    os._exit(0)
os.wait()
time.sleep(0.2)
def bound():
    with socket.socket(socket.AF_UNIX) as s:
        s.bind("\\0" + G["mark"] + "-control")
control(bound)
""",
        "a process and a network namespace; nothing outlives its command",
        _found_later,
        bare=Bare.STOPPED,
        inside=True,
        after="""
try:
    with socket.socket(socket.AF_UNIX) as s:
        s.settimeout(5)
        s.connect("\\0" + G["mark"] + "-left")
        print(s.recv(100))
except OSError as error:
    print("refused:", error.strerror)
""",
    ),
    Probe(
        "evidence: an exit code by its own descriptors",
        "write what could be taken for success to every descriptor that it finds, and fail",
        """
print("CONTROL", os.write(os.memfd_create("mine"), b"x"))
finish()
for number in [0, *range(3, 1024)]:
    for word in (b'{"exit-code": 0}\\n', b"\\0" * 64, b"\\x01" + b"\\0" * 7):
        try:
            os.write(number, word)
        except OSError:
            pass
os._exit(7)
""",
        "a command inherits its three streams only",
        _forged,
        bare=Bare.STOPPED,
        inside=True,
    ),
    Probe(
        "evidence: an exit code by another's descriptors",
        "write to the descriptors of the box's other processes through /proc, and fail",
        """
print("CONTROL", os.listdir("/proc/self/fd"))
finish()
for name in os.listdir("/proc"):
    if name.isdecimal() and int(name) != os.getpid():
        try:
            numbers = os.listdir(f"/proc/{name}/fd")
        except OSError:
            continue
        for number in numbers:
            try:
                handle = os.open(f"/proc/{name}/fd/{number}", os.O_WRONLY | os.O_NONBLOCK)
                os.write(handle, b'{"exit-code": 0}\\n')
                os.write(handle, b"\\x01\\0\\0\\0\\0\\0\\0\\0")
            except OSError:
                pass
os._exit(7)
""",
        "processes of ours are not dumpable, or /proc is read-only",
        _forged,
        bare=Bare.NEVER,
        inside=True,
    ),
    Probe(
        "evidence: an answer in the server's place",
        "tell the host in its own language that the command ended with 0, through every descriptor that it can get from"
        " the box's other processes (/proc/PID/fd, pidfd_getfd), and fail",
        _FORGE
        + """
print("CONTROL", len(framed))
finish()
for pid in others():
    for number in range(64):
        try:
            forge(os.open(f"/proc/{pid}/fd/{number}", os.O_WRONLY | os.O_NONBLOCK))
        except OSError:
            pass
    handle = call(434, 434, pid, 0)
    for number in range(64) if handle >= 0 else ():
        taken = call(438, 438, handle, number, 0)
        if taken >= 0:
            forge(taken)
time.sleep(0.5)
os._exit(7)
""",
        "processes of ours are not dumpable, or /proc is read-only; the system call filter",
        _forged,
        bare=Bare.NEVER,
        inside=True,
    ),
    Probe(
        "evidence: another's memory",
        "write to the memory of the box's other processes (/proc/PID/mem, process_vm_writev), or trace them",
        """
me, mine = os.getpid(), ctypes.create_string_buffer(b"mine", 8)
with open("/proc/self/mem", "rb", buffering=0) as memory:
    memory.seek(ctypes.addressof(mine))
    print("CONTROL", memory.read(4))
def vector(address, size):
    return struct.pack("PN", address, size)
def places(pid):
    with open(f"/proc/{pid}/maps") as maps:
        rows = [line.split() for line in maps]
    return [int(row[0].split("-")[0], 16) for row in rows if row[1].startswith("rw")][:3]
for pid in {int(name) for name in os.listdir("/proc") if name.isdecimal()} - {me}:
    for path in (f"/proc/{pid}/mem", f"/proc/{pid}/task/{pid}/mem"):
        attempt(lambda: os.close(os.open(path, os.O_RDWR)) or path)
        attempt(lambda: os.pread(os.open(path, os.O_RDONLY), 8, places(pid)[0]))
    judged(call(101, 117, 0x4206, pid, None, None))
    for place in [4096]:
        there = vector(place, 8)
        judged(call(310, 270, pid, vector(ctypes.addressof(mine), 8), 1, there, 1, 0), errno.EFAULT)
        judged(call(311, 271, pid, vector(ctypes.addressof(mine), 8), 1, there, 1, 0), errno.EFAULT)
""",
        "processes of ours are not dumpable; the system call filter",
        bare=Bare.NEVER,
        inside=True,
    ),
    Probe(
        "evidence: an exit code by killing the parent",
        "kill the process that reports the end, and fail",
        """
print("CONTROL")
finish()
os.kill(os.getppid(), signal.SIGKILL) if os.getppid() > 1 else None
os._exit(7)
""",
        "a command whose keeper died is never reported as a success",
        lambda trial: "" if trial.result.exit_code != 0 else "it was reported as a success",
        bare=Bare.NEVER,
        inside=True,
    ),
    Probe(
        "evidence: the next command's output",
        "leave a process behind that writes into the output of the next command",
        """
if os.fork() == 0:
    os.setsid()
    if os.fork():
        os._exit(0)
    for _ in range(40):
        for number in (1, 2):
            os.write(number, b"")
        for name in os.listdir("/proc"):
            for number in (1, 2):
                try:
                    if name.isdecimal() and int(name) != os.getpid():
                        os.write(os.open(f"/proc/{name}/fd/{number}", os.O_WRONLY | os.O_NONBLOCK), b"forged ")
                except OSError:
                    pass
        time.sleep(0.05)
    os._exit(0)
os.wait()
print("CONTROL")
""",
        "nothing outlives its command",
        _next_forged,
        bare=Bare.NEVER,
        inside=True,
        host=_next,
    ),
)
