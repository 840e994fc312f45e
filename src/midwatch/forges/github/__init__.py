"""GitHub and GitHub Enterprise. `site.py` is the way in."""
