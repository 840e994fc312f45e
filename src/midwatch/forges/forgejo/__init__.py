"""Forgejo and Gitea, whose API is one. `site.py` is the way in."""
