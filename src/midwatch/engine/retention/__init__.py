"""Ended tasks: out of the lists, and after a time out of the database."""
