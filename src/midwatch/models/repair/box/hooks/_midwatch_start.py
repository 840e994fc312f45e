"""What a Python of a check does before its main program: ask the search whether to become a fork server."""

import os
import signal
import sys

import _midwatch_edit
from _midwatch_link import SOCKET, Link, alarm, describe, memory, modules, serve
from _midwatch_trace import TRACE, Tracer, take_left


class State:
    """Of this process. `job` is None in a process that the search has let go."""

    link = None
    job = None
    tracer = None
    ready = False


def site():
    """At interpreter start: pytest joins later, by its plugin; everything else joins here."""
    arguments = _arguments()
    if _is_pytest(arguments):
        return
    reply = _hello("site", arguments)
    if reply != "serve":
        return
    import unittest

    import _midwatch_unittest

    _midwatch_unittest.install(unittest)
    State.link, State.job = serve(State.link)
    begin()


def _arguments():
    arguments = getattr(sys, "orig_argv", None)
    if arguments is None:
        try:
            with open("/proc/self/cmdline", "rb") as file:
                arguments = [os.fsdecode(part) for part in file.read().split(b"\0")[:-1]]
        except OSError:
            arguments = []
    return list(arguments)


def _is_pytest(arguments):
    words = arguments[1:5]
    names = {os.path.basename(word) for word in words}
    return bool(names & {"pytest", "py.test"})


def _hello(kind, arguments):
    """Tell the search about this process; what it wants of it: `run` or `serve`. May end the process."""
    try:
        State.link = Link(os.environ[SOCKET])
    except OSError:
        return "run"
    State.link.send(hello=kind, pid=os.getpid(), argv=arguments[:8], cwd=os.getcwd(), python=sys.executable)
    reply = State.link.receive() or {"op": "run"}
    if reply["op"] == "exit":
        os._exit(reply["code"])
    if reply["op"] == "run":
        State.link.close()
    return reply["op"]


def plugin():
    """When pytest loads our plugin."""
    if State.job is not None and State.job["do"] == "try":
        return
    if SOCKET not in os.environ and State.job is None:
        return
    if State.job is not None:  # a script of the check that calls pytest: it is a pytest check then
        os.environ[SOCKET] = State.link.address
        if State.tracer:
            State.tracer.stop()
            alarm(0)
    if _hello("pytest", list(sys.argv)) == "serve":
        State.link, State.job = serve(State.link)
        begin()
    else:
        State.job = None


def begin():
    """The start of a child's job: `collect` (run on under observation) or `try` (run on with an edit)."""
    job = State.job
    if job["do"] == "try":
        files = _midwatch_edit.by_import(job["edit"])
        main = _midwatch_edit.main_script()
        if main in files:
            _midwatch_edit.run_main(main, files[main])
        return
    State.tracer = Tracer()
    _watch_end()
    alarm(job["alarm"])
    State.tracer.start()


def _watch_end():
    """A plain script tells what it covered and how it failed when it ends."""
    import atexit

    link, pid, before = State.link, os.getpid(), sys.excepthook

    def hook(kind, value, traceback):
        if os.getpid() == pid and not State.ready:
            State.tracer.stop()
            link.send(error=describe(kind, value, traceback))
        before(kind, value, traceback)

    def end():
        if os.getpid() == pid and not State.ready:
            State.tracer.stop()
            alarm(0)
            outside, inside = modules()
            entered = State.tracer.take_entered()
            lines = State.tracer.take()
            link.send(
                ended=True, lines=lines, entered=entered, outside=outside, inside=inside, data=memory(), path=sys.path
            )

    sys.excepthook = hook
    atexit.register(end)


def ready(kind, ids, errors):
    """All tests are known and all modules imported: become the second fork server. Returns in its children:
    (link, job), with `Functions` warmed for the files that the search names."""
    State.ready = True
    alarm(0)
    tracer = State.tracer
    tracer.stop()
    entered = tracer.take_entered()
    lines = tracer.take()
    outside, inside = modules()
    link = Link(State.link.address)
    link.send(
        hello=kind, of=State.job["id"], pid=os.getpid(), tests=ids, errors=errors, lines=lines, entered=entered,
        outside=outside, inside=inside, data=memory(), path=sys.path,
    )  # fmt: skip
    reply = link.receive()
    if reply is None or reply["op"] == "exit":
        os._exit(0)
    functions = _midwatch_edit.Functions(entered)
    for path in reply.get("warm", ()):
        functions.warm(path)
    State.link.close()
    State.link, State.job = serve(link, functions.warm)
    if State.job["do"] == "try":
        why = functions.put(State.job["edit"])
        if why:
            State.link.send(refused=why)
            os._exit(0)
    else:
        State.tracer = Tracer() if State.job["trace"] else None
    return State.link, State.job


class Course:
    """How the tests of a job go: says what to run, and tells the search what came of it."""

    def __init__(self, link, job):
        self.link = link
        self.job = job
        self.base = job["do"] == "base"
        self.first = set(job.get("first", ()))
        self.failed = 0
        self.left = ""
        if self.base and State.tracer:
            self.left = os.path.join(os.path.dirname(link.address), "trace-%d" % os.getpid())
            os.mkdir(self.left)
            os.environ[TRACE] = self.left

    def order(self, keys):
        """Indexes into `keys` in the order in which to run them."""
        if self.base:
            wanted = set(self.job["tests"])
            return [n for n, key in enumerate(keys) if key in wanted]
        rank = {key: n for n, key in enumerate(self.job["first"])}
        late = set(self.job["last"])
        first = sorted((n for n, key in enumerate(keys) if key in rank), key=lambda n: rank[keys[n]])
        rest = [n for n, key in enumerate(keys) if key not in rank and key not in late]
        return first + rest + [n for n, key in enumerate(keys) if key in late]

    def start(self, key):
        if self.base:
            self.link.send(start=key)
            if State.tracer:
                State.tracer.start()
            alarm(self.job["alarm"])

    def end(self, key, seconds, failure):
        """`failure` is None or a description. False when the rest need not run."""
        if self.base:
            alarm(0)
            lines = {}
            if State.tracer:
                State.tracer.stop()
                lines = State.tracer.take()
                take_left(self.left, lines)
            if failure and failure["hang"]:  # one that does not end is enough to wait less for the next
                self.job["alarm"] = max(0.3, self.job["alarm"] / 6)
            self.link.send(test=key, ok=failure is None, seconds=seconds, failure=failure, lines=lines)
            return True
        if key in self.first:
            self.first.discard(key)
            self.link.send(test=key, ok=failure is None)
            self.failed += failure is not None
            if failure is not None and self.job["stop"]:
                return False
            if not self.first and not self.failed:
                self.half()
            return bool(self.first) or not self.failed
        if failure is not None:
            self.link.send(test=key, ok=False, broke=True)
            self.failed += 1
            return False
        return True

    def half(self):
        """The failing tests pass; the others have time of their own."""
        self.link.send(half=True)
        if self.job.get("prof"):
            signal.setitimer(signal.ITIMER_PROF, self.job["prof"])

    def finish(self, problem=""):
        """The end of the job and of the process."""
        missing = not self.base and bool(self.first)
        self.link.send(done=True, ok=not self.failed and not problem and not missing, problem=problem)
        os._exit(0)


def keys_of(names):
    """Names made unique: the second `x` becomes `x#2`."""
    seen, keys = {}, []
    for name in names:
        seen[name] = seen.get(name, 0) + 1
        keys.append(name if seen[name] == 1 else "%s#%d" % (name, seen[name]))
    return keys
