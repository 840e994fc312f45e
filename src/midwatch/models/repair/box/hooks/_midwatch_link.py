"""The line to the search: JSON lines over a Unix socket; and the fork server that answers on it."""

import base64
import contextlib
import gc
import json
import os
import select
import signal
import socket
import sys
import time

SOCKET = "MIDWATCH_REPAIR_SOCKET"
ROOT = "MIDWATCH_REPAIR_ROOT"


def root():
    """The tree under repair, without a slash at the end."""
    return os.environ.get(ROOT, "")


class Link:
    """One connection. Every method blocks; a search that is gone ends this process."""

    def __init__(self, address):
        self.address = address
        self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self._socket.connect(address)
        self._buffer = b""
        self._lift()

    def _lift(self):
        """Move to a high descriptor, where programs do not expect to find a free or an open one."""
        try:
            import fcntl

            high = fcntl.fcntl(self._socket.fileno(), fcntl.F_DUPFD_CLOEXEC, 300)
        except (OSError, ValueError):
            return
        low, self._socket = self._socket, socket.socket(socket.AF_UNIX, socket.SOCK_STREAM, fileno=high)
        low.close()

    def fileno(self):
        return self._socket.fileno()

    def send(self, **message):
        """Send one message. Errors are ignored: who does not listen any more has killed us, or is about to."""
        with contextlib.suppress(OSError):
            self._socket.sendall(json.dumps(message).encode("ascii") + b"\n")

    def receive(self):
        """The next message; None when the search has gone."""
        while b"\n" not in self._buffer:
            try:
                data = self._socket.recv(1 << 16)
            except OSError:
                return None
            if not data:
                return None
            self._buffer += data
        line, _, self._buffer = self._buffer.partition(b"\n")
        return json.loads(line.decode("ascii"))

    def pending(self):
        return b"\n" in self._buffer

    def close(self):
        self._socket.close()


def serve(link, warm=None):
    """Fork whenever the search asks for it. Returns only in the children: (the child's own link, its job).
    `warm` is called with the path of a file that edits will be made in."""
    gc.collect()
    if hasattr(gc, "freeze"):
        gc.freeze()
    running = {}
    while True:
        if not link.pending():
            ready, _, _ = select.select([link], [], [], 0.004 if running else None)
            _reap(link, running)
            if not ready:
                continue
        message = link.receive()
        if message is None:
            os._exit(0)
        if message["op"] == "exit":
            os._exit(message["code"])
        if message["op"] == "preload":
            _preload(message["modules"])
        if message["op"] == "warm" and warm is not None:
            for path in message["paths"]:
                warm(path)
        if message["op"] == "fork":
            sys.stdout.flush()
            sys.stderr.flush()
            pid = os.fork()
            if not pid:
                return _child(link, message["job"])
            running[pid] = message["job"]["id"]
            link.send(forked=message["job"]["id"], pid=pid)


def _reap(link, running):
    for pid in list(running):
        try:
            done, status = os.waitpid(pid, os.WNOHANG)
        except OSError:
            done, status = pid, -1
        if done:
            link.send(gone=running.pop(pid), status=status)


def _preload(names):
    """Import what every candidate will import anyhow: modules outside the tree. None of them may stop us."""
    for name in names:
        if name not in sys.modules:
            try:
                __import__(name)
            except BaseException:
                sys.modules.pop(name, None)


def _child(link, job):
    os.setsid()
    mine = Link(link.address)
    link.close()
    if job["do"] != "collect":  # a program that is being collected may be a mere wrapper of the real one
        os.environ.pop(SOCKET, None)
    mine.send(job=job["id"], pid=os.getpid())
    if job.get("quiet", True):
        quiet()
    limit(job.get("limits") or {})
    return mine, job


def quiet():
    """Let the output go nowhere: a flood of it must not fill anything."""
    nowhere = os.open(os.devnull, os.O_RDWR)
    for descriptor in (0, 1, 2):
        os.dup2(nowhere, descriptor)
    os.close(nowhere)


def limit(limits):
    """Caps on memory, processor time and file size of this process."""
    import resource

    wanted = (
        (resource.RLIMIT_DATA, limits.get("data")),
        (resource.RLIMIT_FSIZE, limits.get("file")),
        (resource.RLIMIT_CPU, limits.get("cpu")),
        (resource.RLIMIT_CORE, 0),
    )
    for what, value in wanted:
        if value is None:
            continue
        try:
            _, hard = resource.getrlimit(what)
            if hard != resource.RLIM_INFINITY:
                value = min(value, hard)
            resource.setrlimit(what, (value, hard))
        except (OSError, ValueError):
            pass
    if limits.get("prof"):
        signal.signal(signal.SIGPROF, signal.SIG_DFL)
        signal.setitimer(signal.ITIMER_PROF, limits["prof"])


class TookTooLong(BaseException):
    """Raised inside a test that does not end."""


def alarm(seconds):
    """Raise TookTooLong in this thread after that many seconds, and again and again until `alarm(0)`."""

    def ring(_number, _frame):
        raise TookTooLong("did not end within %g s" % seconds)

    try:
        if seconds:
            signal.signal(signal.SIGALRM, ring)
        signal.setitimer(signal.ITIMER_REAL, seconds, 0.5 if seconds else 0)
    except ValueError:
        pass  # not the main thread: the search's own limit remains


def frames_of(traceback):
    """The frames of a traceback that lie in the tree, outermost first: [path relative to the tree, line, function]."""
    base = root() + os.sep
    found = []
    while traceback is not None:
        code = traceback.tb_frame.f_code
        path = os.path.abspath(code.co_filename)
        if path.startswith(base):
            found.append([path[len(base) :], traceback.tb_lineno, code.co_name])
        traceback = traceback.tb_next
    return found[:15] + found[-45:] if len(found) > 60 else found


def describe(kind, value, traceback):
    """An exception in a form that travels: frames, message, and the syntax error's own place."""
    frames = frames_of(traceback)
    seen = value
    while seen is not None and len(frames) < 80:
        if isinstance(seen, SyntaxError) and seen.filename and seen.lineno:
            path = os.path.abspath(seen.filename)
            if path.startswith(root() + os.sep):
                frames.append([path[len(root()) + 1 :], seen.lineno, "<syntax>"])
        following = seen.__cause__ or (None if seen.__suppress_context__ else seen.__context__)
        if following is not None and following is not seen:
            frames = frames_of(following.__traceback__) + frames
        seen = following if following is not seen else None
    try:
        text = str(value)
    except BaseException:
        text = "(no message)"
    name = getattr(kind, "__name__", str(kind))
    return {"frames": frames, "message": (name + ": " + text)[:2000], "hang": isinstance(value, TookTooLong)}


def modules():
    """(names of loaded modules outside the tree, files of those inside it relative to it)."""
    base = root() + os.sep
    outside, inside = [], []
    for name, module in list(sys.modules.items()):
        path = getattr(module, "__file__", None)
        if not isinstance(path, str):
            continue
        path = os.path.abspath(path)
        if path.startswith(base):
            inside.append(path[len(base) :])
        elif not name.startswith(("_midwatch", "__main__")) and name.count(".") < 6:
            outside.append(name)
    return outside, inside


def memory():
    """Bytes of data that this process holds."""
    try:
        with open("/proc/self/status") as file:
            for line in file:
                if line.startswith("VmData:"):
                    return int(line.split()[1]) * 1024
    except (OSError, ValueError):
        pass
    return 0


def decode(text):
    return base64.b64decode(text)


def now():
    return time.perf_counter()
