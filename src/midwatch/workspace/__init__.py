"""Trees, snapshots and differences: the host's git store of a repository and the workspaces made from it."""
