"""What leaves this machine: written down before it is done, and what came of it after."""
