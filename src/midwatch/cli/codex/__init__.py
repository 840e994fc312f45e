"""`midwatch exec`: headless turns with the options, the events and the exit codes that clients of Codex know."""
