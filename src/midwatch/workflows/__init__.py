"""The story of each kind of task, one page each."""
