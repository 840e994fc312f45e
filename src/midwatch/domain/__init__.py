"""The words of Midwatch: what a task, an event, a check and a pull request are. Standard library only, no I/O."""
