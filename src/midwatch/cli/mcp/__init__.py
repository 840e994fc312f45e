"""The Model Context Protocol: other programs submit tasks. Imported by `midwatch mcp` alone."""
