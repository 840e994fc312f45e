"""Probes that ask the kernel for more: namespaces, mounts, modules, clocks, and calls that few programs need.

Each asks in a way that changes nothing where it is allowed: with an argument that is refused only after the
permission was checked, with the value that is set already, or in a child that ends.
"""

from __future__ import annotations

from tests.attack.probe import Bare, Probe

_FILTER = "the system call filter"
_BOTH = "no capabilities; the system call filter"


def _probe(what: str, tries: str, code: str, by: str, bare: Bare = Bare.AS_ROOT, weak: str = "") -> Probe:
    return Probe(f"kernel: {what}", tries, code, by, bare=bare, weak=weak, inside="CONTROL" in code)


PROBES = (
    _probe(
        "user namespace by unshare",
        "become root in a user namespace of its own",
        "child(lambda: judged(call(272, 97, 0x10000000)))",
        "--disable-userns; the system call filter",
        Bare.DEPENDS,
        "user namespaces",
    ),
    _probe(
        "user namespace by clone",
        "make a process in a user namespace of its own",
        """
value = call(56, 220, 0x10000000 | 17, None, None, None, None)
if value == 0:
    os._exit(0)
judged(value)
if value > 0:
    os.waitpid(value, 0)
""",
        "--disable-userns; the system call filter",
        Bare.DEPENDS,
        "user namespaces",
    ),
    _probe(
        "user namespace by clone3",
        "the same by clone3, whose flags no filter can see",
        """
arguments = (ctypes.c_ulonglong * 11)(0x10000000, 0, 0, 0, 17)
value = call(435, 435, arguments, ctypes.sizeof(arguments))
if value == 0:
    os._exit(0)
judged(value)
if value > 0:
    os.waitpid(value, 0)
""",
        "--disable-userns; the filter says that clone3 does not exist",
        Bare.DEPENDS,
        "user namespaces",
    ),
    _probe(
        "other namespaces",
        "unshare mounts, network, host name, control groups and time",
        """
for flag in (0x20000, 0x40000000, 0x4000000, 0x2000000, 0x80, 0x8000000):
    child(lambda: judged(call(272, 97, flag)))
""",
        _BOTH,
        weak="capabilities",
    ),
    _probe(
        "entering a namespace",
        "setns to the namespaces of a process",
        """
for name in ("uts", "ipc", "net", "mnt"):
    try:
        handle = os.open(f"/proc/self/ns/{name}", os.O_RDONLY)
    except OSError as error:
        print("refused:", error.strerror)
        continue
    child(lambda: judged(call(308, 268, handle, 0)))
""",
        _BOTH,
        weak="capabilities",
    ),
    _probe(
        "mount",
        "mount a file system",
        """
os.mkdir("mounted")
if judged(call(165, 40, b"none", b"mounted", b"tmpfs", 0, None)) == 0:
    call(166, 39, b"mounted", 2)
os.rmdir("mounted")
""",
        _BOTH,
        weak="capabilities",
    ),
    _probe(
        "mount by the new calls",
        "fsopen a file system, and open_tree a copy of the root",
        """
for value in (call(430, 430, b"tmpfs", 1), call(428, 428, -100, b"/", 1 | 0x8000)):
    judged(value)
    if value >= 0:
        os.close(value)
""",
        _BOTH,
        weak="capabilities",
    ),
    _probe(
        "remount writable",
        "make the read-only system writable again",
        'judged(call(165, 40, None, b"/nowhere", None, 32 | 4096, None), errno.ENOENT)',
        _BOTH,
    ),
    _probe(
        "unmount",
        "take away what was mounted over something",
        'judged(call(166, 39, b"/nowhere", 2), errno.ENOENT)',
        _BOTH,
    ),
    _probe("chroot", "change its root", 'child(lambda: judged(call(161, 51, b".")))', _BOTH, weak="capabilities"),
    _probe(
        "pivot_root",
        "exchange its root",
        'judged(call(155, 41, b"/nowhere", b"/nowhere"), errno.ENOENT)',
        _BOTH,
    ),
    _probe(
        "BPF",
        "make a BPF map",
        'judged(call(321, 280, 0, struct.pack("IIIII", 2, 4, 8, 1, 0) + bytes(100), 72))',
        _BOTH,
    ),
    _probe(
        "performance counters",
        "open a performance event on itself",
        """
attribute = struct.pack("IIQQQQQ", 1, 112, 0, 0, 0, 0, 1 << 5 | 1 << 6) + bytes(64)
judged(call(298, 241, attribute, 0, -1, -1, 0))
""",
        _FILTER,
        Bare.DEPENDS,
        "the filter",
    ),
    _probe(
        "io_uring",
        "set up an io_uring, which carries out calls past the filter",
        "judged(call(425, 425, 1, bytes(120)))",
        _FILTER,
        Bare.DEPENDS,
        "the filter",
    ),
    _probe(
        "keys",
        "use the kernel's key rings, which are shared by a user's processes",
        """
judged(call(250, 219, 0, -2, 1, 0, 0))
judged(call(248, 217, b"user", b"midwatch-probe", b"x", 1, -2))
""",
        _FILTER,
        Bare.OPEN,
        "the filter",
    ),
    _probe("userfaultfd", "handle page faults itself", "judged(call(323, 282, 1))", _FILTER, Bare.OPEN, "the filter"),
    _probe(
        "files by handle",
        "open a file by its inode, past all mounts and folders",
        """
handle = ctypes.create_string_buffer(struct.pack("Ii", 128, 0) + bytes(128))
mount = ctypes.c_int()
print(call(303, 264, -100, b".", handle, ctypes.byref(mount), 0))
here = os.open(".", os.O_RDONLY)
judged(call(304, 265, here, handle, 0), errno.ESTALE, errno.EINVAL)
""",
        _BOTH,
    ),
    _probe(
        "executable stacks",
        "switch off protections of its memory (personality READ_IMPLIES_EXEC, MMAP_PAGE_ZERO)",
        """
for flag in (0x0400000, 0x0100000, 0x0200000, 6):
    child(lambda: judged(call(135, 92, flag)))
""",
        "the system call filter",
        Bare.OPEN,
        "the filter",
    ),
    _probe(
        "typing into a terminal",
        "put input into a terminal (TIOCSTI), and paste into a console (TIOCLINUX)",
        """
import pty
try:
    controller, terminal = pty.openpty()
except OSError as error:  # where there are none, it is told apart by the error whether the call gets through
    print("no terminal:", error)
    terminal = os.open(os.devnull, os.O_RDWR)
for request in (0x5412, 0x541C):
    try:
        fcntl.ioctl(terminal, request, b"\\x03")
    except OSError as error:
        print("OPEN" if error.errno in (errno.EIO, errno.ENOTTY) else "refused:", error.strerror)
    else:
        print("OPEN")
""",
        "no terminal of the host is ever given; the system call filter",
        Bare.OPEN,
        "the filter",
    ),
    _probe(
        "clock",
        "set the clock (to what it is)",
        """
# ADJ_TICK with the present length of a tick
buffer = ctypes.create_string_buffer(256)
libc.adjtimex(buffer)
tick = struct.unpack_from("q", buffer.raw, 8 * 11)[0]
print("tick", tick)
struct.pack_into("I", buffer, 0, 0x4000)
ctypes.set_errno(0)
value = libc.adjtimex(buffer)
judged(value if value >= 0 else -ctypes.get_errno())
""",
        _BOTH,
    ),
    _probe(
        "host name",
        "set the host name and the domain (to what they are)",
        """
name = os.uname().nodename.encode()
judged(call(170, 161, name, len(name)))
path = "/proc/sys/kernel/domainname"
domain = open(path, "rb").read().strip() if os.path.exists(path) else b""
judged(call(171, 162, domain, len(domain)))
""",
        _BOTH,
        weak="capabilities",
    ),
    _probe(
        "device files",
        "make a device file of its own",
        """
value = attempt(lambda: os.mknod("device", 0o666 | stat.S_IFCHR, os.makedev(1, 3)))
if os.path.lexists("device"):
    os.unlink("device")
""",
        "no capabilities",
    ),
    _probe(
        "modules",
        "load a kernel module (an empty one)",
        'judged(call(175, 105, b"", 0, b""), errno.ENOEXEC, errno.EINVAL, errno.ENOSYS)',
        _BOTH,
    ),
    _probe(
        "reboot",
        "reboot or halt (with a wrong number, which is looked at later)",
        "judged(call(169, 142, 0, 0, 0, None), errno.EINVAL)",
        _BOTH,
    ),
    _probe(
        "swap and accounting",
        "swap to a file, and have processes written down in one (that is not there)",
        """
judged(call(167, 224, b"/nowhere", 0), errno.ENOENT)
judged(call(163, 89, b"/nowhere"), errno.ENOENT)
""",
        _BOTH,
    ),
    _probe(
        "ports",
        "get the hardware's ports (iopl)",
        "child(lambda: judged(call(172, -1, 3), errno.ENOSYS)) if X86 else None",
        _BOTH,
    ),
    _probe(
        "watching files",
        "watch what everybody opens (fanotify)",
        "judged(call(300, 262, 0, 0))",
        _BOTH,
    ),
    _probe(
        "32-bit calls",
        "call the kernel by int 0x80, whose numbers another table explains",
        """
import mmap
def old():
    code = mmap.mmap(-1, 4096, prot=mmap.PROT_READ | mmap.PROT_WRITE | mmap.PROT_EXEC)
    code.write(b"\\xb8\\x14\\x00\\x00\\x00\\xcd\\x80\\xc3")  # mov eax, 20 (getpid); int 0x80; ret
    address = ctypes.addressof(ctypes.c_char.from_buffer(code))
    pid = ctypes.CFUNCTYPE(ctypes.c_int)(address)()
    print("OPEN" if pid == os.getpid() else "refused:", pid)
if X86:
    child(old)
""",
        "the filter ends whoever calls by another table",
        Bare.DEPENDS,
        "the filter",
    ),
    _probe(
        "x32 calls",
        "call the kernel by the x32 numbers",
        'child(lambda: judged(call(0x40000000 | 39, 172))) if X86 else None\nprint("CONTROL", call(39, 172))',
        "the filter; most kernels do not have them",
        Bare.DEPENDS,
    ),
    _probe(
        "kernel settings",
        "open settings of the kernel for writing: core_pattern, modprobe, sysrq, ip_forward",
        """
for name in ("kernel/core_pattern", "kernel/modprobe", "kernel/sysrq", "kernel/hostname", "vm/overcommit_memory",
             "fs/suid_dumpable", "kernel/pid_max", "kernel/hotplug"):
    attempt(writable, "/proc/sys/" + name)
attempt(writable, "/proc/sysrq-trigger")
""",
        "never started as real root; /proc is read-only",
        weak="real root",
    ),
    _probe(
        "/sys",
        "open files of /sys for writing",
        """
for path in ("/sys/kernel/uevent_helper", "/sys/power/state", "/sys/kernel/mm/transparent_hugepage/enabled",
             "/sys/module/printk/parameters/time", "/sys/kernel/profiling"):
    attempt(writable, path)
""",
        "there is no /sys",
    ),
    _probe(
        "control groups",
        "leave its control group, or change one's limits",
        """
import glob
for pattern in ("cgroup.procs", "*/cgroup.procs", "*/*/cgroup.procs", "*/memory.limit_in_bytes", "*/release_agent"):
    for path in glob.glob("/sys/fs/cgroup/" + pattern)[:3]:
        attempt(writable, path)
""",
        "there is no /sys; a control group namespace",
    ),
)
