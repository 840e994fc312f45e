"""A program of its own: confines itself as it is told, and becomes the first process of a box without namespaces.

It stays behind as the guard, outside the confinement: whatever the box orphans becomes its child, and when the box's
first process or the worker ends, it ends everything that is left. Started as `python -I -S landlock_launch.py FD`,
with orders as JSON to be read from FD. Complaints go to the standard error, one line; the exit code is 125 then.
"""

from __future__ import annotations

import _socket
import base64
import ctypes
import json
import os
import resource
import select
import signal
import stat
import struct
import sys
import time
from typing import Any

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from landlock_broker import Broker  # type: ignore[import-not-found]

FAILED = 125
_SUBREAPER, _PDEATHSIG, _NO_NEW_PRIVS = 36, 1, 38
_NEWNS, _BIND, _REC, _PRIVATE, _REMOUNT, _RDONLY, _NOSUID, _NODEV = 0x20000, 4096, 16384, 1 << 18, 32, 1, 2, 4
_CREATE_RULESET, _ADD_RULE, _RESTRICT_SELF = 444, 445, 446
_NEW_LISTENER, _CLOSE_ON_EXEC = 1 << 3, 0x40000000
_SECCOMP = {"x86_64": 317, "aarch64": 277}

_libc = ctypes.CDLL(None, use_errno=True)


def main(orders: dict[str, Any]) -> int:
    """Start the box and watch over it; the exit code of its first process."""
    worker = os.pidfd_open(orders["worker"])
    if os.getppid() != orders["worker"]:
        return FAILED  # it is dead already
    _checked(_libc.prctl(_SUBREAPER, 1, 0, 0, 0), "become a subreaper")
    if orders["owner"] is not None:
        _reveal(orders["shown"], orders["owner"][0])
    guard = os.getpid()
    ours, theirs = _socket.socketpair(_socket.AF_UNIX, _socket.SOCK_STREAM)
    first = os.fork()
    if first == 0:
        try:
            ours.close()
            _limit_processes(orders["more_processes"])
            _confine(orders, guard, theirs)
            os.chdir(orders["cwd"])
            os.execve(orders["argv"][0], orders["argv"], orders["environment"])
        except OSError as error:
            _complain(error)
        finally:
            os._exit(FAILED)
    theirs.close()
    listener = _received(ours) if orders["asked"] else None
    calls = {int(number): name for number, name in orders["calls"]}
    broker = None if listener is None else Broker(listener, orders["writable"], first, calls)
    return _guard(worker, first, broker)


def _guard(worker: int, first: int, broker: Broker | None) -> int:
    """Wait for the box's first process or the worker to end, end all the others, and say how the first ended."""
    handle = os.pidfd_open(first)
    for number in (signal.SIGHUP, signal.SIGINT, signal.SIGTERM):
        signal.signal(number, signal.SIG_IGN)
    listener = -1 if broker is None else broker.listener
    nothing = os.open(os.devnull, os.O_RDWR)
    for stream in range(3):
        os.dup2(nothing, stream)
    for place in sorted(map(int, os.listdir("/proc/self/fd"))):
        if place > 2 and place not in (worker, handle, listener):
            try:
                os.close(place)
            except OSError:  # the listing's own
                continue
    waiting = select.poll()
    for one in (worker, handle) if broker is None else (worker, handle, listener):
        waiting.register(one, select.POLLIN)
    code = FAILED
    while True:
        ready = dict(waiting.poll())
        if broker is not None and ready.pop(listener, 0) & select.POLLIN:
            broker.answer()
        if not ready:
            continue
        while True:  # orphans come to us, and the first may be among the dead
            try:
                pid, status = os.waitpid(-1, os.WNOHANG)
            except ChildProcessError:
                pid, status = 0, 0
            if pid == 0:
                break
            code = os.waitstatus_to_exitcode(status) if pid == first else code
        _end_all()
        return code if code >= 0 else 128 - code


def _end_all() -> None:
    """Until nothing is below this process. All are stopped before the first dies, so that none can fork meanwhile."""
    stopped: set[int] = set()
    while fresh := set(_below(os.getpid())) - stopped:
        _send(fresh, signal.SIGSTOP)
        stopped |= fresh
    pause = 0.0005
    while left := _below(os.getpid()):
        _send(left, signal.SIGKILL)
        while True:
            try:
                if os.waitpid(-1, os.WNOHANG)[0] == 0:
                    break
            except ChildProcessError:
                break
        time.sleep(pause)
        pause = min(0.05, 2 * pause)


def _send(pids: Any, number: int) -> None:
    for pid in pids:
        try:
            os.kill(pid, number)
        except (ProcessLookupError, PermissionError):
            continue


def _below(top: int) -> list[int]:
    """All processes below `top`, dead ones too that nobody has waited for."""
    children: dict[int, list[int]] = {}
    for name in os.listdir("/proc"):
        if name.isdecimal():
            try:
                with open(f"/proc/{name}/stat", "rb") as file:
                    children.setdefault(int(file.read().rpartition(b")")[2].split()[1]), []).append(int(name))
            except (OSError, IndexError):
                continue
    found = [top]
    for pid in found:  # the list grows while it is walked
        found += children.get(pid, [])
    return found[1:]


def _reveal(shown: list[str], uid: int) -> None:
    """Let another uid walk to the paths that a box is shown: in mounts of our own, a folder above them that is closed
    to it is covered by an empty one that holds just them, at the same place. Without the right to mount, nothing
    happens, and a path that cannot be walked to is complained of later."""
    closed: dict[str, list[str]] = {}
    for path in shown:
        above = next((folder for folder in _ancestors(path) if not _may_walk(folder, uid)), None)
        if above is not None:
            closed.setdefault(above, []).append(path)
    if not closed or _libc.unshare(_NEWNS) != 0:
        return
    _mount("none", "/", None, _REC | _PRIVATE)
    for above, paths in closed.items():
        handles = [(path, os.open(path, os.O_PATH)) for path in sorted(paths)]
        _mount("midwatch", above, "tmpfs", _NOSUID | _NODEV, b"size=1m,mode=0755")
        placed: list[str] = []
        for path, handle in handles:
            if any(path.startswith(f"{there}/") or path == there for there in placed):
                continue
            placed.append(path)
            os.makedirs(os.path.dirname(path), mode=0o755, exist_ok=True)
            if stat.S_ISDIR(os.fstat(handle).st_mode):
                os.mkdir(path)
            else:
                os.close(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL))
            _mount(f"/proc/self/fd/{handle}", path, None, _BIND | _REC)
            os.close(handle)
        _mount("midwatch", above, None, _REMOUNT | _BIND | _RDONLY | _NOSUID | _NODEV)


def _ancestors(path: str) -> list[str]:
    names = [name for name in os.path.dirname(path).split("/") if name]
    return ["/" + "/".join(names[: count + 1]) for count in range(len(names))]


def _may_walk(folder: str, uid: int) -> bool:
    status = os.stat(folder)
    return bool(status.st_mode & (stat.S_IXUSR if status.st_uid == uid else stat.S_IXOTH))


def _confine(orders: dict[str, Any], guard: int, line: _socket.socket) -> None:
    """Give up everything that the orders do not grant, for good."""
    _volunteer()
    if orders["owner"] is not None:
        uid, gid = orders["owner"]
        os.setgroups([])
        os.setresgid(gid, gid, gid)
        os.setresuid(uid, uid, uid)
    _checked(_libc.prctl(_PDEATHSIG, int(signal.SIGKILL), 0, 0, 0), "end with its guard")
    if os.getppid() != guard:
        os._exit(FAILED)
    _checked(_libc.prctl(_SUBREAPER, 1, 0, 0, 0), "become a subreaper")
    _checked(_libc.prctl(_NO_NEW_PRIVS, 1, 0, 0, 0), "give up new privileges")
    _restrict_files(orders)
    for encoded in orders["filters"]:
        code = base64.b64decode(encoded)
        for placeholder, pid in ((orders["placeholders"][0], os.getpid()), (orders["placeholders"][1], guard)):
            for number in (placeholder, (1 << 32) - placeholder):
                real = pid if number == placeholder else (1 << 32) - pid
                code = code.replace(struct.pack("=I", number), struct.pack("=I", real))
        _load_filter(code, orders["arch"], 0)
    if orders["asked"]:
        listener = _load_filter(base64.b64decode(orders["asked"]), orders["arch"], _NEW_LISTENER)
        rights = [(_socket.SOL_SOCKET, _socket.SCM_RIGHTS, struct.pack("=i", listener))]
        line.sendmsg([b"."], rights)
        os.close(listener)
    line.close()


def _restrict_files(orders: dict[str, Any]) -> None:
    handled = struct.pack("=QQQ", *orders["handled"])[: orders["size"]]
    rules = _checked(
        _libc.syscall(_CREATE_RULESET, handled, ctypes.c_size_t(len(handled)), 0), "make a Landlock ruleset"
    )
    for path, granted in orders["rules"]:
        try:
            handle = os.open(path, os.O_PATH | os.O_CLOEXEC)
        except OSError as error:
            raise OSError(error.errno, f"cannot be shown to a box: {error.strerror}", path) from None
        if not stat.S_ISDIR(os.fstat(handle).st_mode):
            granted &= orders["of_files"]
        rule = struct.pack("=Qi", granted, handle)
        _checked(_libc.syscall(_ADD_RULE, rules, 1, rule, 0), f"add {path} to the Landlock ruleset")
        os.close(handle)
    _checked(_libc.syscall(_RESTRICT_SELF, rules, 0), "restrict itself by Landlock")
    os.close(rules)


def _load_filter(code: bytes, arch: str, flags: int) -> int:
    held = ctypes.create_string_buffer(code, len(code))
    program = struct.pack("=H6xQ", len(code) // 8, ctypes.addressof(held))
    return _checked(_libc.syscall(_SECCOMP[arch], 1, flags, program), "load the system call filter")


def _received(line: _socket.socket) -> int | None:
    """The handle that the other side sends; None when it has died before."""
    _, ancillary, _, _ = line.recvmsg(1, _socket.CMSG_SPACE(4), _CLOSE_ON_EXEC)
    line.close()
    return struct.unpack("=i", ancillary[0][2][:4])[0] if ancillary else None


def _limit_processes(more: int) -> None:
    """The kernel counts all of a user's: let there be so many more than there are now. Nothing for 0."""
    if more:
        there = 0
        for name in filter(str.isdecimal, os.listdir("/proc")):
            try:
                if os.stat(f"/proc/{name}").st_uid == os.getuid():
                    there += len(os.listdir(f"/proc/{name}/task"))
            except OSError:
                continue
        hard = resource.getrlimit(resource.RLIMIT_NPROC)[1]
        limit = there + more if hard == resource.RLIM_INFINITY else min(hard, there + more)
        resource.setrlimit(resource.RLIMIT_NPROC, (limit, limit))


def _volunteer() -> None:
    """To be the first to go when the host runs out of memory; all that is started below inherits this."""
    try:
        with open("/proc/self/oom_score_adj", "w") as file:
            file.write("900")
    except OSError:
        return


def _mount(source: str, target: str, kind: str | None, flags: int, data: bytes | None = None) -> None:
    named = None if kind is None else kind.encode()
    result = _libc.mount(os.fsencode(source), os.fsencode(target), named, ctypes.c_ulong(flags), data)
    _checked(result, f"mount {target}")


def _checked(result: int, what: str) -> int:
    if result < 0:
        number = ctypes.get_errno()
        raise OSError(number, f"cannot {what}: {os.strerror(number)}")
    return result


def _complain(error: OSError) -> None:
    line = f"{error.filename}: {error.strerror}" if error.filename else str(error.strerror)
    os.write(2, line.encode("utf-8", "surrogateescape") + b"\n")


if __name__ == "__main__":
    with open(int(sys.argv[1]), "rb") as orders_file:
        given = json.load(orders_file)
    try:
        code = main(given)
    except OSError as error:
        _complain(error)
        code = FAILED
    os._exit(code)
