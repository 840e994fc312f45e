"""What runs inside the box: programs of the standard library only, for Python 3.8 and later, that import nothing of
the rest of Midwatch. `search.py` is the entry; `hooks/` is loaded by the Pythons that the checks start."""
