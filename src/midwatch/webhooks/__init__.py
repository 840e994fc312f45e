"""Telling others by HTTP what has become of tasks."""
