"""What lasts: the store of tasks and logs, and the blobs that logs refer to. Never imports agent, tools or sandbox."""
