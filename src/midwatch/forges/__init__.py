"""Where pull requests live. A forge holds its credentials on the host."""
