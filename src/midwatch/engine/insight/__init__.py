"""Counting what tasks and their pull requests have come to."""
