"""Tools of MCP servers: where they run, how they are reached, what the model sees of them."""
