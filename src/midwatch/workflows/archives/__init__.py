"""Ended tasks as files: everything that is needed to prove and to show them, in one archive."""
