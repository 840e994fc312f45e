"""Puts an edit into a running Python without writing it anywhere: by import, or into functions that exist already."""

import __future__

import base64
import contextlib
import gc
import importlib.machinery
import json
import os
import sys
import types

from _midwatch_link import root

EDIT = "MIDWATCH_REPAIR_EDIT"
_FUTURE = 0
for _feature in __future__.all_feature_names:
    _FUTURE |= getattr(__future__, _feature).compiler_flag


def changed(source, changes):
    """The bytes of a file with [(start, end, new bytes)] applied; places are those of the original."""
    for start, end, new in sorted(changes, reverse=True):
        source = source[:start] + new + source[end:]
    return source


def unpack(edit):
    """{absolute path: [(start, end, new)]} of an edit as it travels: [[path, start, end, base64], …]."""
    files = {}
    for path, start, end, new in edit:
        files.setdefault(os.path.join(root(), path), []).append((start, end, base64.b64decode(new)))
    return files


def by_import(edit):
    """Serve the edited source to every import in this process and in the Pythons that it starts."""
    os.environ[EDIT] = json.dumps(edit)
    files = unpack(edit)
    sources = {}
    original = importlib.machinery.SourceFileLoader.get_code

    def get_code(self, fullname):
        path = os.path.realpath(self.path)
        if path not in files:
            return original(self, fullname)
        if path not in sources:
            with open(path, "rb") as file:
                sources[path] = changed(file.read(), files[path])
        return compile(sources[path], self.path, "exec", dont_inherit=True)

    importlib.machinery.SourceFileLoader.get_code = get_code
    return files


def inherit():
    """In a Python that a test of a candidate has started."""
    files = by_import(json.loads(os.environ[EDIT]))
    main = main_script()
    if main in files:
        run_main(main, files[main])


def main_script():
    """The file that this Python will run as `__main__`, as far as can be known before it does; else ''."""
    arguments = getattr(sys, "orig_argv", None)
    if arguments is None:
        try:
            with open("/proc/self/cmdline", "rb") as file:
                arguments = [os.fsdecode(part) for part in file.read().split(b"\0")[:-1]]
        except OSError:
            return ""
    position = 1
    while position < len(arguments):
        word = arguments[position]
        if word in ("-c", "-m", "-"):
            return ""
        if word in ("-W", "-X", "--check-hash-based-pycs"):
            position += 2
        elif word.startswith("-"):
            if "m" in word[1:].rstrip("=") and not word.startswith(("-W", "-X", "--")):
                return ""
            position += 1
        else:
            return os.path.realpath(word)
    return ""


def run_main(path, changes):
    """Run the edited main script to its end and leave: the interpreter itself would read it from the disk."""
    import atexit
    import threading
    import traceback

    with open(path, "rb") as file:
        source = changed(file.read(), changes)
    main = sys.modules["__main__"] = types.ModuleType("__main__")
    main.__dict__.update(__file__=path, __builtins__=__builtins__)
    sys.path.insert(0, os.path.dirname(path))
    if not getattr(sys, "argv", None):
        sys.argv = [path]
    code = 0
    try:
        exec(compile(source, path, "exec", dont_inherit=True), main.__dict__)
    except SystemExit as leaving:
        code = leaving.code if isinstance(leaving.code, int) else int(leaving.code is not None)
    except BaseException:
        traceback.print_exc()
        code = 1
    threading._shutdown()
    atexit._run_exitfuncs()
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(code & 255)


class Functions:
    """The functions of the tree that exist in this process, so that a candidate's code can take their code's place."""

    def __init__(self, entered):
        self._at_import = {(path, line, name) for path, line, name in entered}
        self._live = {}
        self._files = {}
        base = root() + os.sep
        if hasattr(gc, "unfreeze"):
            gc.unfreeze()  # what an earlier server froze is not listed otherwise
        for thing in gc.get_objects():
            if type(thing) is types.FunctionType:
                path = thing.__code__.co_filename
                if path.startswith(base) or not path.startswith("/"):
                    key = (os.path.realpath(path), thing.__code__.co_firstlineno, thing.__code__.co_name)
                    self._live.setdefault(key, []).append(thing)

    def put(self, edit):
        """Change the code of the functions. "" when done; else why that cannot be so: `import` (code that ran while
        modules were imported would change), `syntax`, or `same` (nothing changes)."""
        os.environ[EDIT] = json.dumps(edit)
        replaced = []
        for path, changes in unpack(edit).items():
            for change in changes:
                why = self._one(path, [change], replaced)
                if why:
                    return why
        if not replaced:
            return "same"
        done = 0
        for path, old, new in replaced:
            for function in self._live.get((path, old.co_firstlineno, old.co_name), ()):
                if not _same_source(function.__code__, old):
                    continue  # another lambda of that line
                try:
                    function.__code__ = new.replace(co_filename=function.__code__.co_filename)
                except ValueError:
                    return "import"
                done += 1
        return "" if done else "import"

    def warm(self, path):
        """Read and parse a file ahead of the forks."""
        full = os.path.join(root(), path)
        with contextlib.suppress(OSError):
            self._files.setdefault(full, _Parts(full))

    def _one(self, path, changes, replaced):
        if path not in self._files:
            self._files[path] = _Parts(path)
        try:
            pair = self._files[path].compile(changes)
        except (SyntaxError, ValueError, RecursionError, MemoryError, OverflowError):
            return "syntax"
        if pair is None:
            return "import"
        return self._compare(path, pair[0], pair[1], replaced, False)

    def _compare(self, path, old, new, replaced, inside):
        """Pair the nested code objects of two versions of a statement and note those that differ."""
        olds = [c for c in old.co_consts if isinstance(c, types.CodeType)]
        news = [c for c in new.co_consts if isinstance(c, types.CodeType)]
        function = bool(old.co_flags & 2)  # CO_NEWLOCALS: not a module, not a class
        ran = (path[len(root()) + 1 :], old.co_firstlineno, old.co_name) in self._at_import
        inside = inside or (function and not ran)
        alike = [c.co_name for c in olds] == [c.co_name for c in news]
        if _shallow(old) != _shallow(new) or not alike:
            if not inside:
                return "import"
            if function:
                replaced.append((path, old, new))
            if not alike:
                return ""
        elif function and (old.co_firstlineno != new.co_firstlineno or repr_deep(old) != repr_deep(new)):
            replaced.append((path, old, new))
        for before, after in zip(olds, news):  # noqa: B905  (3.8 has no strict)
            why = self._compare(path, before, after, replaced, inside)
            if why:
                return why
        return ""


class _Parts:
    """A file cut into its top-level statements, so that only the changed one is compiled."""

    def __init__(self, path):
        import ast

        with open(path, "rb") as file:
            self._source = file.read()
        self._path = path
        self._statements = []
        self._old = {}
        starts = [0]
        for line in self._source.splitlines(keepends=True):
            starts.append(starts[-1] + len(line))
        self._flags = 0
        try:
            tree = ast.parse(self._source)
        except (SyntaxError, ValueError):
            return
        for node in tree.body:
            line = min([node.lineno] + [d.lineno for d in getattr(node, "decorator_list", ())])
            if isinstance(node, ast.ImportFrom) and node.module == "__future__":
                for alias in node.names:
                    self._flags |= getattr(getattr(__future__, alias.name, None), "compiler_flag", 0)
            if node.col_offset == 0:
                self._statements.append((starts[line - 1], line))

    def compile(self, changes):
        """(old code, new code) of the top-level statement that holds all changes; None when there is none."""
        first, last = min(c[0] for c in changes), max(c[1] for c in changes)
        place = None
        for number, (start, line) in enumerate(self._statements):
            end = self._statements[number + 1][0] if number + 1 < len(self._statements) else len(self._source)
            if start <= first and last <= end:
                place = (start, end, line)
        if place is None:
            return None
        start, end, line = place
        snippet = self._source[start:end]
        if place not in self._old:
            self._old[place] = self._code(snippet, line)
        moved = [(s - start, e - start, new) for s, e, new in changes]
        return self._old[place], self._code(changed(snippet, moved), line)

    def _code(self, snippet, line):
        text = b"\n" * (line - 1) + snippet
        return compile(text, self._path, "exec", flags=self._flags, dont_inherit=True)


def _same_source(one, other):
    """Whether two code objects of one line come from the same text. Their bytecode may differ even so: the compiler
    treats a name that the module imports in its own way, and a statement compiled alone does not show the import."""
    alike = one.co_names == other.co_names and one.co_varnames == other.co_varnames
    return alike and len(one.co_consts) == len(other.co_consts)


def _shallow(code):
    """All that makes a code object what it does, without its nested code and its line numbers."""
    consts = [(type(c).__name__, repr(c)) for c in code.co_consts if not isinstance(c, types.CodeType)]
    return (
        code.co_code, consts, code.co_names, code.co_varnames, code.co_freevars, code.co_cellvars, code.co_flags,
        code.co_argcount, code.co_posonlyargcount, code.co_kwonlyargcount, code.co_name,
        getattr(code, "co_exceptiontable", b""),
    )  # fmt: skip


def repr_deep(code):
    """As `_shallow`, with nested code: two codes with the same answer do the same."""
    nested = [repr_deep(c) for c in code.co_consts if isinstance(c, types.CodeType)]
    return (_shallow(code), nested)
