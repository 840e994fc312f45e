"""Which lines of the tree ran: sys.settrace, only inside files of the tree."""

import json
import os
import sys
import threading

from _midwatch_link import root

_OUTSIDE = (os.sep + "site-packages" + os.sep, os.sep + "_midwatch_", os.sep + "dist-packages" + os.sep)


TRACE = "MIDWATCH_REPAIR_TRACE"


def in_a_program_of_a_test():
    """Trace this whole process and leave the lines in the folder that the test's own process looks into."""
    import atexit

    folder, tracer, pid = os.environ[TRACE], Tracer(), os.getpid()

    def end():
        if os.getpid() == pid:
            tracer.stop()
            try:
                with open(os.path.join(folder, "%d.part" % pid), "w") as file:
                    json.dump(tracer.take(), file)
                os.rename(file.name, file.name[:-5] + ".json")
            except OSError:
                pass

    atexit.register(end)
    tracer.start()


def take_left(folder, lines):
    """Add to `lines` what programs of the test have left in the folder."""
    for name in os.listdir(folder):
        if not name.endswith(".json"):
            continue
        path = os.path.join(folder, name)
        try:
            with open(path) as file:
                for source, found in json.load(file).items():
                    lines[source] = sorted(set(lines.get(source, ())) | set(found))
            os.unlink(path)
        except (OSError, ValueError):
            pass


class Tracer:
    """Collects lines by file. Start and stop may be called many times; `take` empties it."""

    def __init__(self):
        self._base = root() + os.sep
        self._by_name = {}
        self._locals = {}
        self.entered = set()
        """(file, first line, name) of each code object that ran since the last `take`."""

    def start(self):
        threading.settrace(self._call)
        sys.settrace(self._call)

    def stop(self):
        sys.settrace(None)
        threading.settrace(None)

    def take(self):
        """{path relative to the tree: [lines]} since the last take."""
        lines = {}
        for path, found in self._locals.values():
            if found:
                lines.setdefault(path, set()).update(found)
                found.clear()
        self.entered = set()
        return {path: sorted(found) for path, found in lines.items()}

    def take_entered(self):
        """The code objects that ran, as lists: [path relative to the tree, first line, name]."""
        return sorted([path, line, name] for path, line, name in self.entered)

    def _call(self, frame, _event, _argument):
        code = frame.f_code
        name = code.co_filename
        try:
            local = self._by_name[name]
        except KeyError:
            local = self._by_name[name] = self._local(name)
        if local is None:
            return None
        path, found = self._locals[name]
        self.entered.add((path, code.co_firstlineno, code.co_name))
        found.add(code.co_firstlineno)
        return local

    def _local(self, name):
        path = os.path.realpath(name)
        if not path.startswith(self._base) or any(part in path for part in _OUTSIDE):
            return None
        found = set()
        add = found.add
        self._locals[name] = (path[len(self._base) :], found)

        def local(frame, event, _argument):
            if event == "line":
                add(frame.f_lineno)
            return local

        return local
