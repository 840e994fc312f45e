"""GitLab, its own or one that somebody runs. `site.py` is the way in."""
