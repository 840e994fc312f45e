"""Loaded by every Python that a check starts, since this folder comes first on PYTHONPATH: joins the search, or does
nothing."""

import importlib.machinery
import os
import sys


def _chain():
    """Run the sitecustomize that this one hides, as if this one were not here."""
    here = os.path.dirname(os.path.abspath(__file__))
    path = [entry for entry in sys.path if os.path.abspath(entry or ".") != here]
    spec = importlib.machinery.PathFinder.find_spec("sitecustomize", path)
    if spec is not None and spec.loader is not None and hasattr(spec.loader, "get_code"):
        code = spec.loader.get_code("sitecustomize")
        if code is not None:
            exec(code, {"__name__": "sitecustomize", "__file__": spec.origin})


try:
    _chain()
except Exception as error:
    sys.stderr.write("Error in sitecustomize: %r\n" % (error,))

if os.environ.get("MIDWATCH_REPAIR_EDIT"):
    import _midwatch_edit

    _midwatch_edit.inherit()
elif os.environ.get("MIDWATCH_REPAIR_TRACE"):
    import _midwatch_trace

    _midwatch_trace.in_a_program_of_a_test()
elif os.environ.get("MIDWATCH_REPAIR_SOCKET"):
    import _midwatch_start

    _midwatch_start.site()
