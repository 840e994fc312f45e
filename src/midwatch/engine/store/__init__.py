"""Stores of tasks, attempts and their event logs."""
