"""The example repository that a new server has, so that the first task needs no key and no repository of one's own."""

FOLDER = "example"
"""In the state folder."""
NAME = "example"
PROMPT = "The late fee is wrong: fix it"
