"""Models by wire format. Never a tool, a file of the repository, or a task."""
