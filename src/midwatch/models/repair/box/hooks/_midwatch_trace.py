"""Which lines of the tree ran: sys.settrace, only inside files of the tree."""

import os
import sys
import threading

from _midwatch_link import root

_OUTSIDE = (os.sep + "site-packages" + os.sep, os.sep + "_midwatch_", os.sep + "dist-packages" + os.sep)


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
        self._locals[name] = (path[len(self._base):], found)

        def local(frame, event, _argument):
            if event == "line":
                add(frame.f_lineno)
            return local

        return local
